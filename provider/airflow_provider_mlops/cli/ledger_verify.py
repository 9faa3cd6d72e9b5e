"""What ``airflow mlops ledger verify`` does: records, signatures, and the end of each chain against what kept it."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.ledger import MODEL, chosen, open_chosen
from airflow_provider_mlops.cli.output import say, write_json
from airflow_provider_mlops.core.chain import ChainReport, record_name
from airflow_provider_mlops.core.checkpoint import Checkpoint
from airflow_provider_mlops.core.citations import Citation, citation_problems, citations_in
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.ledger import Ledger, chains
from airflow_provider_mlops.core.signing import PublicKey, short
from airflow_provider_mlops.core.store import Store
from airflow_provider_mlops.core.trust import Keys
from airflow_provider_mlops.hooks.ledger import LedgerHook
from airflow_provider_mlops.hooks.mlflow import MlflowHook

DATASET = "dataset/"
_Checkpoints = Mapping[str, Checkpoint] | None


@exit_codes
def verify(args: Namespace) -> None:
    """Check chains; exit with 1 when one is not intact, naming each broken record.

    :param args: ``chain`` (or None for all), ``public_key`` (files, or None), ``signed``, ``mlflow``, ``no_mlflow``
        and ``mlflow_conn_id``, ``json`` and ``ledger_root``.
    """
    hook = LedgerHook()
    keys = _trusted(args.public_key) if args.public_key else hook.keys
    checkpoints, why = _checkpoints(args, hook)
    citations = _citations(open_chosen(args.ledger_root, hook), keys)
    store, names = chosen(args, hook, also={*(checkpoints or ()), *(cited.chain for cited in citations)})
    checked = [_verified(Ledger(store, name, keys), checkpoints, citations, signed=args.signed) for name in names]
    if args.json:
        write_json(checked)
    else:
        for found in checked:
            _say_verified(found)
    if checkpoints is None and any(name.startswith(MODEL) for name in names):
        say(f"Truncation of models' chains not checked: no checkpoint reachable. {why}", error=args.json)
    if not all(found["intact"] for found in checked):
        raise SystemExit(BROKEN)


def _trusted(files: Sequence[str]) -> Keys:
    from airflow_provider_mlops.backends.ed25519 import read_public_key, read_public_keys

    trusted: dict[str, PublicKey] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as err:
            raise BadInput(f"The public key {file!r} cannot be read: {err}.") from None
        trusted |= read_public_keys(text, f"The file {file!r}")
    return Keys(None, trusted, read_public_key)


def _checkpoints(args: Namespace, hook: LedgerHook) -> tuple[_Checkpoints, str]:
    """Read the checkpoints unless nobody wants them; and say why they are not there."""
    from airflow_provider_mlops.hooks.checkpoint import kept_checkpoints

    if args.mlflow and args.no_mlflow:
        raise BadInput("--mlflow and --no-mlflow exclude each other.")
    if args.no_mlflow:
        return None, "--no-mlflow."
    if not args.mlflow and args.chain and args.chain.startswith(DATASET):
        return None, ""
    if not args.mlflow and args.ledger_root and hook.root(args.ledger_root) != hook.root():
        return None, "--ledger-root is not the configured ledger. Use --mlflow to compare all the same."
    found, why = kept_checkpoints(MlflowHook(args.mlflow_conn_id))
    if found is None and args.mlflow:
        raise BadInput(f"The registry cannot be asked for its checkpoints: {why}")
    return found, why


def _citations(store: Store, keys: Keys) -> list[Citation]:
    """Collect what models cite of datasets; a chain that is broken is told of by itself."""
    found: list[Citation] = []
    for name in chains(store):
        if name.startswith(MODEL):
            try:
                found += citations_in(Ledger(store, name, keys).records())
            except EvidenceBroken:
                continue
    return found


def _verified(
    ledger: Ledger, checkpoints: _Checkpoints, citations: Sequence[Citation], *, signed: bool
) -> dict[str, Any]:
    name = ledger.chain
    report = ledger.examine()
    problems = list(report.problems)
    kept = (checkpoints or {}).get(name)
    if kept is not None and (problem := kept.problem(report.hashes)):
        place = f"{name}/{record_name(kept.seq)}"
        problems += [] if any(known.startswith(place) for known in problems) else [f"{place}: {problem}"]
    cited = [citation for citation in citations if citation.chain == name]
    if cited and not problems:
        problems += citation_problems(name, ledger.records(), cited)
    if signed and not problems and (problem := _not_signed(report)):
        problems.append(f"{name}: {problem}")
    return {
        "chain": name,
        "intact": not problems,
        "records": None if problems else len(report.hashes),
        "last_hash": None if problems else report.last_hash,
        "signatures": {"checked": report.checked, "records": report.signed},
        "checkpoint": {"seq": kept.seq, "hash": kept.hash} if kept else None,
        "cited": max((one.record.seq for one in cited if one.record), default=None),
        "end": _end(name, checkpoints, cited),
        "problems": problems,
    }


def _end(name: str, checkpoints: _Checkpoints, cited: Sequence[Citation]) -> str:
    """Say what the end of a chain was compared with."""
    if name.startswith(DATASET):
        newest = max((one.record.seq for one in cited if one.record), default=None)
        if newest is not None:
            return f"holds what models cite, up to record {newest}"
        return "holds the snapshots that models name" if cited else "no model cites it"
    if checkpoints is None:
        return "truncation not checked"
    kept = checkpoints.get(name)
    return f"agrees with the checkpoint at record {kept.seq}" if kept else "no checkpoint"


def _not_signed(report: ChainReport) -> str | None:
    count = sum(report.signed.values())
    if count < len(report.hashes):
        return f"not signed: {len(report.hashes) - count} of {len(report.hashes)} records are not."
    return None if report.checked else "signatures not checked: no public key is known."


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
