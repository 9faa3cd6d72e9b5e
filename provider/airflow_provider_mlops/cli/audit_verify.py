"""What ``airflow mlops audit verify`` does: one check of everything that the records of a model, or of all, cite."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_mlops.cli.datasets import open_storage
from airflow_provider_mlops.cli.describe import count
from airflow_provider_mlops.cli.exit_codes import BROKEN, exit_codes
from airflow_provider_mlops.cli.ledger import open_chosen
from airflow_provider_mlops.cli.ledger_verify import find_checkpoints, registry_of, trusted_keys
from airflow_provider_mlops.cli.output import say, write_json
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.hooks.ledger import LedgerHook

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.evidence_audit import Audited

_MOST = 30


@exit_codes
def verify(args: Namespace) -> None:
    """Check chains, stored files, models, versions and aliases; exit with 1 when anything is not as recorded.

    :param args: ``model`` or ``all``, ``bundle`` (or None), ``public_key``, ``signed``, ``mlflow``, ``no_mlflow``,
        ``mlflow_conn_id``, ``json``, ``storage_root`` and ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.evidence_audit import Audit, run_audit
    from airflow_provider_mlops.hooks.evidence_unchecked import not_checked

    if bool(args.model) == args.all:
        raise BadInput("Say what to verify: --model and its name, or --all.")
    if args.bundle and not Path(args.bundle).is_dir():
        raise BadInput(f"There is no folder {args.bundle!r}; --bundle is the root of the Dag bundle.")
    hook = LedgerHook()
    checkpoints, why = find_checkpoints(args, hook)
    asked = Audit(
        storage=open_storage(args),
        store=open_chosen(args.ledger_root, hook),
        keys=trusted_keys(args.public_key) if args.public_key else hook.keys,
        model=args.model,
        signed=args.signed,
        checkpoints=checkpoints,
        registry=None if checkpoints is None else registry_of(args),
        bundle=Path(args.bundle) if args.bundle else None,
    )
    found = run_audit(asked)
    unchecked = not_checked(asked, found, why if checkpoints is None else "")
    if args.json:
        findings = [{"file": f.file, "what": f.what, "problem": f.problem, "by": f.by or None} for f in found.findings]
        write_json({"chains": dict(found.chains), "findings": findings, "not_checked": unchecked})
    else:
        _say(found, unchecked)
    if found.findings:
        raise SystemExit(BROKEN)


def _say(found: "Audited", unchecked: list[str]) -> None:
    for finding in found.findings:
        say(str(finding))
    records = f"{sum(found.chains.values()):,} records of {len(found.chains)} chains"
    so_far = "Everything that was checked is as recorded." if unchecked else "Everything is as recorded."
    end = f"{count(len(found.findings), 'finding')}." if found.findings else so_far
    say(f"{records}, {len(found.cited.folders):,} folders that they cite: {end}")
    for line in unchecked[:_MOST]:
        say(f"not checked: {line}")
    if len(unchecked) > _MOST:
        say(f"not checked: and {len(unchecked) - _MOST:,} more; --json names them all.")
