"""Ed25519 keys, by the library ``cryptography``."""

from __future__ import annotations

import base64
import binascii
import re
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import sha256_bytes
from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_EXTRA = "signing"
_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)
_HOW = "make one with: openssl genpkey -algorithm ed25519"


class VerifyingKey:
    """A public key.

    :param key: the key of the library.
    """

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @cached_property
    def id(self) -> str:
        """SHA-256 of its DER form, as ``openssl pkey -pubin -outform DER | sha256sum`` gives it."""
        return sha256_bytes(self._der)

    @cached_property
    def pem(self) -> str:
        """The key as text."""
        body = base64.encodebytes(self._der).decode()
        return f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Tell whether this key made the signature of this message.

        :param message: what was signed.
        :param signature: the signature.
        """
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _der(self) -> bytes:
        forms = load("cryptography.hazmat.primitives.serialization", _EXTRA)
        found: bytes = self._key.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
        return found


class SigningKey:
    """A private key; it shows itself as nothing but the id of its public half.

    :param key: the key of the library.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = VerifyingKey(key.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.id})"

    def sign(self, message: bytes) -> bytes:
        """Sign.

        :param message: what to sign.
        :return: the signature, 64 bytes; the same for the same message.
        """
        return self._key.sign(message)


def read_signing_key(text: str, where: str) -> SigningKey:
    """Read a private key.

    :param text: one PEM block, PKCS #8, without a passphrase. Line ends may be missing, or written as a backslash and
        an n, as forms and environment variables leave them.
    :param where: where it stands, for the message; the text is never shown.
    :return: the key.
    :raises BadInput: when it is anything else.
    """
    forms = load("cryptography.hazmat.primitives.serialization", _EXTRA)
    kinds = load("cryptography.hazmat.primitives.asymmetric.ed25519", _EXTRA)
    blocks = _blocks(text)
    if [label for label, _ in blocks] == ["PRIVATE KEY"]:
        from cryptography.exceptions import UnsupportedAlgorithm

        try:
            key = forms.load_der_private_key(blocks[0][1], password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if isinstance(key, kinds.Ed25519PrivateKey):
            return SigningKey(key)
    # The library's own message is not passed on: it may quote what it could not read.
    raise BadInput(f"{where} must be one Ed25519 private key in PEM form, without a passphrase; {_HOW}.") from None


def read_public_keys(text: str, where: str) -> dict[str, VerifyingKey]:
    """Read public keys.

    :param text: any number of PEM blocks, one after the other; empty: none.
    :param where: where they stand, for the message.
    :return: the keys by their id.
    :raises BadInput: when there is anything else.
    """
    blocks = _blocks(text)
    if text.strip() and (not blocks or _BLOCK.sub("", text).replace("\\n", "").strip()):
        raise BadInput(f"{where} must hold public keys in PEM form, one after the other, and nothing else.")
    keys = [_public_key(label, der, where) for label, der in blocks]
    return {key.id: key for key in keys}


def read_public_key(text: str) -> VerifyingKey:
    """Read one public key.

    :param text: a PEM block.
    :return: the key.
    :raises BadInput: when it is anything else, or several.
    """
    keys = read_public_keys(text, "The key") if isinstance(text, str) else {}
    if len(keys) != 1:
        raise BadInput("The key must be one public key in PEM form.")
    return next(iter(keys.values()))


def _public_key(label: str, der: bytes, where: str) -> VerifyingKey:
    forms = load("cryptography.hazmat.primitives.serialization", _EXTRA)
    kinds = load("cryptography.hazmat.primitives.asymmetric.ed25519", _EXTRA)
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = forms.load_der_public_key(der) if label == "PUBLIC KEY" else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, kinds.Ed25519PublicKey):
        found = "a private key" if "PRIVATE" in label else "something else"
        raise BadInput(f"{where} must hold Ed25519 public keys in PEM form; it holds {found}.") from None
    return VerifyingKey(key)


def _blocks(text: str) -> list[tuple[str, bytes]]:
    found = []
    for label, body in _BLOCK.findall(text):
        try:
            found.append((label, base64.b64decode("".join(body.replace("\\n", "").split()), validate=True)))
        except (binascii.Error, ValueError):
            found.append((label, b""))
    return found
