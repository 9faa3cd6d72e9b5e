"""The declaration of `airflow mlops`."""

import argparse
import json
import subprocess
import sys

import pytest
from airflow.cli import cli_parser

from airflow_provider_mlops.cli.definition import get_mlops_cli_commands


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    """Return a parser built the way `airflow` builds its own."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for command in get_mlops_cli_commands():
        cli_parser._add_command(commands, command)
    return parser


@pytest.mark.parametrize(
    ("line", "chain", "root"),
    [
        ("list", None, None),
        ("verify", None, None),
        ("verify model/flight_delays", "model/flight_delays", None),
        ("verify --ledger-root /evidence model/flight_delays", "model/flight_delays", "/evidence"),
        ("show model/flight_delays --ledger-root /evidence", "model/flight_delays", "/evidence"),
    ],
)
def test_the_commands_take_a_chain_and_a_root(
    parser: argparse.ArgumentParser, line: str, chain: str | None, root: str | None
) -> None:
    """Options may stand before or after the chain."""
    args = parser.parse_args(["mlops", "ledger", *line.split()])

    assert (args.chain, args.ledger_root) == (chain, root)
    assert callable(args.func)


@pytest.mark.parametrize("line", ["list", "show model/m", "verify"])
def test_every_command_writes_json(parser: argparse.ArgumentParser, line: str) -> None:
    """The option has the same name everywhere."""
    assert parser.parse_args(["mlops", "ledger", *line.split(), "--json"]).json is True
    assert parser.parse_args(["mlops", "ledger", *line.split()]).json is False


def test_show_takes_filters(parser: argparse.ArgumentParser) -> None:
    """Left out, they are None: all records."""
    line = "mlops ledger show model/m"
    args = parser.parse_args([*line.split(), "--kind", "gate", "--partition", "2013-02"])

    assert (args.kind, args.partition) == ("gate", "2013-02")
    assert parser.parse_args(line.split()).kind is None


def test_show_needs_a_chain(parser: argparse.ArgumentParser) -> None:
    """There is no table of all chains."""
    with pytest.raises(SystemExit):
        parser.parse_args(["mlops", "ledger", "show"])


def test_the_policy_commands_take_what_they_need(parser: argparse.ArgumentParser) -> None:
    """Numbers are numbers; what is left out is None."""

    def parse(line: str) -> argparse.Namespace:
        return parser.parse_args(["mlops", "policy", *line.split()])

    checked = parse("check p.yaml --rows 500 --discordance 0.1 --model m --json")
    tried = parse("backtest --policy p.yaml --model m --since 2013-02")

    assert (checked.file, checked.rows, checked.discordance, checked.base_rate) == ("p.yaml", 500, 0.1, None)
    assert (tried.policy, tried.model, tried.since, tried.until, tried.json) == ("p.yaml", "m", "2013-02", None, False)
    assert callable(parse("schema").func)
    with pytest.raises(SystemExit):
        parse("backtest --policy p.yaml")


def test_declaring_the_commands_loads_none_of_our_code() -> None:
    """Every `airflow` command pays for this import."""
    code = (
        "import json, sys, airflow.cli.cli_config; before = set(sys.modules);"
        "from airflow_provider_mlops.cli.definition import get_mlops_cli_commands; get_mlops_cli_commands();"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert set(json.loads(loaded.strip().splitlines()[-1])) <= {
        "airflow_provider_mlops",
        "airflow_provider_mlops.cli",
        "airflow_provider_mlops.cli.definition",
        "airflow_provider_mlops.cli.definition_ledger",
        "airflow_provider_mlops.cli.definition_snapshots",
        "airflow_provider_mlops.cli.definition_approvers",
        "airflow_provider_mlops.cli.definition_adopt",
        "airflow_provider_mlops.cli.definition_audit",
        "airflow_provider_mlops.cli.definition_card",
        "airflow_provider_mlops.cli.definition_metrics",
        "airflow_provider_mlops.cli.definition_mute",
        "airflow_provider_mlops.cli.definition_profiles",
    }
