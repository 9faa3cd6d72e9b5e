"""Keys: read from what forms and files hold, never shown."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from airflow_provider_mlops.backends.ed25519 import read_public_key, read_public_keys, read_signing_key
from airflow_provider_mlops.core.errors import BadInput
from tests.support.keys import private_pem, signing_key

PEM = private_pem("one")


@pytest.mark.parametrize(
    "text", [PEM, PEM.replace("\n", ""), PEM.replace("\n", "\\n"), PEM.replace("\n", " "), f"\n{PEM}\n"]
)
def test_line_ends_do_not_matter(text: str) -> None:
    """A field of one line swallows them, an environment variable writes them as two characters."""
    assert read_signing_key(text, "x").public.id == signing_key("one").public.id


def test_public_keys_stand_one_after_the_other() -> None:
    """The id is the SHA-256 that OpenSSL gives."""
    pems = [signing_key(name).public.pem for name in ("one", "two")]
    found = read_public_keys("".join(pems), "x")

    assert list(found) == [signing_key("one").public.id, signing_key("two").public.id]
    assert read_public_keys("", "x") == {}
    assert read_public_key(pems[0]).pem == pems[0]


def test_openssl_makes_the_keys_and_gives_the_same_id(tmp_path: Path) -> None:
    """The how-to's three commands."""
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], check=True, capture_output=True).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout

    signing = read_signing_key(key.read_text(), "x")
    assert signing.public.pem == public.decode()
    assert signing.public.id == f"sha256:{hashlib.sha256(der).hexdigest()}"
    assert signing.public.holds(b"m", signing.sign(b"m"))
    assert not signing.public.holds(b"n", signing.sign(b"m"))
    assert not signing.public.holds(b"m", b"short")


def wrong_keys() -> dict[str, str]:
    """Texts that are no Ed25519 private key without a passphrase."""
    curve = ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = Ed25519PrivateKey.generate().private_bytes(
        encoding, form, serialization.BestAvailableEncryption(b"secret")
    )
    return {
        "empty": "",
        "a word": "hunter2",
        "public": signing_key("one").public.pem,
        "two": PEM + PEM,
        "cut": PEM[:70] + "\n-----END PRIVATE KEY-----\n",
        "other kind": curve.private_bytes(encoding, form, serialization.NoEncryption()).decode(),
        "passphrase": locked.decode(),
    }


@pytest.mark.parametrize("what", wrong_keys())
def test_anything_else_is_refused_and_not_shown(what: str) -> None:
    """The message says where it stands and how to make one; nothing of it appears."""
    text = wrong_keys()[what]
    with pytest.raises(BadInput, match="The password of x must be one Ed25519 private key") as caught:
        read_signing_key(text, "The password of x")

    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__suppress_context__}"
    assert shown.endswith("None True")
    assert not [line for line in text.split("\n") if len(line) > 5 and "KEY" not in line and line in shown]


@pytest.mark.parametrize("text", ["hunter2", PEM, signing_key("one").public.pem + "rest", PEM[:60]])
def test_a_private_key_or_rest_is_no_public_key(text: str) -> None:
    """A private key in the wrong field is refused, not spread."""
    with pytest.raises(BadInput, match="public keys") as caught:
        read_public_keys(text, "public_keys of x")

    assert PEM.split("\n")[1] not in str(caught.value)


@pytest.mark.parametrize("text", ["", None, "".join(signing_key(name).public.pem for name in ("one", "two"))])
def test_one_public_key_is_one(text: str | None) -> None:
    """A record of a rotation brings exactly one."""
    with pytest.raises(BadInput, match="one public key"):
        read_public_key(text)  # type: ignore[arg-type]
