"""Declares the command ``airflow mlops``; every ``airflow`` command loads this, so it imports only definitions."""

from collections.abc import Callable

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

from airflow_provider_mlops.cli.definition_adopt import ADOPT
from airflow_provider_mlops.cli.definition_approvers import APPROVERS
from airflow_provider_mlops.cli.definition_audit import AUDIT, LINEAGE
from airflow_provider_mlops.cli.definition_card import CARD
from airflow_provider_mlops.cli.definition_ledger import LEDGER_COMMANDS, ROOT, STORAGE
from airflow_provider_mlops.cli.definition_metrics import METRICS
from airflow_provider_mlops.cli.definition_mute import MUTE
from airflow_provider_mlops.cli.definition_profiles import PROFILES
from airflow_provider_mlops.cli.definition_snapshots import SNAPSHOTS, SUITE

# Airflow leaves `Arg` without annotations, which a strict type check does not let us call.
_arg: Callable[..., Arg] = Arg

_FILE = _arg(("file",), metavar="FILE", help="Policy of a gate, a YAML file")
_JSON_OBJECT = _arg(("--json",), action="store_true", help="Write a JSON object, for other programs")
_ROWS = _arg(("--rows",), metavar="N", type=int, help="Test rows at hand: the power of each rule is shown for them")
_DISCORDANCE = _arg(
    ("--discordance",),
    metavar="D",
    type=float,
    help="Assumed share of rows that candidate and champion decide differently; default: 0.05",
)
_BASE_RATE = _arg(
    ("--base-rate",),
    metavar="R",
    type=float,
    help="Assumed share of the positive class; default: that of the model's newest evaluation, else 0.2",
)
_MEASURED_MODEL = _arg(
    ("--model",),
    metavar="NAME",
    help="Take the spread of each metric from the newest recorded evaluation of this model",
)
_MODEL = _arg(("--model",), metavar="NAME", required=True, help="Name of the registered model")
_POLICY = _arg(("--policy",), metavar="FILE", required=True, help="The new policy, a YAML file")
_SINCE = _arg(("--since",), metavar="KEY", help="First partition to judge, e.g. 2013-02")
_UNTIL = _arg(("--until",), metavar="KEY", help="Last partition to judge, e.g. 2013-12")
_POLICY_COMMANDS = (
    ActionCommand(
        name="check",
        help="Say what a policy demands, and how many rows each rule needs",
        description="Say in words what each rule of a policy demands, how many rows it needs for a power of 80 %% and "
        "under which assumption, and what looks wrong. Exits with 2 when the policy is not valid.",
        func=lazy_load_command("airflow_provider_mlops.cli.policy_check.check"),
        args=(_FILE, _ROWS, _DISCORDANCE, _BASE_RATE, _MEASURED_MODEL, _JSON_OBJECT, ROOT),
    ),
    ActionCommand(
        name="schema",
        help="Print the JSON Schema of a policy, by which editors complete it",
        func=lazy_load_command("airflow_provider_mlops.cli.policy.schema"),
        args=(),
    ),
    ActionCommand(
        name="backtest",
        help="Judge all recorded evaluations of a model by a new policy",
        description="Judge all recorded live evaluations of a model by a new policy, from the stored scores of each "
        "row: no model is loaded. Exits with 1 when an evaluation could not be judged, with 2 on a wrong call.",
        func=lazy_load_command("airflow_provider_mlops.cli.policy_backtest.backtest"),
        args=(_POLICY, _MODEL, _SINCE, _UNTIL, _JSON_OBJECT, STORAGE, ROOT),
    ),
)


def get_mlops_cli_commands() -> list[CLICommand]:
    """Return the commands that this provider adds to ``airflow``.

    :return: the group ``mlops``.
    """
    return [
        GroupCommand(
            name="mlops",
            help="Look at and check the evidence of the model lifecycle",
            subcommands=(
                GroupCommand(name="ledger", help="Show, verify and export the ledger", subcommands=LEDGER_COMMANDS),
                GroupCommand(
                    name="policy", help="Explain and back-test the policy of a gate", subcommands=_POLICY_COMMANDS
                ),
                AUDIT,
                LINEAGE,
                ADOPT,
                SNAPSHOTS,
                APPROVERS,
                CARD,
                MUTE,
                METRICS,
                PROFILES,
                SUITE,
            ),
        )
    ]
