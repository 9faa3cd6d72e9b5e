"""`airflow mlops ledger`: what it prints and how it exits."""

import json
import re
from argparse import Namespace
from pathlib import Path

import pytest

from airflow_provider_mlops.cli.ledger import list_chains, show
from airflow_provider_mlops.cli.ledger_keys import rotate_key
from airflow_provider_mlops.cli.ledger_verify import verify
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict
from airflow_provider_mlops.hooks.ledger import model_ledger
from tests.support.keys import keys, private_pem, signing_key

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


def arguments(
    ledger: Ledger,
    chain: str | None = None,
    *,
    as_json: bool = False,
    kind: str | None = None,
    partition: str | None = None,
) -> Namespace:
    """Return what the parser gives a command."""
    return namespace(ledger_root=str(ledger.root), chain=chain, json=as_json, kind=kind, partition=partition)


def namespace(**arguments: object) -> Namespace:
    """Return the arguments of any command, with what the parser sets by itself."""
    return Namespace(
        **{
            "public_key": None,
            "signed": False,
            "mlflow": False,
            "no_mlflow": True,
            "mlflow_conn_id": None,
            "json": False,
            **arguments,
        }
    )


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

    assert [(row[0], row[1]) for row in rows] == [("dataset/flights", "1"), (CHAIN, "3")]


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


@pytest.mark.parametrize("columns", ["60", "100", ""])
def test_only_the_last_column_wraps(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    """A row is recognised by its first line, however narrow the terminal; no number is torn apart."""
    monkeypatch.setenv("COLUMNS", columns)
    reason = (
        "brier of the candidate is 0.2023, of the champion 0.2003: 27,587 rows cannot decide, with every word of it"
    )
    rule = RuleResult(rule="a", outcome=Outcome.INCONCLUSIVE, reason=reason)
    body = {"partition_key": "2013-04", "verdict": Verdict.from_rules([rule]).to_dict()}
    ledger.append(kind="gate", key="d", body=body, outcome="INCONCLUSIVE")
    show(arguments(ledger, CHAIN, partition="2013-04"))
    head, first, *more = capsys.readouterr().out.splitlines()

    assert head.split() == ["seq", "time", "kind", "partition", "outcome", "what"]
    assert re.match(r" +4 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  gate  2013-04    INCONCLUSIVE  brier ", first)
    assert " ".join([first[first.index("brier") :], *more]).split() == reason.split()
    assert max(map(len, [first, *more])) <= max(int(columns or 120), 80)


def test_without_a_terminal_a_row_has_120_columns(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file gets neither the 80 columns of a default nor endless lines."""
    monkeypatch.delenv("COLUMNS", raising=False)
    ledger.append(kind="other", key="d", body={"reason": "word " * 100})
    show(arguments(ledger, CHAIN))

    assert 110 < max(map(len, capsys.readouterr().out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("kind", "partition", "numbers"),
    [("gate", None, [1]), (None, "2013-01", [1, 2]), ("promotion", "2013-01", [2]), ("gate", "2013-02", [])],
)
def test_show_filters(
    ledger: Ledger,
    capsys: pytest.CaptureFixture[str],
    kind: str | None,
    partition: str | None,
    numbers: list[int],
) -> None:
    """By kind and by partition, in the table as in JSON."""
    show(arguments(ledger, CHAIN, kind=kind, partition=partition))
    rows = capsys.readouterr().out.splitlines()[1:]
    show(arguments(ledger, CHAIN, kind=kind, partition=partition, as_json=True))

    assert [int(row.split()[0]) for row in rows] == numbers
    assert [record["seq"] for record in json.loads(capsys.readouterr().out)] == numbers


def test_a_filter_that_finds_nothing_says_what_there_is(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error is told from a chain that has no such record yet."""
    show(arguments(ledger, CHAIN, kind="gaet"))

    assert capsys.readouterr().err == (
        f"No such record in {CHAIN}; it has the kinds gate, promotion, replay, the partitions 2013-01. "
        "Did you mean gate?\n"
    )


def test_list_writes_json(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest record stands there whole; a broken chain has none."""
    Ledger(ledger.root, "dataset/flights").append(kind="snapshot", key="k", body={"rows": 1})
    newest = Ledger(ledger.root, "dataset/flights").records()[-1].to_dict()
    edit(ledger)
    list_chains(arguments(ledger, as_json=True))

    assert json.loads(capsys.readouterr().out) == [
        {"chain": "dataset/flights", "intact": True, "records": 1, "newest": newest},
        {"chain": CHAIN, "intact": False, "records": None, "newest": None},
    ]


def test_verify_writes_json(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is the same as without."""
    last = ledger.records()[-1].hash
    verify(arguments(ledger, as_json=True))
    assert json.loads(capsys.readouterr().out) == [
        {
            "chain": CHAIN,
            "intact": True,
            "records": 3,
            "last_hash": last,
            "signatures": {"checked": False, "records": {}},
            "checkpoint": None,
            "cited": None,
            "end": "truncation not checked",
            "problems": [],
        }
    ]

    edit(ledger)
    with pytest.raises(SystemExit) as caught:
        verify(arguments(ledger, as_json=True))
    (found,) = json.loads(capsys.readouterr().out)

    assert (caught.value.code, found["intact"], found["last_hash"]) == (1, False, None)
    assert [problem for problem in found["problems"] if "00000002.json: edited" in problem]


def test_json_of_an_empty_ledger_is_an_empty_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is said to people goes to standard error then."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(tmp_path / "ledger"))
    list_chains(namespace(ledger_root=None, chain=None, json=True))

    assert json.loads(capsys.readouterr().out) == []


def test_a_terminal_does_not_obey_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape codes in a reason are shown as a replacement character."""
    Ledger(tmp_path, CHAIN).append(kind="promotion", key="k", body={"reason": "ok\x1b[2Jgone"})
    show(arguments(Ledger(tmp_path, CHAIN), CHAIN))

    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("chain", [None, CHAIN])
def test_verify_says_intact(ledger: Ledger, capsys: pytest.CaptureFixture[str], chain: str | None) -> None:
    """The last hash is printed, to be kept elsewhere."""
    verify(arguments(ledger, chain))

    assert capsys.readouterr().out == (
        f"{CHAIN}: intact, 3 records, last hash {ledger.records()[-1].hash}, not signed, truncation not checked\n"
        "Truncation of models' chains not checked: no checkpoint reachable. --no-mlflow.\n"
    )


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
        verify(namespace(ledger_root=str(tmp_path / "none"), chain=None, json=False))

    assert caught.value.code == 2
    assert "--ledger-root" in capsys.readouterr().err


def test_without_a_root_the_configured_one_is_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line finds the ledger that the tasks write."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(ledger.root))
    verify(namespace(ledger_root=None, chain=None, json=False))

    assert "intact" in capsys.readouterr().out


def test_an_empty_ledger_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new installation has nothing to verify, and no error."""
    monkeypatch.setenv("AIRFLOW__MLOPS__LEDGER_ROOT", str(tmp_path / "ledger"))
    verify(namespace(ledger_root=None, chain=None, json=False))

    assert capsys.readouterr().out == f"No chain in {tmp_path}/ledger yet.\n"


# --- keys


@pytest.fixture
def signed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The chain goes on signed, and a second one begins; the connection holds the key."""
    connect(monkeypatch, "one")
    Ledger(ledger.root, CHAIN, keys("one")).append(kind="gate", key="d", body={})
    Ledger(ledger.root, "dataset/flights", keys("one")).append(kind="snapshot", key="k", body={})
    return ledger


def connect(monkeypatch: pytest.MonkeyPatch, signer: str | None, *public: str) -> None:
    """Set the ledger's connection."""
    extra = {"public_keys": [signing_key(name).public.pem for name in public]}
    value = {"conn_type": "mlops_ledger", "password": private_pem(signer) if signer else "", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MLOPS_LEDGER_DEFAULT", json.dumps(value))


def test_verify_says_who_signed(
    signed: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some, all, or not checked."""
    short = signing_key("one").public.id[:19]
    verify(arguments(signed))
    out = capsys.readouterr().out
    assert re.search(
        rf"dataset/flights: intact, 1 records, last hash sha256:\w+, signed by {short}, no model cites it\n", out
    )
    assert f", 1 signed by {short}, truncation not checked\n" in out

    connect(monkeypatch, None)
    verify(arguments(signed, "dataset/flights"))
    assert ", signed, signatures not checked (no public key), no model cites it\n" in capsys.readouterr().out


def test_a_public_key_in_a_file_is_enough(
    signed: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those in the files count and no others; --signed fails where one record has no signature."""
    connect(monkeypatch, None)
    for name in ("one", "two"):
        (tmp_path / f"{name}.pem").write_text(signing_key(name).public.pem)

    def check(chain: str, *names: str) -> int:
        files = [str(tmp_path / f"{name}.pem") for name in names]
        try:
            verify(namespace(ledger_root=str(signed.root), chain=chain, public_key=files or None, signed=True))
        except SystemExit as exit_:
            return int(str(exit_.code))
        return 0

    assert check("dataset/flights", "one", "two") == 0
    assert check("dataset/flights", "two") == 1
    assert "unknown key" in capsys.readouterr().out
    assert check("dataset/flights") == 1
    assert "signatures not checked: no public key is known" in capsys.readouterr().out
    assert check(CHAIN, "one") == 1
    assert f"{CHAIN}: not signed: 3 of 4 records are not" in capsys.readouterr().out
    assert check(CHAIN, "none") == 2
    assert "none.pem' cannot be read" in capsys.readouterr().err


def test_a_key_is_rotated_in_every_chain(
    signed: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Safe to repeat; afterwards the new key signs, and the first public key still verifies all."""
    (tmp_path / "new.pem").write_text(signing_key("two").public.pem)
    call = Namespace(public_key=str(tmp_path / "new.pem"), reason="yearly", ledger_root=str(signed.root))
    for _ in range(2):
        rotate_key(call)
    out = capsys.readouterr().out
    assert out.count(f"{CHAIN}: record 5 replaces the key.") == 2
    assert f"put the new signing key {signing_key('two').public.id} into the ledger's connection" in out

    connect(monkeypatch, "two", "one")
    model_ledger("flight_delays", str(signed.root)).append(kind="gate", key="e", body={})
    for chain, count in ((CHAIN, 6), ("dataset/flights", 2)):
        report = Ledger(signed.root, chain, keys(None, "one")).examine()
        assert (report.problems, len(report.hashes)) == ([], count)


@pytest.mark.parametrize(
    ("signer", "text", "words"),
    [
        (None, "two", "has no signing key"),
        ("one", "one", "a rotation needs another one"),
        ("one", "", "must be one public key"),
        ("one", None, "cannot be read"),
    ],
)
def test_a_rotation_that_cannot_be_changes_nothing(
    signed: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    signer: str | None,
    text: str | None,
    words: str,
) -> None:
    """The message says what is wrong; the exit code is that of a wrong call."""
    connect(monkeypatch, signer)
    if text is not None:
        (tmp_path / "new.pem").write_text(signing_key(text).public.pem if text else "")
    with pytest.raises(SystemExit) as caught:
        rotate_key(Namespace(public_key=str(tmp_path / "new.pem"), reason="x", ledger_root=str(signed.root)))

    assert (caught.value.code, len(signed.records())) == (2, 4)
    assert words in capsys.readouterr().err
