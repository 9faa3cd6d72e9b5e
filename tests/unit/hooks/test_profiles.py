"""Profiles of snapshots: streamed, stored, found again, sliced, merged, and refused when they were changed."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_mlops.backends.parquet import write_snapshot
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.hooks.profile_store import FILE
from airflow_provider_mlops.hooks.profiles import (
    Reference,
    profile_of,
    reference_of,
    stored_profiles,
    window_profile,
)
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.statistics.profile import CategoryProfile, NumberProfile

ROLES: dict[str, Any] = {"x": "feature", "t": "feature", "late": "label"}
SLICES = {"t": ["a", "b"]}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A storage in a folder."""
    return Storage(str(tmp_path))


def rows(seed: int, n: int = 3_000) -> dict[str, Any]:
    """Rows with nulls, infinities and a text beside."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    x[:7], x[7:9] = np.nan, np.inf
    texts = random.choice(["a", "b", "c"], n).tolist()
    return {"x": x, "t": [None, *texts[1:]], "late": random.random(n) < 0.2}


def keep(storage: Storage, table: dict[str, Any]) -> str:
    """Keep rows as a snapshot of the dataset `d` and return its id."""
    with storage.staging() as folder:
        manifest = write_snapshot([pa.table(table)], folder, {}, None)
        storage.publish(folder, snapshot_path("d", manifest["snapshot_id"]))
    return str(manifest["snapshot_id"])


@pytest.fixture
def reference(storage: Storage) -> Reference:
    """What a champion was trained on."""
    return reference_of(storage, "d", [{"snapshot_id": keep(storage, rows(1))}], ROLES, slices=SLICES)


def test_a_profile_counts_what_the_snapshot_holds(storage: Storage, reference: Reference) -> None:
    """Against the values themselves."""
    table = rows(2)
    found = profile_of(storage, "d", keep(storage, table), reference.spec).profile
    x, t, late = found.columns["x"], found.columns["t"], found.columns["late"]
    finite = table["x"][np.isfinite(table["x"])]

    assert isinstance(x, NumberProfile)
    assert isinstance(t, CategoryProfile)
    assert isinstance(late, NumberProfile)
    assert (found.rows, x.nulls, x.below, x.above, int(x.bins.sum())) == (3_000, 7, 0, 2, 2_991)
    assert (x.smallest, x.largest) == (finite.min(), finite.max())
    assert x.moments.mean == pytest.approx(finite.mean(), abs=1e-14)
    assert t.counts.tolist() == [table["t"].count(name) for name in "abc"]
    assert (t.nulls, late.bins.tolist()) == (1, [int((~table["late"]).sum()), int(table["late"].sum()), 0])


def test_slices_are_profiles_of_their_rows(storage: Storage, reference: Reference) -> None:
    """What no declared value covers, nulls too, is counted as the rest; all slices together are the whole."""
    table = rows(2)
    found = profile_of(storage, "d", keep(storage, table), reference.spec).profile
    parts = found.slices["t"]
    at_a = np.array([text == "a" for text in table["t"]])
    x = parts["a"].columns["x"]

    assert sorted(parts) == ["(other)", "a", "b"]
    assert (parts["a"].rows, parts["(other)"].rows) == (at_a.sum(), 3_000 - at_a.sum() - table["t"].count("b"))
    assert isinstance(x, NumberProfile)
    assert int(x.bins.sum()) == np.isfinite(table["x"][at_a]).sum()
    total = parts["a"].merge(parts["b"]).merge(parts["(other)"])
    whole = found.columns["x"]
    assert isinstance(whole, NumberProfile)
    together = total.columns["x"]
    assert isinstance(together, NumberProfile)
    assert together.bins.tolist() == whole.bins.tolist()


def test_a_week_is_its_days_and_reads_no_row_again(storage: Storage, reference: Reference) -> None:
    """Merged from stored profiles, also when the days' rows are gone."""
    days = [rows(seed, 400) for seed in range(3)]
    ids = [keep(storage, day) for day in days]
    joined = {name: [value for day in days for value in day[name]] for name in days[0]}
    whole = keep(storage, joined)
    for snapshot_id in ids:
        profile_of(storage, "d", snapshot_id, reference.spec)
        for part in (Path(storage.root) / snapshot_path("d", snapshot_id)).glob("*.parquet"):
            part.unlink()
    week, at_once = window_profile(storage, "d", ids, reference.spec), profile_of(storage, "d", whole, reference.spec)

    for name in ("x", "t", "late"):
        ours, theirs = week.columns[name].to_dict(), at_once.profile.columns[name].to_dict()
        assert ours.pop("moments", []) == pytest.approx(theirs.pop("moments", []), rel=1e-12, abs=1e-12)
        assert ours == theirs
    with pytest.raises(BadInput, match="named twice"):
        window_profile(storage, "d", [ids[0], ids[0]], reference.spec)


def test_a_second_run_finds_the_profile(storage: Storage, reference: Reference) -> None:
    """Nothing is counted twice, and the hash that records cite stays."""
    snapshot_id = keep(storage, rows(2))
    first = profile_of(storage, "d", snapshot_id, reference.spec)

    def never(*_: Any) -> Any:
        raise AssertionError

    assert profile_of(storage, "d", snapshot_id, reference.spec, compute=never).hash == first.hash
    assert [item.hash for item in stored_profiles(storage, "d", snapshot_id)] == [first.hash]


def test_a_reference_is_frozen(storage: Storage, reference: Reference) -> None:
    """The same training snapshots give the same reference; others another one, beside it."""
    first = reference.stored.of["snapshot_ids"][0]
    again = reference_of(storage, "d", [{"snapshot_id": first}], ROLES, slices=SLICES)
    other = reference_of(storage, "d", [{"snapshot_id": keep(storage, rows(5))}], ROLES, slices=SLICES)

    assert again.cited() == reference.cited()
    assert other.cited() != reference.cited()
    assert reference.stored.profile.rows == 3_000


def test_missing_columns_and_other_types_are_absent(storage: Storage, reference: Reference) -> None:
    """They are counted as rows without the column, and merge like everything else."""
    found = profile_of(storage, "d", keep(storage, {"x": ["text", "text"], "late": [True, False]}), reference.spec)

    assert {name: column.absent for name, column in found.profile.columns.items()} == {"x": 2, "t": 2, "late": 0}
    assert found.profile.slices["t"]["(other)"].rows == 2


def test_a_changed_profile_is_refused(storage: Storage, reference: Reference) -> None:
    """Its hash stands beside it."""
    snapshot_id = keep(storage, rows(2))
    profile_of(storage, "d", snapshot_id, reference.spec)
    for path in (Path(storage.root) / "profiles" / "d").glob(f"*/{FILE}"):
        path.chmod(0o644)
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"rows":3000', b'"rows":3001')))

    with pytest.raises(EvidenceBroken, match="was changed"):
        profile_of(storage, "d", snapshot_id, reference.spec)
