"""What ``airflow mlops ledger rotate-key`` does."""

from argparse import Namespace
from pathlib import Path

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.ledger import open_chosen
from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.trust import Keys
from airflow_provider_mlops.hooks.ledger import LedgerHook


@exit_codes
def rotate_key(args: Namespace) -> None:
    """Append a record ``key_rotation`` to every chain, signed by the present key; a repetition finishes what is left.

    :param args: ``public_key`` (file of the new key's public half), ``reason`` and ``ledger_root``.
    """
    from airflow_provider_mlops.backends.ed25519 import read_public_key

    hook = LedgerHook()
    old = hook.keys.signer
    if old is None:
        raise BadInput("The ledger's connection has no signing key: only the present key can bring a new one.")
    try:
        new = read_public_key(Path(args.public_key).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as err:
        why = getattr(err, "strerror", None) or "it is no text"
        raise BadInput(f"The public key {args.public_key!r} cannot be read: {why}.") from None
    if new.id == old.public.id:
        raise BadInput(f"{args.public_key!r} is the public half of the present key; a rotation needs another one.")
    store = open_chosen(args.ledger_root, hook)
    body = {"old_key_id": old.public.id, "new_key_id": new.id, "public_key": new.pem, "reason": args.reason}
    key = sha256_of({"old": old.public.id, "new": new.id})
    keys = Keys(old, {**hook.keys.trusted, new.id: new}, read_public_key)
    for name in chains(store):
        record = Ledger(store, name, keys).append(kind="key_rotation", key=key, body=body)
        say(f"{name}: record {record.seq} replaces the key.")
    say(
        f"Now put the new signing key {new.id} into the ledger's connection, and the public key of {old.public.id} "
        "into its public_keys."
    )
