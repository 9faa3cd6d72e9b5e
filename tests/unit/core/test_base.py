"""What a training may go on from, which rows are new to it, and the chain behind it."""

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.base import (
    Seen,
    base_facts,
    chain_facts,
    chain_of,
    check_goes_on,
    check_held_out,
    check_no_new_class,
    check_params,
    is_start,
    learned_manifests,
    learned_snapshots,
    only_new,
    seen_by,
    with_bases,
)
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record

MAY_9, MAY_20 = "2020-05-09T00:00:00+00:00", "2020-05-20T00:00:00+00:00"


def snapshots(*keys: str) -> list[dict[str, str]]:
    """Name snapshots."""
    return [{"partition_key": key, "snapshot_id": f"id of {key}"} for key in keys]


def trained(ledger: Ledger, name: str, base: Record | None = None, **changed: Any) -> Record:
    """Record a training that goes on from another, by what that one's record says or by something else."""
    manifest: dict[str, Any] = {"train": {"snapshots": snapshots("2020-01"), "until": None}}
    if base is not None:
        manifest["fit"] = {"kind": "incremental", "base": {**base_facts(base, "7"), **changed}}
    body = {
        "partition_key": "2020-02",
        "manifest": manifest,
        "manifest_hash": name,
        "model_digest": f"digest of {name}",
        "archive_sha256": f"archive of {name}",
    }
    return ledger.append(kind="training", key=name, body=body)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty chain."""
    return Ledger(tmp_path, "model/delays")


def test_the_chain_to_its_root(ledger: Ledger) -> None:
    """Each cites the one before it with its depth, the nearest first."""
    root = trained(ledger, "a")
    middle = trained(ledger, "b", root)
    newest = trained(ledger, "c", middle)
    manifest = newest.body["manifest"]

    assert manifest["fit"]["base"]["depth"] == 2
    assert [record.body["manifest_hash"] for record in chain_of(ledger.records(), manifest)] == ["b", "a"]
    assert chain_of(ledger.records(), root.body["manifest"]) == []
    assert [(one["manifest_hash"], one["fit"]) for one in chain_facts(ledger.records(), manifest)] == [
        ("b", "incremental"),
        ("a", "full"),
    ]
    assert learned_manifests(ledger.records(), newest)[1:] == [middle.body["manifest"], root.body["manifest"]]
    assert learned_snapshots(ledger.records(), newest) == ["id of 2020-01"]
    assert with_bases(ledger.records(), ["c", "unknown"]) == {"a", "b", "c", "unknown"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"manifest_hash": "gone"}, "The base gone .* has no record here"),
        ({"model_digest": "other"}, "another model_digest than what goes on from it cites"),
        ({"archive_sha256": "other"}, "another archive_sha256"),
        ({"depth": 9}, "another depth"),
    ],
)
def test_a_chain_that_does_not_hold(ledger: Ledger, changed: dict[str, Any], words: str) -> None:
    """What is cited must be on record as it is cited."""
    manifest = trained(ledger, "b", trained(ledger, "a"), **changed).body["manifest"]
    with pytest.raises(EvidenceBroken, match=words):
        chain_of(ledger.records(), manifest)
    assert len(chain_facts(ledger.records(), manifest)) == 1


def test_a_base_that_cites_itself_ends(ledger: Ledger) -> None:
    """Only a changed record says so; whoever shows the chain comes to an end all the same."""
    root = trained(ledger, "a")
    changed = trained(ledger, "b", root, manifest_hash="b")

    assert [one["manifest_hash"] for one in chain_facts(ledger.records(), changed.body["manifest"])] == ["b"]


def manifest(until: str | None, *keys: str) -> dict[str, Any]:
    """Make the manifest of a training on partitions."""
    return {"train": {"snapshots": snapshots(*keys), "until": until}}


def test_up_to_where_a_chain_has_read() -> None:
    """The newest partition counts, and all of it is further than a part of it."""
    assert seen_by([manifest(None, "2020-01", "2020-04")]) == Seen("2020-04", None)
    assert seen_by([manifest(MAY_9, "2020-05"), manifest(None, "2020-04")]) == Seen("2020-05", MAY_9)
    assert seen_by([manifest(MAY_9, "2020-05"), manifest(MAY_20, "2020-05")]) == Seen("2020-05", MAY_20)
    assert seen_by([manifest(MAY_9, "2020-05"), manifest(None, "2020-05")]) == Seen("2020-05", None)


@pytest.mark.parametrize(
    ("seen", "since", "keys", "first"),
    [
        (Seen("2020-03", None), None, ["2020-04", "2020-05"], None),
        (Seen("2020-05", None), None, [], None),
        (Seen("2020-04", MAY_9), None, ["2020-04", "2020-05"], MAY_9),
        (Seen("2020-04", MAY_9), MAY_20, ["2020-04", "2020-05"], MAY_20),
        (Seen("2020-03", None), MAY_9, ["2020-04", "2020-05"], MAY_9),
        (Seen("2020-02", MAY_9), None, ["2020-04", "2020-05"], None),
    ],
)
def test_rows_that_are_new(seen: Seen, since: str | None, keys: list[str], first: str | None) -> None:
    """Later partitions, and the rest of one that was learned in part."""
    window = snapshots("2020-04", "2020-05")
    found, begin = only_new(window, since, seen)
    assert ([item["partition_key"] for item in found], begin) == (keys, first)


@pytest.mark.parametrize(
    ("seen", "key", "since", "clean"),
    [
        (Seen("2020-04", None), "2020-05", None, True),
        (Seen("2020-05", None), "2020-05", None, False),
        (Seen("2020-06", None), "2020-05", None, False),
        (Seen("2020-05", None), "2020-05", MAY_20, False),
        (Seen("2020-05", MAY_9), "2020-05", MAY_20, True),
        (Seen("2020-05", MAY_20), "2020-05", MAY_20, True),
        (Seen("2020-05", MAY_20), "2020-05", MAY_9, False),
        (Seen("2020-05", MAY_9), "2020-05", None, False),
    ],
)
def test_what_was_learned_is_not_held_out(seen: Seen, key: str, since: str | None, clean: bool) -> None:
    """A model that has seen a test row is not tested on it."""
    if clean:
        check_held_out(seen, key, since, "3")
    else:
        with pytest.raises(Refused, match="Version 3 has learned rows of"):
            check_held_out(seen, key, since, "3")


def test_a_base_of_another_kind_is_refused() -> None:
    """Dataset, features in their order, label, time column and task are those of the base."""
    base = {"dataset": "d", "features": ["a", "b"], "label": "y", "time_column": None, "task": "binary"}
    check_goes_on({**base, "features": ("a", "b")}, base, "3")
    for name, value in {"dataset": "e", "features": ["b", "a"], "label": "z", "time_column": "t", "task": "x"}.items():
        with pytest.raises(BadInput, match=f"Version 3 cannot be gone on from: its {name} is"):
            check_goes_on({**base, name: value}, base, "3")


def test_parameters_and_classes_of_the_base() -> None:
    """What would not be used, or cannot be learned, is an error that names it."""
    check_params({"alpha": 1}, {"alpha": 1, "other": 2}, "3")
    with pytest.raises(BadInput, match="alpha=2 would not be used"):
        check_params({"alpha": 2}, {"alpha": 1}, "3")
    check_no_new_class(None, [1, 2])
    check_no_new_class(["a", "b"], ["a"])
    with pytest.raises(BadInput, match="new class 'c'; the base knows a, b"):
        check_no_new_class(["a", "b"], ["a", "c"])


@pytest.mark.parametrize(
    ("text", "is_one"), [("7", True), ("@champion", True), ("champion", False), ("@", False), ("", False), (7, False)]
)
def test_what_names_a_start(text: Any, is_one: bool) -> None:
    """A version, or an alias behind an @."""
    assert is_start(text) is is_one
