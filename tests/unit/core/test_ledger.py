"""The ledger: appending, reading, racing, dying, tampering."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from airflow_provider_mlops.core.canonical import canonical_json, sha256_of
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, TransientError
from airflow_provider_mlops.core.ledger import Ledger, Record

CHAIN = "model/flight_delays"


@pytest.fixture
def five(tmp_path: Path) -> Ledger:
    """A chain of five records."""
    ledger = Ledger(tmp_path, CHAIN)
    for month in range(1, 6):
        ledger.append(kind="gate", key=f"k{month}", body={"partition_key": f"2013-0{month}"}, outcome="PASS")
    return ledger


def file_of(ledger: Ledger, seq: int) -> Path:
    """Return the file of a record."""
    return ledger.folder / f"{seq:08d}.json"


def rewrite(path: Path, data: bytes) -> None:
    """Replace a file that is read-only."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def forge(path: Path, **changes: object) -> None:
    """Change fields of a record and give it a hash that fits."""
    data = json.loads(path.read_bytes()) | changes
    del data["hash"]
    rewrite(path, canonical_json({**data, "hash": sha256_of(data)}).encode() + b"\n")


# --- appending and reading


def test_a_record_is_one_file_of_canonical_json_that_holds_its_hash(tmp_path: Path) -> None:
    """Anyone can check a record with a JSON parser and SHA-256."""
    record = Ledger(tmp_path, CHAIN).append(
        kind="gate", key="k", body={"é": (1, 2.5)}, run={"dag_id": "d"}, mode="dry_run", outcome="INCONCLUSIVE"
    )
    raw = (tmp_path / CHAIN / "00000001.json").read_text()
    data = json.loads(raw)

    assert raw == canonical_json(record.to_dict()) + "\n"
    assert data.pop("hash") == sha256_of(data)
    assert record.body == {"é": [1, 2.5]}
    assert (record.seq, record.prev_hash, record.schema, record.chain) == (1, None, 1, CHAIN)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record.time)
    assert Record.from_dict(record.to_dict()) == record


def test_each_record_holds_the_hash_of_the_one_before(five: Ledger) -> None:
    """The chain is linked from its second record on."""
    records = Ledger(five.root, CHAIN).records()

    assert [r.seq for r in records] == [1, 2, 3, 4, 5]
    assert [r.prev_hash for r in records] == [None, *(r.hash for r in records[:-1])]
    assert five.verify() == []


def test_a_decision_has_one_record(five: Ledger) -> None:
    """Appending the same kind, key and mode again returns the first record, whatever the body."""
    again = Ledger(five.root, CHAIN).append(kind="gate", key="k2", body={"other": 1}, outcome="FAIL")

    assert again == five.records()[1]
    assert len(five.records()) == 5


def test_another_kind_key_or_mode_is_another_decision(five: Ledger) -> None:
    """All three name the decision."""
    five.append(kind="drift", key="k2", body={})
    five.append(kind="gate", key="k2", body={}, mode="audit")

    assert [r.seq for r in five.records()] == [1, 2, 3, 4, 5, 6, 7]


def test_an_instance_sees_what_others_append(five: Ledger) -> None:
    """Reading again reads the new files."""
    Ledger(five.root, CHAIN).append(kind="drift", key="new", body={})

    assert [r.key for r in five.records("drift")] == ["new"]


def test_find_returns_the_record_of_a_decision(five: Ledger) -> None:
    """Kind, key and mode must all match."""
    assert five.find(kind="gate", key="k3") == five.records()[2]
    assert five.find(kind="gate", key="k3", mode="audit") is None
    assert five.find(kind="drift", key="k3") is None


def test_latest_returns_the_newest_whose_body_matches(five: Ledger) -> None:
    """A member that is asked for must be present, also when it is None."""
    five.append(kind="gate", key="again", body={"partition_key": "2013-02", "champion_version": None})
    five.append(kind="gate", key="again", body={"partition_key": "2013-02"}, mode="audit")
    seq = {None: 7, "live": 6, "audit": 7, "dry_run": None}

    for mode, expected in seq.items():
        found = five.latest(kind="gate", mode=mode, partition_key="2013-02")
        assert (found.seq if found else None) == expected
    assert five.latest(kind="gate", champion_version=None).seq == 6  # type: ignore[union-attr]
    assert five.latest(kind="gate", partition_key="2013-12") is None


@pytest.mark.parametrize("length", [65_536, 200_000])
def test_a_record_may_be_long(tmp_path: Path, length: int) -> None:
    """A record is read whole, however many blocks it has."""
    record = Ledger(tmp_path, CHAIN).append(kind="gate", key="k", body={"text": "x" * length})

    assert Ledger(tmp_path, CHAIN).records() == [record]
    assert Ledger(tmp_path, CHAIN).verify() == []


def test_a_chain_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    """Reading creates nothing."""
    ledger = Ledger(tmp_path / "none", CHAIN)

    assert (ledger.records(), ledger.verify(), chains(tmp_path / "none")) == ([], [], [])
    assert not (tmp_path / "none").exists()


def test_chains_are_found_by_their_records(five: Ledger) -> None:
    """Empty folders and hidden ones are no chains."""
    Ledger(five.root, "dataset/flights").append(kind="snapshot", key="k", body={})
    (five.root / "model" / "empty").mkdir()
    (five.root / ".hidden").mkdir()

    assert chains(five.root) == ["dataset/flights", CHAIN]


@pytest.mark.parametrize("chain", ["", "/", "model/", "/model", "../x", "model/../x", "model/.x", "a//b", "a b", "a\n"])
def test_a_chain_cannot_leave_the_ledgers_folder(tmp_path: Path, chain: str) -> None:
    """A name that is not plain is refused."""
    with pytest.raises(BadInput, match="not a name such as model/flight_delays"):
        Ledger(tmp_path, chain)


def test_an_address_is_no_folder() -> None:
    """A storage root on S3 does not silently make a folder named `s3:`."""
    with pytest.raises(BadInput, match="is no local folder"):
        Ledger("s3://bucket/ledger", CHAIN)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mode": "shadow"}, "live, audit, dry_run"),
        ({"outcome": "MAYBE"}, "PASS, FAIL, INCONCLUSIVE"),
        ({"kind": ""}, "a kind and a key"),
        ({"key": ""}, "a kind and a key"),
        ({"body": {"auc": float("nan")}}, r"\$\.body\.auc is nan"),
        ({"run": {"dag": object()}}, r"\$\.run\.dag is a object"),
    ],
)
def test_a_wrong_argument_is_refused_and_leaves_nothing(tmp_path: Path, wrong: dict[str, object], words: str) -> None:
    """The message names the value; no record and no file appears."""
    arguments: dict[str, object] = {"kind": "gate", "key": "k", "body": {}} | wrong
    with pytest.raises(BadInput, match=words):
        Ledger(tmp_path, CHAIN).append(**arguments)  # type: ignore[arg-type]

    assert list(tmp_path.rglob("*.json")) == []


# --- racing and dying


def append_many(root: Path, writer: int, count: int) -> list[str]:
    """Append records of one writer."""
    ledger = Ledger(root, CHAIN)
    return [ledger.append(kind="drift", key=f"w{writer}-{i}", body={"writer": writer}).key for i in range(count)]


def append_same(root: Path, writer: int) -> str:
    """Append the record that all writers want, and return the hash of the one that stands."""
    return Ledger(root, CHAIN).append(kind="gate", key="same", body={"writer": writer}).hash


@pytest.fixture
def eight() -> ProcessPoolExecutor:
    """Eight processes."""
    return ProcessPoolExecutor(8, mp_context=get_context("fork"))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_eight_processes_make_one_unbroken_chain(tmp_path: Path, eight: ProcessPoolExecutor) -> None:
    """No record is lost, none is doubled, the chain does not fork."""
    with eight:
        written = [job.result() for job in [eight.submit(append_many, tmp_path, w, 25) for w in range(8)]]
    ledger = Ledger(tmp_path, CHAIN)

    assert ledger.verify() == []
    assert sorted(r.key for r in ledger.records()) == sorted(key for keys in written for key in keys)
    assert [r.seq for r in ledger.records()] == list(range(1, 201))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_many_processes_with_one_decision_write_one_record(tmp_path: Path, eight: ProcessPoolExecutor) -> None:
    """All of them get the record of the one that came first."""
    with eight:
        hashes = {job.result() for job in [eight.submit(append_same, tmp_path, w) for w in range(24)]}

    assert hashes == {r.hash for r in Ledger(tmp_path, CHAIN).records()}
    assert len(hashes) == 1


ENDLESS = """
import sys
from airflow_provider_mlops.core.ledger import Ledger
ledger = Ledger(sys.argv[1], "model/flight_delays")
start = len(ledger.records())
for i in range(10**9):
    ledger.append(kind="drift", key=f"{start + i}", body={"text": "x" * 20_000})
"""


@pytest.mark.parametrize("wait_s", [0.0, 0.013, 0.029])
def test_a_killed_writer_leaves_an_intact_chain(tmp_path: Path, wait_s: float) -> None:
    """Whenever SIGKILL comes, no torn record is seen and the next append follows on."""
    for _ in range(2):
        writer = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path)], env=python_path())
        before = len(list(tmp_path.rglob("*.json")))
        while len(list(tmp_path.rglob("*.json"))) < before + 10:
            time.sleep(0.005)
        time.sleep(wait_s)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        ledger = Ledger(tmp_path, CHAIN)
        count = len(ledger.records())

        assert ledger.verify() == []
        assert ledger.append(kind="gate", key=f"after {count}", body={}).seq == count + 1
        assert ledger.verify() == []


def python_path() -> dict[str, str]:
    """Return the environment for a fresh interpreter that finds the package."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_kill_at_any_step_of_an_append_leaves_nothing_or_the_whole_record(tmp_path: Path) -> None:
    """The process dies before each system call in turn; then Airflow's retry appends the same decision."""
    script = """
import os, sys
from airflow_provider_mlops.core.ledger import Ledger
step, fatal = 0, int(sys.argv[2])
def dying(function):
    def call(*args, **kwargs):
        global step
        step += 1
        if step == fatal:
            os._exit(9)
        return function(*args, **kwargs)
    return call
ledger = Ledger(sys.argv[1], "model/flight_delays")
ledger.append(kind="gate", key="first", body={})
os.open, os.link, os.fsync = dying(os.open), dying(os.link), dying(os.fsync)
ledger.append(kind="gate", key="second", body={})
"""
    deaths = 0
    for fatal in range(1, 20):
        root = tmp_path / str(fatal)
        deaths += (
            subprocess.run(
                [sys.executable, "-c", script, str(root), str(fatal)], env=python_path(), check=False
            ).returncode
            == 9
        )
        ledger = Ledger(root, CHAIN)
        assert ledger.verify() == []
        ledger.append(kind="gate", key="second", body={})
        assert [r.key for r in ledger.records()] == ["first", "second"]
        assert ledger.verify() == []
        if deaths < fatal:
            break
    assert deaths >= 4


def test_leftovers_of_the_dead_are_passed_over_and_removed_when_old(five: Ledger) -> None:
    """A temporary file of a writer that may still live stays."""
    old, new = five.folder / ".new-1-a", five.folder / ".new-2-b"
    old.write_bytes(b"{")
    new.write_bytes(b"{")
    os.utime(old, (0, 0))

    assert five.verify() == []
    Ledger(five.root, CHAIN).append(kind="drift", key="k", body={})
    assert (old.exists(), new.exists()) == (False, True)


# --- a disk that does not play along


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, TransientError), (errno.EIO, TransientError)])
def test_a_full_or_failing_disk_may_be_tried_again(
    five: Ledger, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    """The message names the folder, no file is left, and the next append works."""

    def failing(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(error, match=str(five.folder)):
            five.append(kind="drift", key="k", body={})

    assert sorted(path.name for path in five.folder.iterdir()) == [f"{n:08d}.json" for n in range(1, 6)]
    assert five.append(kind="drift", key="k", body={}).seq == 6


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_cannot_be_written_is_final(five: Ledger, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A retry cannot change it; the message says what to set."""

    def failing(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(BadInput, match="ledger_root"):
        five.append(kind="drift", key="k", body={})


def test_a_root_that_is_a_file_is_final(tmp_path: Path) -> None:
    """The path is wrong, and the message shows it."""
    (tmp_path / "root").write_text("not a folder")
    with pytest.raises(BadInput, match="root"):
        Ledger(tmp_path / "root", CHAIN).append(kind="gate", key="k", body={})


# --- tampering


def edit(ledger: Ledger) -> None:
    """Change one figure in record 3."""
    rewrite(file_of(ledger, 3), file_of(ledger, 3).read_bytes().replace(b"2013-03", b"2013-04"))


def respace(ledger: Ledger) -> None:
    """Write record 3 as other JSON with the same meaning."""
    rewrite(file_of(ledger, 3), json.dumps(json.loads(file_of(ledger, 3).read_bytes())).encode())


def forge_third(ledger: Ledger) -> None:
    """Change record 3 and its hash with it."""
    forge(file_of(ledger, 3), outcome="FAIL")


def remove(ledger: Ledger) -> None:
    """Delete record 3."""
    file_of(ledger, 3).unlink()


def swap(ledger: Ledger) -> None:
    """Exchange records 3 and 4."""
    third, fourth = file_of(ledger, 3).read_bytes(), file_of(ledger, 4).read_bytes()
    rewrite(file_of(ledger, 3), fourth)
    rewrite(file_of(ledger, 4), third)


def renumber(ledger: Ledger) -> None:
    """Delete record 3 and move the later ones up."""
    for seq in (3, 4):
        rewrite(file_of(ledger, seq), file_of(ledger, seq + 1).read_bytes())
    file_of(ledger, 5).unlink()


def cut(ledger: Ledger) -> None:
    """Cut record 3 in half."""
    rewrite(file_of(ledger, 3), file_of(ledger, 3).read_bytes()[:100])


def empty(ledger: Ledger) -> None:
    """Empty record 3."""
    rewrite(file_of(ledger, 3), b"")


def garble(ledger: Ledger) -> None:
    """Fill record 3 with bytes that are no text."""
    rewrite(file_of(ledger, 3), b"\xff\xfe\x00")


def drop_field(ledger: Ledger) -> None:
    """Take a field from record 3."""
    data = json.loads(file_of(ledger, 3).read_bytes())
    del data["outcome"]
    rewrite(file_of(ledger, 3), canonical_json(data).encode() + b"\n")


def newer_schema(ledger: Ledger) -> None:
    """Make record 3 one of a version to come."""
    forge(file_of(ledger, 3), schema=3)


def fork(ledger: Ledger) -> None:
    """Let record 4 follow the same record as record 3."""
    forge(file_of(ledger, 4), prev_hash=ledger.records()[1].hash)


def other_chain(ledger: Ledger) -> None:
    """Put a record of another chain in the place of record 3."""
    forge(file_of(ledger, 3), chain="model/other")


TAMPERING: list[tuple[Callable[[Ledger], None], list[tuple[int, str]]]] = [
    (edit, [(3, "edited")]),
    (respace, [(3, "edited")]),
    (forge_third, [(4, "wrong prev_hash")]),
    (remove, [(3, "missing")]),
    (swap, [(3, "moved"), (4, "moved")]),
    (renumber, [(3, "moved"), (4, "moved")]),
    (cut, [(3, "unreadable")]),
    (empty, [(3, "unreadable")]),
    (garble, [(3, "unreadable")]),
    (drop_field, [(3, "unreadable")]),
    (newer_schema, [(3, "unreadable")]),
    (fork, [(4, "fork"), (5, "wrong prev_hash")]),
    (other_chain, [(3, "moved")]),
]


@pytest.mark.parametrize(("tamper", "expected"), TAMPERING, ids=[tamper.__name__ for tamper, _ in TAMPERING])
def test_tampering_is_found_and_named(
    five: Ledger, tamper: Callable[[Ledger], None], expected: list[tuple[int, str]]
) -> None:
    """`verify` names the file and what happened to it, and nothing that is intact; no reader or writer uses it."""
    tamper(five)
    problems = five.verify()

    assert [problem.split(": ")[:2] for problem in problems] == [
        [f"{CHAIN}/{seq:08d}.json", word] for seq, word in expected
    ]
    with pytest.raises(EvidenceBroken, match=f"{expected[0][0]:08d}.json"):
        Ledger(five.root, CHAIN).records()
    with pytest.raises(EvidenceBroken, match="ledger verify"):
        Ledger(five.root, CHAIN).append(kind="drift", key="k", body={})


def test_a_file_that_cannot_be_opened_is_named(five: Ledger) -> None:
    """A folder, or a file without the right to read it, stands where a record was."""
    file_of(five, 3).unlink()
    file_of(five, 3).mkdir()
    problems = five.verify()

    assert len(problems) == 1
    assert problems[0].startswith(f"{CHAIN}/00000003.json: unreadable: ")
    with pytest.raises(BadInput, match=r"00000003\.json"):
        Ledger(five.root, CHAIN).records()


def test_a_long_gap_is_one_problem(five: Ledger) -> None:
    """A file with a huge number neither hangs the check nor fills the screen."""
    rewrite(five.folder / "99999999.json", file_of(five, 5).read_bytes())
    problems = five.verify()

    assert len(problems) == 2
    assert "00000006.json: missing, with all up to 99999998.json" in problems[0]


@pytest.mark.parametrize("name", ["notes.txt", "000000003.json", "00000000.json", "00000003.json.bak", "3.json"])
def test_files_that_are_no_records_are_named(five: Ledger, name: str) -> None:
    """Nothing hides in a chain's folder."""
    (five.folder / name).write_bytes(b"x")

    assert five.verify() == [f"{CHAIN}/{name}: extra: it is not a record of this chain."]
    assert len(Ledger(five.root, CHAIN).records()) == 5


def test_a_tail_that_was_cut_off_is_seen_only_against_a_hash_kept_elsewhere(five: Ledger) -> None:
    """A chain cannot miss its own end: the limit that the documentation states."""
    kept = five.records()[-1].hash
    file_of(five, 5).unlink()
    shortened = Ledger(five.root, CHAIN)

    assert shortened.verify() == []
    assert kept not in {r.hash for r in shortened.records()}


def test_all_problems_are_reported_at_once(five: Ledger) -> None:
    """One check is enough to know what to restore."""
    edit(five)
    file_of(five, 1).unlink()
    rewrite(file_of(five, 5), b"{}")

    assert [problem.split(": ")[0][-13:] for problem in five.verify()] == [f"{n:08d}.json" for n in (1, 3, 5)]
