"""What a day of monitoring reads does not grow with the days before it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from airflow_provider_mlops.core.store import LocalStore
from airflow_provider_mlops.hooks.storage import Storage
from tests.conftest import MakeLab
from tests.integration.test_profile_operator import write_policy
from tests.support.lab import DATASET, Lab

MONTHS = [f"2020-{month:02d}" for month in range(5, 13)]
SHORT, LONG = MONTHS[2], MONTHS[-1]


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
