"""What ``airflow mlops adopt`` does."""

import getpass
import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.output import say
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.rollback import stated_reason
from airflow_provider_mlops.core.run import RunFacts

log = logging.getLogger(__name__)


@exit_codes
def adopt(args: Namespace) -> None:
    """Record the champion, and say what is known of it and what is not.

    :param args: as `cli.definition_adopt.ADOPT` declares them.
    """
    from airflow_provider_mlops.hooks.adoption import Claims, adopt_version
    from airflow_provider_mlops.hooks.ledger import model_ledger
    from airflow_provider_mlops.hooks.mlflow import MlflowHook

    claims = Claims(
        label=args.label,
        features=tuple(_listed(args.features)),
        row_id=args.row_id,
        task=args.task,
        classes=_classes(args.classes),
        trusted_types=tuple(args.trusted_type),
        allow_pickle=args.allow_pickle,
    )
    who = getpass.getuser()
    record = adopt_version(
        MlflowHook(args.mlflow_conn_id),
        model_ledger(args.model, args.ledger_root),
        args.model,
        str(args.version),
        claims,
        run=_run(who),
        reason=stated_reason(args.reason, "An adoption"),
        by=who,
        rows=Path(args.rows) if args.rows else None,
        alias=args.alias,
        replace=args.replace_champion,
        log=log,
    )
    body = record.body
    say(f"Version {body['version']} of model {args.model} is in the ledger as {body['alias']}: record {record.hash}.")
    say(f"Format {body['format']}, {len(body['files'])} files, digest {body['model_digest']}.")
    say(f"Predictions: {body['prediction_digest'] or 'none'}.")
    say("Not known:")
    for line in body["unknown"]:
        say(f"  - {line}")


def _run(who: str) -> RunFacts:
    return RunFacts(
        dag_id="",
        run_id=f"cli/{who}",
        task_id="airflow mlops adopt",
        try_number=1,
        map_index=-1,
        partition_key=None,
        run_type="manual",
        mode=Mode.LIVE,
    )


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _classes(text: str | None) -> tuple[Any, ...]:
    """Whole numbers are classes as numbers, as they stand in the label column."""
    parts = _listed(text)
    numbers = parts and all(part.lstrip("-").isdecimal() for part in parts)
    return tuple(int(part) for part in parts) if numbers else tuple(parts)
