"""The index of a chain: the same answers without reading old records, and never one on what somebody made up."""

import copy
import json
import logging
import os
import pickle
import random
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core import ledger, ledger_index
from airflow_provider_mlops.core.canonical import canonical_json, sha256_bytes
from airflow_provider_mlops.core.chains import chains
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.late import Late
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.ledger_index import parse_block, spans
from airflow_provider_mlops.core.store import LocalStore
from airflow_provider_mlops.core.trust import ROTATION, Keys
from tests.support.keys import keys, signing_key

CHAIN = "model/flight_delays"
KINDS = ("snapshot", "validation", "drift", "performance", "retrain_claim", "pruning", "gate")
NOTHING = Keys()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks of 4 and 16 records in place of 64 and 512."""
    monkeypatch.setattr(ledger_index, "SIZES", (16, 4))
    monkeypatch.setattr(ledger, "BLOCK", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing here outlives a crash of the machine


class Counted(LocalStore):
    """A folder that keeps the names of what is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seen: list[str] = []

    def read(self, name: str) -> bytes | None:
        """Read a file, and note it."""
        self.seen.append(name)
        return super().read(name)

    def read_all(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Read files, and note them."""
        return map(self.read, names)

    def records_read(self) -> list[int]:
        """Return the numbers of the records that were read, of those that are there."""
        return sorted(
            {int(Path(name).stem) for name in self.seen if name.endswith(".json") and (self.path / name).exists()}
        )


def grow(root: Path, count: int, seed: int = 1, trusted: Keys = NOTHING) -> Ledger:
    """Append random records: members that an index holds and others, long ones, nested ones, none."""
    chance, chain = random.Random(seed), Ledger(root, CHAIN, trusted)
    for number in range(count):
        body: dict[str, Any] = {"partition_key": f"2020-{chance.randint(1, 12):02d}", "other": [number, {"a": None}]}
        for name in ("version", "dataset", "reference", "snapshot_id", "estimated"):
            if chance.random() < 0.6:
                body[name] = chance.choice([None, "x", 1.5, {"of": "training"}, "long" * 200, ["é", True]])
        if chance.random() < 0.5:
            rules = [{"rule": "r", "outcome": chance.choice(["PASS", "FAIL"]), "numbers": {"kind": "realised"}}]
            body |= {"verdict": {"rules": rules}, "realised": {"roc_auc": {"now": {"high": 0.9}}}}
        chain.append(
            kind=chance.choice(KINDS),
            key=f"k{chance.randint(0, 2 * count)}-{number}",
            body=body,
            run={"dag_id": f"d{number % 3}", "run_id": f"r{number}", "task_id": "t"},
            mode=chance.choice(["live", "audit", "dry_run"]),
            outcome=chance.choice([None, "PASS", "FAIL", "INCONCLUSIVE"]),
        )
    return chain


def indexed(root: Path, trusted: Keys = NOTHING) -> tuple[Ledger, Counted]:
    """Open a chain by its index."""
    store = Counted(root)
    return Ledger(store, CHAIN, trusted, by_index=True), store


def blocks(root: Path) -> list[Path]:
    """Return the files of the index."""
    return sorted(root.glob(".index/**/*.jsonl"))


def rewrite(path: Path, data: bytes) -> None:
    """Replace a file that is read-only."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def altered(path: Path, seq: int, place: int, value: Any) -> None:
    """Change what a block says of a record, with a hash that fits."""
    content, seal = path.read_bytes().splitlines()
    data = json.loads(content)
    data["records"][seq - data["first"]][place] = value
    content = canonical_json(data).encode()
    rewrite(
        path, content + b"\n" + canonical_json({**json.loads(seal), "hash": sha256_bytes(content)}).encode() + b"\n"
    )


# --- the same answers


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("signed", [False, True])
def test_every_answer_is_the_same(tmp_path: Path, seed: int, signed: bool) -> None:
    """All records, by kind, by decision, by members: with an index that covers none, some or nearly all."""
    chance, trusted = random.Random(seed), keys("one") if signed else NOTHING
    plain = grow(tmp_path, chance.randint(0, 40), seed, trusted)
    indexed(tmp_path, trusted)[0].records()
    for number in range(chance.randint(0, 3)):
        plain.append(kind="gate", key=f"later{number}", body={"partition_key": "2021-01"})
    fast, whole = indexed(tmp_path, trusted)[0], Ledger(tmp_path, CHAIN, trusted)
    records = whole.records()

    assert [r.hash for r in fast.records()] == [r.hash for r in records]
    for kind in KINDS:
        assert [r.seq for r in fast.records(kind)] == [r.seq for r in whole.records(kind)]
        for mode in (None, "live", "audit"):
            asked: list[dict[str, Any]] = [
                {},
                {"partition_key": "2020-03"},
                {"version": None},
                {"other": [3, {"a": None}]},
            ]
            for members in [*asked, {"reference": {"of": "training"}}, {"dataset": "long" * 200}, {"no": 1}]:
                assert fast.latest(kind=kind, mode=mode, **members) == whole.latest(kind=kind, mode=mode, **members)
    for record in records:
        assert fast.find(kind=record.kind, key=record.key, mode=record.mode) == record
    assert fast.find(kind="gate", key="none") is None
    assert [r.to_dict() for r in fast.records()] == [r.to_dict() for r in records]


@pytest.mark.parametrize("seed", range(6))
def test_a_body_that_is_late_is_the_body(tmp_path: Path, seed: int) -> None:
    """Every way to look into a mapping answers as the body itself does, and a copy is a dictionary."""
    grow(tmp_path, 33, seed)
    indexed(tmp_path)[0].records()
    names = [*ledger_index.MEMBERS, "other", "verdict", "nothing"]
    for late, record in zip(indexed(tmp_path)[0].records(), Ledger(tmp_path, CHAIN).records(), strict=True):
        body = late.body
        assert [body.get(name, "none") for name in names] == [record.body.get(name, "none") for name in names]
        assert [name in body for name in names] == [name in record.body for name in names]
        assert all(body[name] == record.body[name] for name in record.body)
        assert (dict(body), len(body), {**body}, list(late.run)) == (
            record.body,
            len(record.body),
            record.body,
            list(record.run),
        )
        assert late == record
        assert record == late
        assert type(copy.deepcopy(body)) is type(pickle.loads(pickle.dumps(body))) is dict
        with pytest.raises(KeyError):
            body["nothing"]
    assert isinstance(indexed(tmp_path)[0].records()[0].body, Late)


def test_old_records_are_not_read(tmp_path: Path) -> None:
    """A reader reads the last record that the index names and what came after it; one that is asked for is read too."""
    grow(tmp_path, 38)
    assert indexed(tmp_path)[1].records_read() == []
    first, store = indexed(tmp_path)
    first.records()
    assert len(store.records_read()) == 38
    fast, store = indexed(tmp_path)
    fast.find(kind="gate", key="none")
    fast.latest(kind="snapshot", partition_key="2020-03")

    assert store.records_read() == [36, 37, 38]
    assert [r.body["partition_key"] for r in fast.records()]
    assert store.records_read() == [36, 37, 38]
    assert fast.records()[4].body["other"] == [4, {"a": None}]
    assert store.records_read() == [5, 36, 37, 38]


@pytest.mark.parametrize("count", [38, 1_302])
def test_work_does_not_grow_with_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """As many records are read of a long chain as of a short one, and no more than a few blocks."""
    monkeypatch.setattr(ledger_index, "SIZES", (256, 64, 16, 4))
    grow(tmp_path, count)
    indexed(tmp_path)[0].records()
    fast, store = indexed(tmp_path)
    fast.records("drift")

    assert len(store.records_read()) == 3
    assert 3 <= len([name for name in store.seen if name.endswith(".jsonl")]) <= 7


def test_a_chain_is_cut_into_the_largest_blocks() -> None:
    """The newest records, fewer than a block, are in none."""
    assert list(spans(3)) == []
    assert list(spans(43)) == [(1, 16), (17, 32), (33, 36), (37, 40)]


def test_the_index_grows_with_the_chain(tmp_path: Path) -> None:
    """A larger block is made of smaller ones, whose records are not read for it."""
    chain = grow(tmp_path, 12)
    indexed(tmp_path)[0].records()
    assert [path.name for path in blocks(tmp_path)] == [f"{a:08d}-{a + 3:08d}.jsonl" for a in (1, 5, 9)]
    for number in range(5):
        chain.append(kind="gate", key=f"later{number}", body={})
    fast, store = indexed(tmp_path)
    fast.records()

    assert store.records_read() == [12, 13, 14, 15, 16, 17]
    assert "00000001-00000016.jsonl" in [path.name for path in blocks(tmp_path)]
    assert chain.verify() == []


def test_who_appends_by_an_index_continues_the_chain(tmp_path: Path) -> None:
    """A decision that the index holds is found again; a new record follows the newest one."""
    old = grow(tmp_path, 33).records()[2]
    indexed(tmp_path)[0].records()
    fast = indexed(tmp_path)[0]

    assert fast.append(kind=old.kind, key=old.key, mode=old.mode, body={"another": 1}) == old
    assert fast.append(kind="gate", key="new", body={}).seq == 34
    assert fast.append(kind="gate", key="x", body={}, unless=lambda records: records[0]).seq == 1
    assert Ledger(tmp_path, CHAIN).verify() == []


def test_an_index_is_no_chain_and_no_record(tmp_path: Path) -> None:
    """It lies where neither the list of chains nor the search for strangers looks, and may be removed at any time."""
    chain = grow(tmp_path, 20)
    indexed(tmp_path)[0].records()
    assert blocks(tmp_path)
    assert chains(tmp_path) == [CHAIN]
    assert (chain.verify(), [name for name, _ in chain.store.walk()]) == ([], ["model", CHAIN])
    shutil.rmtree(tmp_path / ".index")

    assert len(indexed(tmp_path)[0].records()) == 20
    assert blocks(tmp_path)


def test_a_whole_reading_forgets_the_index(tmp_path: Path) -> None:
    """Before an alias is moved all records are read, and an old one that was edited is found."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    fast, store = indexed(tmp_path)
    fast.records()
    fast.read_whole()
    assert len(fast.records()) == len(store.records_read()) == 33
    path = tmp_path / CHAIN / "00000005.json"
    rewrite(path, path.read_bytes().replace(b'"other"', b'"ether"'))
    fast = indexed(tmp_path)[0]
    assert len(fast.records()) == 33

    fast.read_whole()
    with pytest.raises(EvidenceBroken, match=r"00000005\.json: edited"):
        fast.records()


# --- what is broken, stale, foreign or made up


def warned(caplog: pytest.LogCaptureFixture) -> str:
    """Return the one warning of the index."""
    (found,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return found


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda raw: raw[: len(raw) // 2], "it cannot be read"),
        (lambda raw: b"", "it cannot be read"),
        (lambda raw: b"[]\n[]\n", "it cannot be read"),
        (lambda raw: b'{"first":1,"last":16,"records":[]}\n{"hash":"x"}\n', "it cannot be read"),
        (lambda raw: raw.replace(b'"chain":"model/flight_delays"', b'"chain":"model/flight_delayz"'), "something else"),
        (lambda raw: raw.replace(b"PASS", b"FAIL", 1), "it was changed"),
        (lambda raw: raw.replace(b'"first":1,', b'"first":2,'), "something else"),
        (lambda raw: raw.replace(b'"schema":1', b'"schema":9', 1), "something else"),
        (lambda raw: b"\x80" + raw, "it cannot be read"),
    ],
)
def test_a_damaged_block_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Any, why: str
) -> None:
    """One warning names the file and the way out; the answers are those of the records."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    path = blocks(tmp_path)[0]
    rewrite(path, damage(path.read_bytes()))
    fast, store = indexed(tmp_path)

    assert [r.to_dict() for r in fast.records()] == [r.to_dict() for r in Ledger(tmp_path, CHAIN).records()]
    assert len(store.records_read()) == 33
    assert why in (text := warned(caplog))
    assert path.name in text
    assert "delete the file, it is made anew" in text
    assert any(path.name in problem for problem in fast.verify())


def test_what_stands_before_a_damaged_block_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first 16 records come from the index, the others are read."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    rewrite(blocks(tmp_path)[1], b"nothing")
    fast, store = indexed(tmp_path)

    assert len(fast.records()) == 33
    assert store.records_read() == list(range(16, 34))
    assert warned(caplog)


def test_the_index_of_another_history_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The chain was written anew: the records count."""
    grow(tmp_path, 20, seed=1)
    indexed(tmp_path)[0].records()
    shutil.rmtree(tmp_path / "model")
    records = grow(tmp_path, 20, seed=2).records()

    assert indexed(tmp_path)[0].records() == records
    assert "is of another chain, or this one was written anew" in warned(caplog)


def test_an_index_that_names_more_than_there_is_shows_a_cut(tmp_path: Path) -> None:
    """Readers pass it over; `verify` says that newest records are missing, which the chain alone cannot show."""
    grow(tmp_path, 36)
    indexed(tmp_path)[0].records()
    for seq in range(30, 37):
        (tmp_path / CHAIN / f"{seq:08d}.json").unlink()
    fast, store = indexed(tmp_path)

    assert len(fast.records()) == 29
    assert store.records_read() == list(range(16, 30))
    assert [p for p in fast.verify() if "names record 36, and the chain ends at 29: newest records were cut off" in p]


def test_a_record_that_is_missing_is_missed(tmp_path: Path) -> None:
    """Also one that the index covers: names are listed each time."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    (tmp_path / CHAIN / "00000007.json").unlink()

    with pytest.raises(EvidenceBroken, match=r"00000007\.json: missing: later records exist"):
        indexed(tmp_path)[0].records()


def test_an_edited_record_is_found_when_it_is_read(tmp_path: Path) -> None:
    """Each record that is read must be the one that the index names; `verify` reads them all."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    path = tmp_path / CHAIN / "00000007.json"
    rewrite(path, path.read_bytes().replace(b'"other"', b'"ether"'))
    late = indexed(tmp_path)[0].records()[6]

    assert late.body["partition_key"]
    with pytest.raises(EvidenceBroken, match=r"00000007\.json: edited"):
        late.body["other"]
    assert any("00000007.json: edited" in problem for problem in Ledger(tmp_path, CHAIN).verify())


def test_an_exchanged_record_is_found_when_it_is_read(tmp_path: Path) -> None:
    """Its own hash fits; it is not the one of the index."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    shutil.copy(tmp_path / CHAIN / "00000008.json", other := tmp_path / "other")
    rewrite(tmp_path / CHAIN / "00000007.json", other.read_bytes())

    with pytest.raises(EvidenceBroken, match="edited: its hash is another one"):
        indexed(tmp_path)[0].records()[6].body["other"]


@pytest.mark.parametrize(
    ("place", "value"), [(0, "erasure"), (3, "PASS"), (7, {"partition_key": "1999-01"}), (8, ["rows"])]
)
def test_an_unsigned_index_that_lies_is_found_when_the_record_is_read(tmp_path: Path, place: int, value: Any) -> None:
    """Whoever may write an unsigned ledger may write its index; each record that is read is compared with it."""
    grow(tmp_path, 33)
    indexed(tmp_path)[0].records()
    row = ledger_index.row_of(Ledger(tmp_path, CHAIN).records()[6])
    altered(blocks(tmp_path)[0], 7, place, value if row[place] != value else "FAIL")
    late = indexed(tmp_path)[0].records()[6]

    with pytest.raises(EvidenceBroken, match="not what the index of the ledger says of it; delete that index"):
        late.body["other"]
    (problem,) = Ledger(tmp_path, CHAIN).verify()
    assert "00000001-00000016.jsonl: wrong: it says of record 7 what that does not say" in problem


# --- signatures


def test_a_signed_chain_has_a_signed_index(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One that was changed, or that nobody signed, is passed over, though its hash fits."""
    trusted = keys("one")
    grow(tmp_path, 33, trusted=trusted)
    indexed(tmp_path, trusted)[0].records()
    fast, store = indexed(tmp_path, trusted)
    assert len(fast.records()) == 33
    assert store.records_read() == [32, 33]
    altered(blocks(tmp_path)[0], 7, 0, "erasure")
    fast, store = indexed(tmp_path, trusted)

    assert fast.records() == Ledger(tmp_path, CHAIN, trusted).records()
    assert len(store.records_read()) == 33
    assert "not signed by the key of the ledger" in warned(caplog)
    assert any("it says of record 7" in problem for problem in fast.verify())


def test_the_signature_of_a_block_holds_for_that_block_alone(tmp_path: Path) -> None:
    """Neither the hash, nor the place, nor the chain, nor the key may be another."""
    trusted = keys("one")
    grow(tmp_path, 16, trusted=trusted)
    indexed(tmp_path, trusted)[0].records()
    (path,) = blocks(tmp_path)
    name, raw = path.relative_to(tmp_path).as_posix(), path.read_bytes()
    seal = json.loads(raw.splitlines()[1])

    assert parse_block(name, raw, CHAIN, signing_key("one")).first == 1
    for broken in (
        {**seal, "signature": None},
        {"hash": seal["hash"]},
        {**seal, "signature": {**seal["signature"], "signatures": []}},
        {**seal, "signature": {**seal["signature"], "payload": "eA=="}},
        {**seal, "signature": {**seal["signature"], "signatures": [{"sig": "!!", "keyid": ""}]}},
    ):
        text = raw.splitlines()[0] + b"\n" + canonical_json(broken).encode() + b"\n"
        with pytest.raises(EvidenceBroken, match="not signed"):
            parse_block(name, text, CHAIN, signing_key("one"))
    with pytest.raises(EvidenceBroken, match="not signed"):
        parse_block(name, raw, CHAIN, signing_key("two"))


def test_a_reader_without_the_key_reads_everything(tmp_path: Path) -> None:
    """Only the index of the own key counts, and none without one is made of a signed chain."""
    grow(tmp_path, 33, trusted=keys("one"))
    indexed(tmp_path, keys("one"))[0].records()
    made = blocks(tmp_path)
    for other in (NOTHING, keys(None, "one"), keys("two", "one")):
        fast, store = indexed(tmp_path, other)
        assert len(fast.records()) == len(store.records_read()) == 33
    assert [path for path in blocks(tmp_path) if "unsigned" in str(path)] == []
    assert set(made) < set(blocks(tmp_path))


def test_an_unsigned_index_beside_a_signed_chain_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who has no key made it."""
    grow(tmp_path, 33, trusted=keys("one"))
    indexed(tmp_path, keys("one"))[0].records()
    (folder,) = (tmp_path / ".index" / CHAIN).iterdir()
    shutil.copytree(folder, folder.with_name(f"unsigned-{ledger_index.FORM}"))
    fast, store = indexed(tmp_path)

    assert len(fast.records()) == len(store.records_read()) == 33
    assert "the chain is signed, and it is not" in warned(caplog)


def test_a_chain_that_was_signed_later_keeps_its_first_index(tmp_path: Path) -> None:
    """The unsigned part may come from an unsigned index; the signer makes one of its own."""
    grow(tmp_path, 16)
    indexed(tmp_path)[0].records()
    grow(tmp_path, 20, seed=2, trusted=keys("one"))
    fast, store = indexed(tmp_path)

    assert len(fast.records()) == 36
    assert store.records_read() == list(range(16, 37))
    indexed(tmp_path, keys("one"))[0].records()
    fast, store = indexed(tmp_path, keys("one"))
    assert len(fast.records()) == 36
    assert store.records_read() == [36]


def test_a_rotated_key_begins_a_new_index(tmp_path: Path) -> None:
    """The new key is learnt from the record of the rotation, which is read and checked each time."""
    old, new = signing_key("one"), signing_key("two")
    chain = grow(tmp_path, 20, trusted=keys("one"))
    body = {"old_key_id": old.public.id, "new_key_id": new.public.id, "public_key": new.public.pem}
    chain.append(kind=ROTATION, key="rotation", body=body)
    grow(tmp_path, 20, seed=2, trusted=keys("two", "one"))
    # This reader learns the new key from the chain alone.
    trusted = Keys(new, keys(None, "one").trusted, keys("one").read)
    whole = Ledger(tmp_path, CHAIN, trusted).records()
    assert indexed(tmp_path, trusted)[0].records() == whole
    fast, store = indexed(tmp_path, trusted)

    assert len(fast.records()) == 41
    assert store.records_read() == [21, 40, 41]
    with pytest.raises(BadInput, match="Record 21 replaced the key"):
        indexed(tmp_path, keys("one", "two"))[0].append(kind="gate", key="new", body={})
    assert indexed(tmp_path, trusted)[0].append(kind="gate", key="new", body={}).signed_by == new.public.id


def test_a_key_that_is_trusted_no_more_is_refused_by_the_index_too(tmp_path: Path) -> None:
    """Records that it signed are refused as they are without an index."""
    grow(tmp_path, 8, trusted=keys("one"))
    grow(tmp_path, 25, seed=2, trusted=keys("two", "one"))
    indexed(tmp_path, keys("two", "one"))[0].records()

    with pytest.raises(EvidenceBroken, match=r"00000001\.json: unknown key"):
        indexed(tmp_path, keys("two"))[0].records()


# --- writers


def test_two_writers_make_one_index(tmp_path: Path) -> None:
    """Each block is created once, and both would write the same bytes."""
    grow(tmp_path, 33, trusted=keys("one"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: indexed(tmp_path, keys("one"))[0].records(), range(8)))
    first = {path.name: path.read_bytes() for path in blocks(tmp_path)}
    shutil.rmtree(tmp_path / ".index")
    indexed(tmp_path, keys("one"))[0].records()

    assert all([r.hash for r in one] == [r.hash for r in found[0]] for one in found)
    assert {path.name: path.read_bytes() for path in blocks(tmp_path)} == first


def test_a_writer_that_was_killed_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at the second block: the next reader uses the first one and makes the second."""
    grow(tmp_path, 33)
    with monkeypatch.context() as patched:
        patched.setattr(ledger_index, "_block_bytes", _dies_at_second())
        with pytest.raises(KeyboardInterrupt):
            indexed(tmp_path)[0].records()
    assert len(blocks(tmp_path)) == 1
    fast, store = indexed(tmp_path)

    assert len(fast.records()) == 33
    assert store.records_read() == list(range(16, 34))
    assert len(blocks(tmp_path)) == 2


def _dies_at_second() -> Any:
    made, calls = ledger_index._block_bytes, iter(range(9))

    def dies(*arguments: Any) -> bytes:
        if next(calls):
            raise KeyboardInterrupt
        return made(*arguments)

    return dies


def test_a_ledger_that_may_not_be_written_is_read_as_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No index is made, and nothing is said of it: a reader can do nothing about it."""

    class ReadOnly(Counted):
        def prepare(self, folder: str) -> None:
            raise BadInput(f"{folder} may not be written.")

    grow(tmp_path, 33)
    for _ in range(2):
        assert len(Ledger(ReadOnly(tmp_path), CHAIN, by_index=True).records()) == 33
    assert blocks(tmp_path) == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_without_the_word_no_index_is_read_or_written(tmp_path: Path) -> None:
    """It is for what watches; what decides on a version reads every record."""
    grow(tmp_path, 33)
    assert len(Ledger(tmp_path, CHAIN).records()) == 33
    assert blocks(tmp_path) == []
    indexed(tmp_path)[0].records()
    store = Counted(tmp_path)
    Ledger(store, CHAIN).records()

    assert len(store.records_read()) == 33
    assert [name for name in store.seen if name.startswith(".index")] == []
