"""What ``airflow mlops audit summary`` does."""

from argparse import Namespace
from collections.abc import Collection
from pathlib import Path

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.models import chosen_model
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.audit_summary import Scope, build_summary
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.near import did_you_mean
from airflow_provider_mlops.hooks.ledger import model_ledger


@exit_codes
def summary(args: Namespace) -> None:
    """Summarise an audit: a table, and a page where a folder is named.

    :param args: ``model``, ``backfill``, ``audit``, ``since``, ``until`` (None for none), ``output``, ``json`` and
        ``ledger_root``.
    """
    from airflow_provider_mlops.core.audit_summary_page import summary_sentences
    from airflow_provider_mlops.hooks.audit_summary import PAGE, write_summary

    args.model = chosen_model(args.model, args.ledger_root)
    records = model_ledger(args.model, args.ledger_root).records()
    expected = _runs_of(args.backfill) if args.backfill is not None else None
    run_ids = None if expected is None else frozenset(expected)
    if expected is None and args.audit:
        expected = _runs_named(args.audit, {str(record.run.get("dag_id")) for record in records})
    scope = Scope(
        audit=args.audit,
        run_ids=run_ids,
        since=args.since or "",
        until=args.until or "",
        by_hand=expected is None and not args.audit,
    )
    found = build_summary(args.model, records, scope, expected)
    if not found["partitions"]:
        names = sorted({str(r.run["audit"]) for r in records if r.run.get("audit")})
        known = (
            f" Its audits by name: {', '.join(names)}.{did_you_mean(args.audit, names)}" if args.audit and names else ""
        )
        raise BadInput(f"Model {args.model!r} has no audit and no replay of what was asked for.{known}")
    if args.json:
        write_json(found)
        return
    rows = [
        (
            entry["partition_key"],
            entry["version"],
            entry["level"],
            entry["outcome"],
            "; ".join(item["cause"] for item in entry["differences"]) or "as recorded",
            entry["replay"]["run_id"],
        )
        for entry in found["partitions"]
    ]
    print_table(("partition", "version", "level", "outcome", "not as recorded", "run"), rows)
    for line in summary_sentences(found):
        say(line)
    if args.output:
        write_summary(Path(args.output), found)
        say(f"Summary: {Path(args.output) / PAGE}")


def _runs_named(audit: str, dag_ids: Collection[str]) -> dict[str, str] | None:
    """Ask Airflow's database which runs bear the name of an audit, so that those without a record are named, too.

    :param audit: the name.
    :param dag_ids: the Dags that have recorded something of the model: others may bear the name for another model.
    :return: partition key by id of the run; None where the database cannot be asked, which is said.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    wanted = select(DagRun.run_id, DagRun.partition_key, DagRun.conf).where(DagRun.dag_id.in_(sorted(dag_ids)))
    try:
        with create_session() as session:
            found = list(session.execute(wanted))
    except SQLAlchemyError as err:
        say(
            f"not checked: whether a run recorded nothing, since Airflow's database says {type(err).__name__}",
            error=True,
        )
        return None
    return {str(run_id): str(key or "") for run_id, key, conf in found if (conf or {}).get("audit") == audit}


def _runs_of(backfill: str) -> dict[str, str]:
    """Ask Airflow's database which runs a backfill made; only it knows.

    :param backfill: id of the backfill.
    :return: partition key by id of the run.
    :raises BadInput: when it is no number, or Airflow has no run of such a backfill.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if not backfill.isascii() or not backfill.isdigit():
        raise BadInput(f"--backfill {backfill!r} is no id; `airflow backfill create` and the backfill's page tell it.")
    with create_session() as session:
        wanted = select(DagRun.run_id, DagRun.partition_key).where(DagRun.backfill_id == int(backfill))
        found = {str(run_id): str(key or "") for run_id, key in session.execute(wanted)}
    if not found:
        raise BadInput(f"Airflow has no run of backfill {backfill}; were its runs deleted? Give --from and --to.")
    return found
