"""What became of snapshots that are no longer there."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core import gone
from airflow_provider_mlops.core.evidence import accepted_snapshots
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty chain of a dataset."""
    return Ledger(tmp_path, "dataset/flights")


def add(ledger: Ledger, kind: str, outcome: str | None = None, mode: str = "live", **body: Any) -> Record:
    """Append a record."""
    return ledger.append(kind=kind, key=f"{len(ledger.records())}", body=body, outcome=outcome, mode=mode)


def take(ledger: Ledger, key: str, snapshot_id: str) -> None:
    """Record a snapshot and its PASS."""
    add(ledger, "snapshot", partition_key=key, snapshot_id=snapshot_id)
    add(ledger, "validation", "PASS", partition_key=key, snapshot_id=snapshot_id, accepted_snapshot_id=snapshot_id)


def erase(ledger: Ledger, old: str, new: str | None, rows: int = 3) -> Record:
    """Record an erasure."""
    item = {"snapshot_id": old, "replaced_by": new, "rows_erased": rows}
    return add(ledger, "erasure", snapshots=[item])


def prune(ledger: Ledger, planned_on: str, *ids: str) -> Record:
    """Record a pruning."""
    return add(ledger, "pruning", planned_on=planned_on, snapshots=[{"snapshot_id": one} for one in ids])


def test_what_is_left_of_an_erased_snapshot_is_accepted(ledger: Ledger) -> None:
    """Two erasures in a row lead to the last one, and the rows add up."""
    take(ledger, "2013-01", A)
    erase(ledger, A, B)
    erase(ledger, B, C, rows=2)
    found = gone.gone_snapshots(ledger.records())

    assert gone.successor(found, A) == C
    assert [item.rows for item in gone.erasures_of(found, [A, A])] == [3, 2]
    assert accepted_snapshots(ledger.records()) == {"2013-01": C}
    assert found[A].why().startswith(f"Snapshot {A} differs by 3 lawfully erased rows since ")


def test_a_partition_without_rows_has_no_accepted_snapshot(ledger: Ledger) -> None:
    """An older snapshot, which holds the erased rows too or is outdated, does not come back."""
    take(ledger, "2013-01", A)
    take(ledger, "2013-01", B)
    erase(ledger, B, None)

    assert accepted_snapshots(ledger.records()) == {}
    assert gone.gone_snapshots(ledger.records())[B].why().endswith("no row is left.")


def test_the_later_of_two_erasures_of_a_snapshot_is_void(ledger: Ledger) -> None:
    """Both rewrote the same rows; the ledger's order decides, and the loser plans again."""
    first, second = erase(ledger, A, B), erase(ledger, A, C)
    found = gone.gone_snapshots(ledger.records())

    assert (gone.is_void(first, found), gone.is_void(second, found)) == (False, True)
    assert gone.successor(found, A) == B


def test_a_pruned_snapshot_is_there_again_once_it_is_taken_again(ledger: Ledger) -> None:
    """The rows are the same, so the old verdict holds."""
    take(ledger, "2013-01", A)
    prune(ledger, ledger.records()[-1].hash, A)
    assert accepted_snapshots(ledger.records()) == {}

    add(ledger, "snapshot", partition_key="2013-01", snapshot_id=A)

    assert accepted_snapshots(ledger.records()) == {"2013-01": A}


def test_a_pruning_does_not_hold_for_what_was_named_since_its_plan(ledger: Ledger) -> None:
    """A task took the same snapshot while the pruning was planned: it stays, the other goes."""
    take(ledger, "2013-01", A)
    take(ledger, "2013-02", B)
    planned_on = ledger.records()[-1].hash
    add(ledger, "snapshot", partition_key="2013-01", snapshot_id=A)
    prune(ledger, planned_on, A, B)

    assert set(gone.gone_snapshots(ledger.records())) == {B}


def test_an_erased_snapshot_does_not_come_back(ledger: Ledger) -> None:
    """Also where a task recorded it once more."""
    erase(ledger, A, B)
    add(ledger, "snapshot", partition_key="2013-01", snapshot_id=A)

    assert set(gone.gone_snapshots(ledger.records())) == {A}


def test_erasures_of_other_modes_change_nothing(ledger: Ledger) -> None:
    """Only live records move anything."""
    item = {"snapshot_id": A, "replaced_by": B, "rows_erased": 1}
    add(ledger, "erasure", mode="dry_run", snapshots=[item])

    assert gone.gone_snapshots(ledger.records()) == {}


def test_a_ring_of_replacements_ends(ledger: Ledger) -> None:
    """A ledger that was written by something else cannot hang a reader."""
    found = {
        A: gone.Gone(A, gone.ERASED, "r", "2026-01-01", B, 1),
        B: gone.Gone(B, gone.ERASED, "r", "2026-01-01", A, 1),
    }

    assert gone.successor(found, A) is None
    assert len(gone.erasures_of(found, [A])) == 2


def test_a_verdict_on_rows_that_were_erased_meanwhile_accepts_nothing(ledger: Ledger) -> None:
    """The task read the snapshot before the erasure, and set rows aside: what it accepted may hold erased rows."""
    take(ledger, "2013-01", A)
    erase(ledger, A, B)
    add(ledger, "validation", "PASS", partition_key="2013-01", snapshot_id=A, accepted_snapshot_id=C)

    assert accepted_snapshots(ledger.records()) == {"2013-01": B}


def test_a_pruned_snapshot_is_there_again_once_a_rewriting_gives_it(ledger: Ledger) -> None:
    """The source had given the rest alone before, and that was pruned."""
    take(ledger, "2013-01", B)
    prune(ledger, ledger.records()[-1].hash, B)
    take(ledger, "2013-01", A)
    erase(ledger, A, B)

    assert set(gone.gone_snapshots(ledger.records())) == {A}
    assert accepted_snapshots(ledger.records()) == {"2013-01": B}
