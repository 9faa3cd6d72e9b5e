"""Declares the commands of ``airflow mlops ledger``; every ``airflow`` command loads this."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

# Airflow leaves `Arg` without annotations, which a strict type check does not let us call.
_arg: Callable[..., Arg] = Arg

ROOT = _arg(
    ("--ledger-root",),
    metavar="DIR",
    # Airflow renders help as rich markup, which would swallow "[mlops]".
    help="Folder or S3 address of the ledger; default: the root of the ledger's connection, else option ledger_root of "
    "the configuration section mlops, else the folder 'ledger' under its storage_root",
)
STORAGE = _arg(
    ("--storage-root",),
    metavar="DIR",
    help="Folder or address of the stored rows and scores; default: option storage_root of the configuration section "
    "mlops",
)
_CHAIN = _arg(("chain",), metavar="CHAIN", help="Name of a chain, e.g. model/flight_delays")
_CHAIN_OR_ALL = _arg(("chain",), metavar="CHAIN", nargs="?", help="Name of a chain; all chains when left out")
_JSON = _arg(("--json",), action="store_true", help="Write a JSON list, for other programs")
_KIND = _arg(("--kind",), metavar="KIND", help="Only records of this kind, e.g. gate")
_PARTITION = _arg(("--partition",), metavar="KEY", help="Only records of this partition, e.g. 2013-02")
_PUBLIC_KEYS = _arg(
    ("--public-key",),
    metavar="FILE",
    action="append",
    help="Trust the keys in this file, PEM, and no others; may be given several times. Default: those of the ledger's "
    "connection",
)
_SIGNED = _arg(("--signed",), action="store_true", help="Fail unless every record is signed by a trusted key")
_MLFLOW = _arg(
    ("--mlflow",),
    action="store_true",
    help="Insist on the checkpoints in the registry: exit with 2 when it cannot be asked. Default: they are compared "
    "where the registry answers within seconds, and it is said where it does not",
)
_NO_MLFLOW = _arg(("--no-mlflow",), action="store_true", help="Do not ask the registry for its checkpoints")
_MLFLOW_CONN_ID = _arg(
    ("--mlflow-conn-id",),
    metavar="CONN_ID",
    default="mlflow_default",
    help="Connection of the registry; default: mlflow_default",
)
_CHECKPOINTS_FROM = _arg(
    ("--mlflow-conn-id",),
    metavar="CONN_ID",
    help="Insist on the checkpoints in the registry of this connection; default: mlflow_default, without insisting",
)
_MODEL = _arg(("--model",), metavar="NAME", required=True, help="Name of the registered model")
_OUTPUT = _arg(("--output",), metavar="FILE", required=True, help="The ZIP file to write; it must not exist")
_NEW_KEY = _arg(("--public-key",), metavar="FILE", required=True, help="Public half of the new key, PEM")
_REASON = _arg(("--reason",), metavar="TEXT", required=True, help="Why; it is recorded")

END_OPTIONS = (_PUBLIC_KEYS, _SIGNED, _MLFLOW, _NO_MLFLOW, _CHECKPOINTS_FROM)
"""Whose signatures count, and whether the registry is asked for what it keeps."""

LEDGER_COMMANDS = (
    ActionCommand(
        name="list",
        help="List the chains with their number of records and the newest one",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger.list_chains"),
        args=(_CHAIN_OR_ALL, _JSON, ROOT),
    ),
    ActionCommand(
        name="show",
        help="Show the records of a chain and what each is about",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger.show"),
        args=(_CHAIN, _KIND, _PARTITION, _JSON, ROOT),
    ),
    ActionCommand(
        name="verify",
        help="Check every record against its hash, its predecessor and its signature",
        description="Check every record against its hash, its predecessor and its signature, and the chain's end: of a "
        "model against its checkpoint in the registry, of a dataset against what models cite. Exits with 1 and names "
        "each broken record when a chain is not intact, with 2 when there is no such chain, or --mlflow is given and "
        "the registry cannot be asked. Where it cannot be asked without --mlflow, that is said, and exits with 0.",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger_verify.verify"),
        args=(_CHAIN_OR_ALL, *END_OPTIONS, _JSON, ROOT),
    ),
    ActionCommand(
        name="export",
        help="Write all evidence of a model into a ZIP file that can be checked without this provider",
        description="Write all evidence of a model into a ZIP file: its records and those of its datasets, cards, "
        "manifests, policies, suites, public keys, and a program that checks all of it. Exits with 1 when a chain is "
        "broken; nothing is written then.",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger_export.export"),
        args=(_MODEL, _OUTPUT, _MLFLOW_CONN_ID, STORAGE, ROOT),
    ),
    ActionCommand(
        name="rotate-key",
        help="Record in every chain that a new signing key follows",
        description="Record in every chain, signed by the present key, that a new one follows. The present key signs "
        "nothing afterwards: put the new one into the ledger's connection, and the present one's public key into its "
        "public_keys.",
        func=lazy_load_command("airflow_provider_mlops.cli.ledger_keys.rotate_key"),
        args=(_NEW_KEY, _REASON, ROOT),
    ),
)
