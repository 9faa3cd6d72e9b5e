"""Declares ``airflow mlops snapshots`` and ``airflow mlops suite``; like its neighbours it imports only definitions."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

from airflow_provider_mlops.cli.definition_ledger import ROOT, STORAGE

_arg: Callable[..., Arg] = Arg
_COMMANDS = "airflow_provider_mlops.cli"

_DATASET_OR_ALL = _arg(("dataset",), metavar="DATASET", nargs="?", help="Name of a dataset; all when left out")
_DATASET = _arg(("--dataset",), metavar="NAME", help="Name of the dataset; needed where several have such a snapshot")
_DATASET_NEEDED = _arg(("--dataset",), metavar="NAME", required=True, help="Name of the dataset")
_ID = _arg(("snapshot_id",), metavar="ID", help="Id of a snapshot, or its first digits")
_ID_OR_NONE = _arg(("snapshot_id",), metavar="ID", nargs="?", help="Id of a snapshot, or its first digits")
_ALL = _arg(("--all",), action="store_true", help="Verify every snapshot of the dataset, or of all datasets")
_KEEP = _arg(("--keep",), metavar="N", type=int, help="The N newest partitions stay, older ones may go")
_OLDER = _arg(
    ("--older-than",), metavar="DAYS", type=float, help="What was last recorded more than DAYS days ago may go"
)
_AUDIT_DAYS = _arg(
    ("--audit-days",),
    metavar="DAYS",
    type=float,
    default=30.0,
    help="An audit needs its partitions for DAYS days after its last record; default: 30",
)
_SCORES = _arg(("--scores",), action="store_true", help="Also the scores of evaluations on removed snapshots")
_WITHOUT_REGISTRY = _arg(
    ("--without-registry",), action="store_true", help="Go by the ledger alone, do not ask MLflow for its aliases"
)
_CONNECTION = _arg(
    ("--mlflow-conn-id",), metavar="ID", default="mlflow_default", help="The MLflow connection; default: mlflow_default"
)
_YES = _arg(("--yes",), action="store_true", help="Do it; without it the plan is shown and nothing is changed")
_KEY_COLUMN = _arg(("--key-column",), metavar="COLUMN", required=True, help="Column that names whom a row is about")
_KEY = _arg(("--key",), metavar="KEY", action="append", help="A value of the key column; may be given several times")
_KEYS_FILE = _arg(("--keys-file",), metavar="FILE", help="File with one value of the key column a line; - for stdin")
_REASON = _arg(("--reason",), metavar="TEXT", required=True, help="Why, e.g. a ticket; it is recorded: name nobody")
_DISCARD_SALT = _arg(
    ("--discard-salt",), action="store_true", help="Keep no salt: nobody can ever tell which rows were erased"
)
_UNSEARCHABLE = _arg(
    ("--ignore-unsearchable",),
    action="store_true",
    help="Pass over snapshots that lack the key column, and scores whose rows were pruned",
)
_SNAPSHOTS = _arg(
    ("--snapshot",),
    metavar="ID",
    action="append",
    required=True,
    help="Id of a snapshot, or its first digits; may be given several times",
)
_SNAPSHOT = _arg(("--snapshot",), metavar="ID", help="Id of a snapshot, or its first digits")
_OUTPUT = _arg(("--output",), metavar="FILE", help="Write the suite there; default: to standard output")
_MARGIN = _arg(
    ("--margin",),
    metavar="SHARE",
    type=float,
    default=0.1,
    help="How far a range reaches beyond what was seen, as a share of it; default: 0.1",
)
_NAME = _arg(("--name",), metavar="NAME", help="Name of the suite; default: that of the dataset")
_REGEX = _arg(("--regex",), action="store_true", help="Also propose patterns of short codes")
_FORCE = _arg(("--force",), action="store_true", help="Overwrite the file")
_SUITES = _arg(
    ("--suite",),
    metavar="FILE",
    action="append",
    required=True,
    help="A suite file; given twice, the two are compared",
)
_JSON = _arg(("--json",), action="store_true", help="Write JSON, for other programs")
_EVERYWHERE = (_JSON, STORAGE, ROOT)

SNAPSHOTS = GroupCommand(
    name="snapshots",
    help="List, verify, prune and erase the snapshots of datasets",
    subcommands=(
        ActionCommand(
            name="list",
            help="List the snapshots that are stored, and who uses them",
            func=lazy_load_command(f"{_COMMANDS}.snapshots.list_snapshots"),
            args=(_DATASET_OR_ALL, *_EVERYWHERE),
        ),
        ActionCommand(
            name="show",
            help="Show all that is known of a snapshot",
            func=lazy_load_command(f"{_COMMANDS}.snapshots.show"),
            args=(_ID, _DATASET, *_EVERYWHERE),
        ),
        ActionCommand(
            name="verify",
            help="Check every byte and every value of snapshots against their hashes",
            description="Check every byte and every value of snapshots against their hashes, and the tombstones of "
            "erasures against the ledger. Exits with 1 when one is not what was recorded.",
            func=lazy_load_command(f"{_COMMANDS}.snapshots.verify"),
            args=(_ID_OR_NONE, _ALL, _DATASET, *_EVERYWHERE),
        ),
        ActionCommand(
            name="prune",
            help="Remove snapshots that nothing needs; shows the plan unless --yes is given",
            description="Show which snapshots nothing needs and why each of the others stays; with --yes, record and "
            "remove them. A champion, the golden version, a candidate under way and an open audit keep what they need.",
            func=lazy_load_command(f"{_COMMANDS}.snapshots_prune.prune"),
            args=(
                _DATASET_OR_ALL,
                _KEEP,
                _OLDER,
                _AUDIT_DAYS,
                _SCORES,
                _WITHOUT_REGISTRY,
                _CONNECTION,
                _YES,
                *_EVERYWHERE,
            ),
        ),
        ActionCommand(
            name="erase",
            help="Erase the rows of a data subject from all that holds them; shows the plan unless --yes is given",
            description="Search all snapshots, what was set aside from them, scores, reports and prediction logs for "
            "rows by key; with --yes, write each anew without them, leave a tombstone, record it, remove the old ones. "
            "A call that was killed is finished by the next one.",
            func=lazy_load_command(f"{_COMMANDS}.snapshots_erase.erase"),
            args=(
                _DATASET_NEEDED,
                _KEY_COLUMN,
                _KEY,
                _KEYS_FILE,
                _REASON,
                _DISCARD_SALT,
                _UNSEARCHABLE,
                _CONNECTION,
                _YES,
                *_EVERYWHERE,
            ),
        ),
    ),
)

SUITE = GroupCommand(
    name="suite",
    help="Propose a suite, and show what a new partition breaks",
    subcommands=(
        ActionCommand(
            name="suggest",
            help="Propose a suite from accepted snapshots, as a file for review",
            func=lazy_load_command(f"{_COMMANDS}.suite.suggest"),
            args=(
                _DATASET_NEEDED,
                _SNAPSHOTS,
                _OUTPUT,
                _MARGIN,
                _NAME,
                _REGEX,
                _FORCE,
                STORAGE,
                ROOT,
            ),
        ),
        ActionCommand(
            name="diff",
            help="Show what a snapshot breaks of a suite, or what differs between two suites",
            description="Show what a snapshot breaks of a suite, or, given two suites, what differs between them. "
            "Exits with 1 when something does.",
            func=lazy_load_command(f"{_COMMANDS}.suite.diff"),
            args=(_SUITES, _DATASET, _SNAPSHOT, *_EVERYWHERE),
        ),
    ),
)
