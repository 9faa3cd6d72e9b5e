"""What a day of monitoring reads does not grow with the days before it."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.drift_history import MOST_LOOKS
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.ledger_index import BLOCK
from airflow_provider_mlops.core.store import LocalStore
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.integration.test_profile_operator import write_policy
from tests.support.lab import DATASET, Lab, Stages
from tests.support.years import STEPS, chains_of, record_day, repeat, run_day

MONTHS = [f"2020-{month:02d}" for month in range(5, 13)]
SHORT, LONG = MONTHS[2], MONTHS[-1]
DAILY = ("snapshot+validate", *STEPS[2:])
# So many days apart that as many records come after the newest block of each index.
MONTH, YEAR = 400 - 11 * 32, 400


class Reads:
    """Counts what is read below the storage root, by its first folder, and records of the ledgers.

    :param monkeypatch: pytest's.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored: Counter[str] = Counter()
        self.records: Counter[str] = Counter()
        opened, marker, read_all = Storage.open, Storage.marker, LocalStore.read_all

        def counted_open(storage: Storage, relative: str) -> Any:
            self.stored[relative.partition("/")[0]] += 1
            return opened(storage, relative)

        def counted_marker(storage: Storage, relative: str) -> str:
            self.stored[relative.partition("/")[0]] += 1
            return marker(storage, relative)

        def counted_records(store: LocalStore, names: Iterable[str]) -> Iterator[bytes | None]:
            found = list(names)
            self.records.update(found)
            return read_all(store, found)

        monkeypatch.setattr(Storage, "open", counted_open)
        monkeypatch.setattr(Storage, "marker", counted_marker)
        monkeypatch.setattr(LocalStore, "read_all", counted_records)

    def of(self, lab: Lab, *steps: str, **arguments: Any) -> tuple[dict[str, int], Counter[str]]:
        """Run steps of a day, and say what they read."""
        self.stored.clear()
        self.records.clear()
        for step in steps:
            lab.run(step, **arguments)
        return dict(self.stored), Counter(self.records)


@pytest.mark.parametrize(("more", "steps"), [("data: profile\n", ("profile", "drift")), ("", ("drift",))])
def test_a_day_reads_what_a_day_read_before(
    make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch, more: str, steps: tuple[str, ...]
) -> None:
    """After twice the history no more folders are opened, and each task reads each record of its ledgers once."""
    lab = make_lab("drifted")
    write_policy(lab, more)
    reads, found = Reads(monkeypatch), {}
    for key in MONTHS:
        lab.accept(key, "drifted")
        found[key] = reads.of(lab, *steps, partition_key=key, window=2)
    (short, before), (long, after) = found[SHORT], found[LONG]

    assert all(opened <= short.get(folder, 0) for folder, opened in long.items())
    assert max(before.values()) == max(after.values()) == len(steps)
    # The records themselves: what was written, and no other ledger.
    assert {name.rpartition("/")[0] for name in after} == {f"model/{lab.model}", f"dataset/{DATASET}"}


class RecordReads:
    """Counts the records of ledgers that are read, and the blocks of their index.

    :param monkeypatch: pytest's.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: set[str] = set()
        read = LocalStore.read

        def counted(store: LocalStore, name: str) -> bytes | None:
            found = read(store, name)
            self.seen |= {name} if found is not None else set()
            return found

        monkeypatch.setattr(LocalStore, "read", counted)

    def of(self, lab: Lab, key: str) -> dict[str, tuple[int, int]]:
        """Run the tasks of a day; return how many records each read, and how many blocks."""
        found = {}
        for step in DAILY:
            self.seen.clear()
            run_day(lab, key, step.split("+"))
            blocks = sum(name.startswith(".index") for name in self.seen)
            found[step] = (len(self.seen) - blocks, blocks)
        return found


def test_a_day_after_a_year_reads_no_more_records_than_after_a_month(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor more than a few blocks of the index: of old records the newest looks at drift are read, and no others."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    template = stages.copy("promoted", tmp_path / "template")
    template.enter(monkeypatch)
    day, reads, found = record_day(template, "2021-09-01"), RecordReads(monkeypatch), {}
    for days in (MONTH, YEAR):
        lab = stages.copy("promoted", tmp_path / str(days))
        lab.enter(monkeypatch)
        repeat(lab, day, days)
        for name in chains_of(lab):
            Ledger(lab.storage / "ledger", name, by_index=True).records()
        found[days] = reads.of(lab, day.key)

    assert {step: records for step, (records, _) in found[YEAR].items()} == {
        step: records for step, (records, _) in found[MONTH].items()
    }
    assert max(records for records, _ in found[YEAR].values()) < 2 * BLOCK + 2 * MOST_LOOKS
    assert max(blocks for _, blocks in found[YEAR].values()) < 2 * 16
    assert [ledger.verify() for ledger in map(lab.ledger, chains_of(lab))] == [[], []]
