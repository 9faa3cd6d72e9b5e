"""What ``airflow mlops ledger verify`` does: records, signatures, and the end of each chain against what kept it."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.ledger import MODEL, chosen, open_chosen
from airflow_provider_mlops.cli.output import say, write_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.signing import PublicKey, short
from airflow_provider_mlops.core.trust import Keys
from airflow_provider_mlops.hooks.chain_check import DATASET, Checkpoints, check_chain, citations_in_models
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook


@exit_codes
def verify(args: Namespace) -> None:
    """Check chains; exit with 1 when one is not intact, naming each broken record.

    :param args: ``chain`` (or None for all), ``public_key`` (files, or None), ``signed``, ``mlflow``, ``no_mlflow``
        and ``mlflow_conn_id``, ``json`` and ``ledger_root``.
    """
    hook = LedgerHook()
    keys = trusted_keys(args.public_key) if args.public_key else hook.keys
    checkpoints, why = find_checkpoints(args, hook)
    citations = citations_in_models(open_chosen(args.ledger_root, hook), keys)
    store, names = chosen(args, hook, also={*(checkpoints or ()), *(cited.chain for cited in citations)})
    checked = [check_chain(Ledger(store, name, keys), checkpoints, citations, signed=args.signed) for name in names]
    if args.json:
        write_json(checked)
    else:
        for found in checked:
            _say_verified(found)
    if checkpoints is None and any(name.startswith(MODEL) for name in names):
        say(f"Truncation of models' chains not checked: no checkpoint reachable. {why}", error=args.json)
    if not all(found["intact"] for found in checked):
        raise SystemExit(BROKEN)


def trusted_keys(files: Sequence[str]) -> Keys:
    """Read the keys to trust, and no others.

    :param files: files with public keys, PEM.
    :return: the keys.
    :raises BadInput: when a file cannot be read, or holds no key.
    """
    from airflow_provider_mlops.backends.ed25519 import read_public_key, read_public_keys

    trusted: dict[str, PublicKey] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as err:
            why = getattr(err, "strerror", None) or "it is no text"
            raise BadInput(f"The public key {file!r} cannot be read: {why}.") from None
        trusted |= read_public_keys(text, f"The file {file!r}")
    return Keys(None, trusted, read_public_key)


def find_checkpoints(args: Namespace, hook: LedgerHook) -> tuple[Checkpoints, str]:
    """Read the checkpoints unless nobody wants them.

    :param args: ``mlflow``, ``no_mlflow``, ``mlflow_conn_id`` (or None), ``ledger_root``, and ``chain`` where one was
        named. Who names a connection insists on it, as ``mlflow`` does: a misspelt one must not pass as unreachable.
    :param hook: the ledger's connection.
    :return: checkpoint by chain, or None and why.
    :raises BadInput: when they must be read and cannot be.
    """
    from airflow_provider_mlops.hooks.checkpoint import kept_checkpoints

    insists = args.mlflow or args.mlflow_conn_id is not None
    if insists and args.no_mlflow:
        raise BadInput(f"{'--mlflow' if args.mlflow else '--mlflow-conn-id'} and --no-mlflow exclude each other.")
    if args.no_mlflow:
        return None, "--no-mlflow."
    if not insists and (getattr(args, "chain", None) or "").startswith(DATASET):
        return None, ""
    if not insists and args.ledger_root and hook.root(args.ledger_root) != hook.root():
        return None, "--ledger-root is not the configured ledger. Use --mlflow to compare all the same."
    found, why = kept_checkpoints(registry_of(args))
    if found is None and insists:
        raise BadInput(f"The registry cannot be asked for its checkpoints (--no-mlflow goes without): {why}")
    return found, why


def registry_of(args: Namespace) -> MlflowHook:
    """Return the hook of the registry that was named, or of the default connection.

    :param args: ``mlflow_conn_id``, or None.
    :return: the hook.
    """
    return MlflowHook(args.mlflow_conn_id or MlflowHook.default_conn_name)


def _say_verified(found: dict[str, Any]) -> None:
    name, problems = found["chain"], found["problems"]
    if not problems:
        facts = [f"{found['records']} records", f"last hash {found['last_hash']}", _signatures(found), found["end"]]
        say(f"{name}: intact, {', '.join(facts)}")
        return
    say(f"{name}: {len(problems)} problem{'s' if len(problems) != 1 else ''}")
    for problem in problems:
        say(f"  {problem}")


def _signatures(found: dict[str, Any]) -> str:
    by, count = found["signatures"]["records"], sum(found["signatures"]["records"].values())
    if not count:
        return "not signed although public keys are trusted" if found["signatures"]["checked"] else "not signed"
    some = "" if count == found["records"] else f"{count} "
    if not found["signatures"]["checked"]:
        return f"{some}signed, signatures not checked (no public key)"
    return f"{some}signed by {' and '.join(map(short, by))}"
