"""The manifest of a training, its hash and its seed."""

from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import manifest_hash, task_of, training_manifest, training_seed

ARGUMENTS: dict[str, Any] = {
    "model_name": "delays",
    "dataset": "flights",
    "train_snapshots": [{"partition_key": "2013-01", "snapshot_id": "sha256:a"}],
    "train_until": None,
    "test_snapshot": {"partition_key": "2013-02", "snapshot_id": "sha256:b"},
    "test_since": None,
    "features": ["x", "y"],
    "label": "late",
    "row_id": "row_id",
    "time_column": "time",
    "function": "m:f",
    "code_files": {"m": "0"},
    "params": {"depth": 3},
    "trusted_types": ["b", "a"],
}
CHANGES: list[dict[str, Any]] = [
    {"model_name": "other"},
    {"train_snapshots": [{"partition_key": "2013-01", "snapshot_id": "sha256:c"}]},
    {"train_until": "2013-01-20T00:00:00"},
    {"test_snapshot": {"partition_key": "2013-02", "snapshot_id": "sha256:c"}},
    {"test_since": "2013-01-20T00:00:00"},
    {"features": ["y", "x"]},
    {"label": "later"},
    {"function": "m:g"},
    {"code_files": {"m": "1"}},
    {"params": {"depth": 4}},
    {"trusted_types": ["a"]},
    {"task": "regression"},
    {"operating_threshold": {"metric": "f1"}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_everything_that_decides_is_in_the_hash(change: dict[str, Any]) -> None:
    """Another model, row, feature order, code or parameter is another training."""
    before = manifest_hash(training_manifest(**ARGUMENTS))
    assert manifest_hash(training_manifest(**{**ARGUMENTS, **change})) != before


def test_order_that_does_not_matter_is_not() -> None:
    """Trusted types and parameters have no order."""
    other = {**ARGUMENTS, "trusted_types": ["a", "b"], "params": dict(reversed(ARGUMENTS["params"].items()))}
    assert manifest_hash(training_manifest(**other)) == manifest_hash(training_manifest(**ARGUMENTS))


def test_test_rows_are_never_trained_on() -> None:
    """The test snapshot may stand among the training snapshots only when a time parts them."""
    both = {**ARGUMENTS, "train_snapshots": [ARGUMENTS["test_snapshot"]]}
    with pytest.raises(BadInput, match="The test snapshot sha256:b is among the training snapshots"):
        training_manifest(**both)
    assert training_manifest(**{**both, "test_since": "2013-02-20", "train_until": "2013-02-20"})


@pytest.mark.parametrize("feature", ["late", "row_id"])
def test_label_and_row_id_are_no_features(feature: str) -> None:
    """A feature that gives the answer away is refused."""
    with pytest.raises(BadInput, match="must hold neither the label 'late' nor the row id 'row_id'"):
        training_manifest(**{**ARGUMENTS, "features": ["x", feature]})


def test_seed_comes_from_model_and_rows() -> None:
    """The seed does not depend on parameters or code, and is one that scikit-learn takes."""
    seeds = {training_seed("m", [f"sha256:{number}"], None) for number in range(1_000)}
    assert len(seeds) > 990
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert training_manifest(**ARGUMENTS)["seed"] == training_manifest(**{**ARGUMENTS, "params": {}})["seed"]
    assert training_seed("m", ["a"], None) != training_seed("m", ["a"], "2013-01-01")


def test_manifest_without_a_task_is_binary() -> None:
    """Manifests from before there were tasks are read."""
    manifest = training_manifest(**ARGUMENTS)
    assert task_of(manifest) == "binary"
    assert task_of({name: value for name, value in manifest.items() if name != "task"}) == "binary"
    assert task_of(training_manifest(**{**ARGUMENTS, "task": "multiclass"})) == "multiclass"


def test_operating_threshold_is_written_out() -> None:
    """What was left out stands in the manifest with its default."""
    found = training_manifest(**ARGUMENTS, operating_threshold={"metric": "f1"})["operating_threshold"]
    assert found == {"metric": "f1", "params": {}, "validation_share": 0.2}
    asked = {"metric": "recall_at_precision", "params": {"precision": 1}, "validation_share": 0.5}
    assert training_manifest(**ARGUMENTS, operating_threshold=asked)["operating_threshold"] == asked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "ranking"}, "task must be one of: binary, multiclass, regression; not 'ranking'"),
        ({"operating_threshold": "f1"}, "operating_threshold must be a mapping, not 'f1'"),
        ({"operating_threshold": {}}, "operating_threshold lacks the key 'metric'"),
        ({"operating_threshold": {"metric": "f1", "share": 0.2}}, "has the unknown key 'share'"),
        ({"operating_threshold": {"metric": 1}}, "operating_threshold.metric must be a text"),
        ({"operating_threshold": {"metric": "f1", "params": {"x": "1"}}}, "params.x must be a finite number"),
        ({"operating_threshold": {"metric": "f1", "validation_share": 0}}, "must be between 0 and 1, both excluded"),
        ({"operating_threshold": {"metric": "f1", "validation_share": 1}}, "must be between 0 and 1, both excluded"),
        (
            {"task": "regression", "operating_threshold": {"metric": "f1"}},
            "Only a binary task has an operating_threshold; the task is 'regression'",
        ),
    ],
)
def test_tasks_and_thresholds_that_are_refused(change: dict[str, Any], words: str) -> None:
    """Unknown words, keys and shares name the way out."""
    with pytest.raises(BadInput, match=words):
        training_manifest(**{**ARGUMENTS, **change})
