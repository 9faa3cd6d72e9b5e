"""What ``airflow mlops mute`` does: accept a drift for a time, list what is accepted, end it."""

import getpass
from argparse import Namespace
from datetime import UTC, datetime

from airflow_provider_mlops.cli.exit_codes import exit_codes
from airflow_provider_mlops.cli.models import chosen_model, model_records
from airflow_provider_mlops.cli.output import print_table, say, write_json
from airflow_provider_mlops.core.canonical import PREFIX
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.mute import MUTE, Mute, active_mutes, mute_body
from airflow_provider_mlops.core.run import RunFacts

_SHOWN_DIGITS = 12


@exit_codes
def add(args: Namespace) -> None:
    """Record a mute, and print what it says.

    :param args: ``model``, ``feature``, ``rule``, ``kind`` (each or None), ``until``, ``reason``, ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.ledger import model_ledger
    from airflow_provider_mlops.hooks.mutes import add_mute

    args.model = chosen_model(args.model, args.ledger_root)
    who = getpass.getuser()
    body = mute_body(
        until=args.until,
        why=args.reason,
        who=who,
        now=datetime.now(UTC),
        feature=args.feature,
        rule=args.rule,
        drift_kind=args.kind,
    )
    record = add_mute(model_ledger(args.model, args.ledger_root), body, _run(who, "add"))
    say(f"Model {args.model}: {Mute.of(record).words()}")
    say(f"Record {record.hash}")


@exit_codes
def list_mutes(args: Namespace) -> None:
    """Print the mutes that hold, or all.

    :param args: ``model``, ``all``, ``json``, ``ledger_root``.
    """
    records = model_records(args.model, args.ledger_root)
    holding = {mute.record for mute in active_mutes(records, datetime.now(UTC))}
    rows = [
        {
            "record": record.hash,
            **{name: record.body[name] for name in ("feature", "rule", "drift_kind", "until", "who", "why")},
            "holds": record.hash in holding,
        }
        for record in records
        if record.kind == MUTE and record.mode == Mode.LIVE and (args.all or record.hash in holding)
    ]
    if args.json:
        write_json(rows)
        return
    if not rows:
        say(f"Model {args.model!r} has no mute{'' if args.all else ' that holds'}.", error=True)
        return
    columns = ("record", "feature", "rule", "kind", "until", "who", "holds", "why")
    shown = [
        {
            **row,
            "record": row["record"].removeprefix(PREFIX)[:_SHOWN_DIGITS],
            "kind": row["drift_kind"],
            "holds": "yes" if row["holds"] else "no",
        }
        for row in rows
    ]
    print_table(columns, [[row[column] for column in columns] for row in shown])


@exit_codes
def end(args: Namespace) -> None:
    """Record that a mute holds no more.

    :param args: ``model``, ``record``, ``reason``, ``ledger_root``.
    """
    from airflow_provider_mlops.hooks.ledger import model_ledger
    from airflow_provider_mlops.hooks.mutes import end_mute

    args.model = chosen_model(args.model, args.ledger_root)
    who = getpass.getuser()
    ledger = model_ledger(args.model, args.ledger_root)
    record = end_mute(ledger, args.record, why=args.reason, who=who, run=_run(who, "end"))
    say(f"Ended the mute {record.body['mute_record']} of model {args.model}: record {record.hash}.")


def _run(who: str, what: str) -> RunFacts:
    return RunFacts(
        dag_id="",
        run_id=f"cli/{who}",
        task_id=f"airflow mlops mute {what}",
        try_number=1,
        map_index=-1,
        partition_key=None,
        run_type="manual",
        mode=Mode.LIVE,
        triggered_by=who,
    )
