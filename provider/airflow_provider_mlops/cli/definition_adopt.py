"""Declares ``airflow mlops adopt``; loaded by every ``airflow`` command, so it imports only definitions."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

from airflow_provider_mlops.cli.definition_ledger import ROOT

_arg: Callable[..., Arg] = Arg

ADOPT = ActionCommand(
    name="adopt",
    help="Take a champion that was trained elsewhere into the ledger",
    description="Record the version that holds an alias and that the ledger does not know: its files by hash, its "
    "signature, what it predicts, and what nobody can say of it. Nothing is moved, and no pickle is loaded unless "
    "--allow-pickle. Exits with 2 when the version cannot be adopted.",
    func=lazy_load_command("airflow_provider_mlops.cli.adopt.adopt"),
    args=(
        _arg(("--model",), metavar="NAME", required=True, help="Name of the registered model"),
        _arg(("--version",), metavar="V", required=True, help="The version that holds the alias"),
        _arg(("--reason",), metavar="TEXT", required=True, help="Why; it stands in the record"),
        _arg(("--label",), metavar="COLUMN", required=True, help="Label column of the rows to compare on"),
        _arg(("--features",), metavar="A,B,...", help="Feature columns in order; default: the signature's inputs"),
        _arg(("--row-id",), metavar="COLUMN", default="row_id", help="Column that names a row; default: row_id"),
        _arg(
            ("--task",),
            choices=("binary", "multiclass", "regression"),
            default="binary",
            help="What it predicts; default: binary",
        ),
        _arg(("--classes",), metavar="A,B,...", help="Of a multiclass model: the classes in the order of its scores"),
        _arg(("--rows",), metavar="FILE", help="Parquet file of rows to predict, the first 1,000; default: none"),
        _arg(
            ("--trusted-type",),
            metavar="TYPE",
            action="append",
            default=[],
            help="A type beyond skops' own list that the model may hold; may be given several times",
        ),
        _arg(("--allow-pickle",), action="store_true", help="Run code in the model to load it; recorded"),
        _arg(
            ("--replace-champion",),
            action="store_true",
            help="Take it in although the ledger has put the alias on another version; recorded",
        ),
        _arg(("--alias",), metavar="ALIAS", default="champion", help="The alias that it holds; default: champion"),
        _arg(
            ("--mlflow-conn-id",),
            metavar="CONN_ID",
            default="mlflow_default",
            help="Connection of the registry; default: mlflow_default",
        ),
        ROOT,
    ),
)
