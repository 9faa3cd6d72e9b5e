"""Ed25519 keys for tests: the same for the same name."""

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from airflow_provider_mlops.backends.ed25519 import SigningKey, read_public_key, read_signing_key
from airflow_provider_mlops.core.trust import Keys


def private_pem(name: str) -> str:
    """Return the private key of a name, PEM."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def signing_key(name: str) -> SigningKey:
    """Return the private key of a name."""
    return read_signing_key(private_pem(name), "the test")


def keys(signer: str | None, *trusted: str) -> Keys:
    """Return the keys of a ledger that one key signs, and that trusts it and others."""
    key = signing_key(signer) if signer else None
    public = [item.public for item in ([key] if key else []) + [signing_key(name) for name in trusted]]
    return Keys(key, {item.id: item for item in public}, read_public_key)
