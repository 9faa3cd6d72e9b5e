"""`airflow mlops ledger`: what it prints and how it exits."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from airflow_provider_mlops.cli.ledger import list_chains, show, verify
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

CHAIN = "model/flight_delays"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A chain with a gate that said no, a promotion that was refused, and an audit."""
    ledger = Ledger(tmp_path, CHAIN)
    rules = [
        RuleResult(rule="a", outcome=Outcome.PASS, reason="fine"),
        RuleResult(rule="b", outcome=Outcome.FAIL, reason="roc_auc 0.61 [bold]is under[/bold] 0.65"),
    ]
    body = {"partition_key": "2013-01", "verdict": Verdict.from_rules(rules).to_dict()}
    ledger.append(kind="gate", key="a", body=body, outcome="FAIL")
    ledger.append(kind="promotion", key="b", body={"partition_key": "2013-01", "reason": "refused"}, outcome="FAIL")
    ledger.append(kind="replay", key="c", body={"of": None}, mode="audit")
    return ledger


def arguments(ledger: Ledger, chain: str | None = None, *, as_json: bool = False) -> Namespace:
    """Return what the parser gives a command."""
    return Namespace(ledger_root=str(ledger.root), chain=chain, json=as_json)


def edit(ledger: Ledger) -> None:
    """Change a word in record 2."""
    path = ledger.folder / "00000002.json"
    data = path.read_bytes().replace(b"refused", b"granted")
    path.unlink()
    path.write_bytes(data)


def test_list_shows_each_chain_with_its_newest_record(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """One row per chain."""
    Ledger(ledger.root, "dataset/flights").append(kind="snapshot", key="k", body={"partition_key": "2013-02"})
    list_chains(arguments(ledger))
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "/" in line]

    assert [(row[1], row[3]) for row in rows] == [("dataset/flights", "1"), (CHAIN, "3")]


def test_list_shows_a_chain_that_cannot_be_read(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """One broken chain does not hide the others."""
    edit(ledger)
    list_chains(arguments(ledger))

    assert "broken" in capsys.readouterr().out


def test_show_is_a_table_with_the_first_reason(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is that of the first rule that did not pass, shown as it is written."""
    show(arguments(ledger, CHAIN))
    out = capsys.readouterr().out

    assert "roc_auc 0.61 [bold]is under[/bold] 0.65" in out
    assert "fine" not in out
    assert "refused" in out
    assert "replay (audit)" in out


def test_show_writes_json(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """Other programs read whole records."""
    show(arguments(ledger, CHAIN, as_json=True))

    assert json.loads(capsys.readouterr().out) == [record.to_dict() for record in ledger.records()]


def test_a_terminal_does_not_obey_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape codes in a reason are shown as a replacement character."""
    Ledger(tmp_path, CHAIN).append(kind="promotion", key="k", body={"reason": "ok\x1b[2Jgone"})
    show(Namespace(ledger_root=str(tmp_path), chain=CHAIN, json=False))

    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("chain", [None, CHAIN])
def test_verify_says_intact(ledger: Ledger, capsys: pytest.CaptureFixture[str], chain: str | None) -> None:
    """The last hash is printed, to be kept elsewhere."""
    verify(arguments(ledger, chain))

    assert capsys.readouterr().out == f"{CHAIN}: intact, 3 records, last hash {ledger.records()[-1].hash}\n"


def test_verify_exits_with_1_and_names_the_record(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken chain fails a script; the intact ones are still reported."""
    Ledger(ledger.root, "dataset/flights").append(kind="snapshot", key="k", body={})
    edit(ledger)
    with pytest.raises(SystemExit) as caught:
        verify(arguments(ledger))
    out = capsys.readouterr().out

    assert caught.value.code == 1
    assert "dataset/flights: intact" in out
    assert f"{CHAIN}/00000002.json: edited" in out


def test_show_of_a_broken_chain_exits_with_1(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """A table of broken evidence is not shown."""
    edit(ledger)
    with pytest.raises(SystemExit) as caught:
        show(arguments(ledger, CHAIN))
    printed = capsys.readouterr()

    assert (caught.value.code, printed.out) == (1, "")
    assert "00000002.json" in printed.err


@pytest.mark.parametrize("chain", ["flight_delays", "model/flight_delay"])
@pytest.mark.parametrize("command", [list_chains, show, verify])
def test_an_unknown_chain_exits_with_2_and_names_the_known(
    ledger: Ledger, capsys: pytest.CaptureFixture[str], command: object, chain: str
) -> None:
    """A typing error is answered with the name that was meant."""
    with pytest.raises(SystemExit) as caught:
        command(arguments(ledger, chain))  # type: ignore[operator]

    assert caught.value.code == 2
    assert f"it has: {CHAIN}. Did you mean {CHAIN}?" in capsys.readouterr().err


def test_a_root_that_does_not_exist_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong folder is not an intact ledger."""
    with pytest.raises(SystemExit) as caught:
        verify(Namespace(ledger_root=str(tmp_path / "none"), chain=None))

    assert caught.value.code == 2
    assert "--ledger-root" in capsys.readouterr().err


def test_without_a_root_the_configured_one_is_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line finds the ledger that the tasks write."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(ledger.root))
    verify(Namespace(ledger_root=None, chain=None))

    assert "intact" in capsys.readouterr().out


def test_an_empty_ledger_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new installation has nothing to verify, and no error."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(tmp_path / "ledger"))
    verify(Namespace(ledger_root=None, chain=None))

    assert capsys.readouterr().out == f"No chain in {tmp_path}/ledger yet.\n"
