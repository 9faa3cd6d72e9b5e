"""Declares ``airflow mlops audit`` and ``airflow mlops lineage``; light, like `definition`."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

from airflow_provider_mlops.cli.definition_ledger import END_OPTIONS, ROOT, STORAGE

_arg: Callable[..., Arg] = Arg

_MODEL = _arg(("--model",), metavar="NAME", required=True, help="Name of the registered model")
_SINCE = _arg(("--from",), dest="since", metavar="DAY", help="First day of the records, e.g. 2026-01-01")
_UNTIL = _arg(("--to",), dest="until", metavar="DAY", help="Last day of the records, included")
_JSON = _arg(("--json",), action="store_true", help="Write JSON, for other programs")
_OUTPUT = _arg(("--output",), metavar="DIR", help="Folder of the report; default: audit-<model>")
_DATASET = _arg(("--dataset",), metavar="NAME", help="Dataset of the snapshot; default: whichever has it")

_MODEL_OR_ALL = _arg(("--model",), metavar="NAME", help="Name of the registered model: its evidence and its datasets'")
_ALL = _arg(("--all",), action="store_true", help="Verify every chain, and look for files that no record cites")
_BUNDLE = _arg(
    ("--bundle",),
    metavar="DIR",
    help="Root of the Dag bundle: also compare its policies, suites, contracts and checks with what was judged by, "
    "and the files that trainings have read",
)

AUDIT = GroupCommand(
    name="audit",
    help="Verify the evidence, replay partitions, and report on the life of a model",
    subcommands=(
        ActionCommand(
            name="verify",
            help="Check every record, and every file, model and alias that records cite",
            description="Check chains with signatures and ends, every stored file that records cite, byte for byte, "
            "files that no record cites, and what the registry holds. A line for each finding names the file, what it "
            "is, and the record; what this call did not check is said. Exits with 1 when there is a finding.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit_verify.verify"),
            args=(_MODEL_OR_ALL, _ALL, _BUNDLE, *END_OPTIONS, _JSON, STORAGE, ROOT),
        ),
        ActionCommand(
            name="backfill",
            help="Replay partitions of a lifecycle Dag beside their runs",
            description="Create an audit backfill: the recorded partitions are trained, scored and judged again, and "
            "nothing moves. Exits with 2 where Airflow's database is SQLite, on which a backfill may lose runs, and "
            "where the Dag is not partitioned.",
            func=lazy_load_command("airflow_provider_mlops.cli.backfill.backfill"),
            args=(
                _arg(("--dag-id",), metavar="ID", required=True, help="The lifecycle Dag"),
                _arg(("--from",), dest="since", metavar="KEY", required=True, help="First partition, e.g. 2013-01"),
                _arg(("--to",), dest="until", metavar="KEY", required=True, help="Last partition, included"),
                _arg(("--audit",), metavar="NAME", help="Name of the audit; default: its partitions and the time"),
                _arg(("--max-active-runs",), type=int, default=2, metavar="N", help="Runs at once (default: 2)"),
                _arg(("--dry-run",), action="store_true", help="Only list the partitions"),
            ),
        ),
        ActionCommand(
            name="report",
            help="Write what was in production when, by whose decision, and what was replayed",
            description="Write a report of a model's life as a page and as JSON: champions, trainings with their "
            "certificates, replays, decisions, retention, erased rows, and what an auditor would look for and not "
            "find. Exits with 2 when the model has no record.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit.report"),
            args=(_MODEL, _SINCE, _UNTIL, _OUTPUT, _JSON, ROOT),
        ),
        ActionCommand(
            name="events",
            help="Write every record as one event, a JSON object a line",
            description="Write the event log of a model's life: what happened when, by whom, on which input. "
            "Exits with 2 when the model has no record.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit.events"),
            args=(_MODEL, _SINCE, _UNTIL, ROOT),
        ),
        ActionCommand(
            name="summary",
            help="Say what an audit replayed, month by month beside the originals, and the worst of it",
            description="Summarise an audit from the ledger: levels, outcomes, causes, original and replaying runs. "
            "With --backfill the runs are those that Airflow's database knows, and one that recorded nothing is named. "
            "Exits with 2 when there is no such audit.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit_summary.summary"),
            args=(
                _MODEL,
                _arg(
                    ("--backfill",),
                    metavar="ID",
                    help="Id of the backfill; default: the newest of each partition",
                ),
                _arg(("--audit",), metavar="NAME", help="Name that the conf of the runs gives the audit"),
                _arg(("--from",), dest="since", metavar="KEY", help="First partition, included, e.g. 2013-01"),
                _arg(("--to",), dest="until", metavar="KEY", help="Last partition, included"),
                _arg(("--output",), metavar="DIR", help="Folder for the page, Markdown and JSON; default: none"),
                _JSON,
                ROOT,
            ),
        ),
    ),
)
LINEAGE = GroupCommand(
    name="lineage",
    help="Say what a prediction or a version came from, and what used a snapshot",
    subcommands=(
        ActionCommand(
            name="version",
            help="From a version to its training, snapshots and the versions it goes on from",
            description="Say what a version came from, with the chain of versions that it goes on from. Exits with 2 "
            "when the ledger does not know it.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit.of_version"),
            args=(_MODEL, _arg(("version",), metavar="VERSION", help="The version"), _JSON, ROOT),
        ),
        ActionCommand(
            name="prediction",
            help="From a prediction to its version, training and snapshots",
            description="Say what a prediction came from. Exits with 2 when no log of the model holds it.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit.of_prediction"),
            args=(
                _MODEL,
                _arg(("prediction_id",), metavar="ID", help="Id of the prediction, as its log has it"),
                _arg(("--partition",), metavar="KEY", help="Its partition, where that is known: fewer logs are read"),
                _JSON,
                STORAGE,
                ROOT,
            ),
        ),
        ActionCommand(
            name="snapshot",
            help="From a snapshot to every model and prediction that used it",
            description="List what used a snapshot: trainings, tests and scorings. Exits with 2 when there is no such "
            "snapshot.",
            func=lazy_load_command("airflow_provider_mlops.cli.audit.of_snapshot"),
            args=(
                _arg(("snapshot_id",), metavar="ID", help="Id of the snapshot, or its first digits"),
                _DATASET,
                _JSON,
                STORAGE,
                ROOT,
            ),
        ),
    ),
)
