"""The manifest of a training: all that decides what model comes out, and its hash, by which it is found again."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.canonical import PREFIX, sha256_of
from airflow_provider_mlops.core.determinism import TRUST, VERIFY
from airflow_provider_mlops.core.errors import BadInput

SCHEMA = 1
BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
TASKS = (BINARY, MULTICLASS, REGRESSION)
FULL, WARM, INCREMENTAL = "full", "warm", "incremental"
FITS = (FULL, WARM, INCREMENTAL)
VALIDATION_SHARE = 0.2


def training_manifest(
    *,
    model_name: str,
    dataset: str,
    train_snapshots: Sequence[Mapping[str, str]],
    train_since: str | None = None,
    train_until: str | None,
    test_snapshot: Mapping[str, str],
    test_since: str | None,
    features: Sequence[str],
    label: str,
    row_id: str,
    time_column: str | None,
    function: str,
    code_files: Mapping[str, str],
    params: Mapping[str, Any],
    trusted_types: Sequence[str],
    task: str = BINARY,
    operating_threshold: Mapping[str, Any] | None = None,
    params_from: Mapping[str, Any] | None = None,
    fit: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    python: str | None = None,
    env_names: Sequence[str] = (),
    determinism: str = TRUST,
) -> dict[str, Any]:
    """Build the manifest of a training; its seed derives from model and rows, so that every replay has the same.

    :param model_name: name of the registered model.
    :param dataset: name of the dataset.
    :param train_snapshots: ``{"partition_key", "snapshot_id"}`` of each training snapshot, in order.
    :param train_since: only rows from this time on are trained on (ISO 8601); None for all.
    :param train_until: only rows before this time are trained on (ISO 8601); None for all.
    :param test_snapshot: ``{"partition_key", "snapshot_id"}`` of the snapshot that is held out.
    :param test_since: only rows from this time on are tested on (ISO 8601); None for all.
    :param features: feature columns, in order.
    :param label: label column.
    :param row_id: column that names a row.
    :param time_column: column with the row's time, None when there is none.
    :param function: import path of the training function.
    :param code_files: module name to SHA-256 of the source, for the function and what it uses.
    :param params: keyword arguments of the training function; JSON-safe.
    :param trusted_types: types that the saved model may hold beyond skops' own list.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param operating_threshold: how the operating threshold is chosen: ``metric``, ``params`` and
        ``validation_share``; None to choose none.
    :param params_from: ``{"version", "manifest_hash"}`` of the version whose parameters ``params`` start from, both
        null where there was none yet; None where none was asked for.
    :param fit: how the model goes on from another: ``kind`` (``warm`` or ``incremental``), ``base`` as
        `core.base.base_facts` says it and, of an incremental fit, ``batch_rows``; None where it is fitted in full.
    :param search: the plan of a search, as `core.search.search_plan` checked it; None for none.
    :param python: path of the interpreter that trains, where it is another one; None or empty for none.
    :param env_names: environment variables that the function gets in a process of its own beside the usual ones.
    :param determinism: ``trust``, or ``verify`` or ``require`` where it is trained twice.
    :return: the manifest; `manifest_hash` gives its identity.
    :raises BadInput: when the test snapshot is trained on as a whole, a feature gives the label away, or the task or
        the operating threshold is not what it must be.
    """
    ids = [item["snapshot_id"] for item in train_snapshots]
    if test_since is None and test_snapshot["snapshot_id"] in ids:
        raise BadInput(f"The test snapshot {test_snapshot['snapshot_id']} is among the training snapshots.")
    if label in features or row_id in features:
        raise BadInput(f"The features must hold neither the label {label!r} nor the row id {row_id!r}.")
    since = {} if train_since is None else {"since": train_since}
    # What a full training has none of is left out: its hash is the one it had before there was such a thing.
    start = {"params_from": params_from, "fit": fit, "search": search}
    other = {
        "python": python or None,
        "env_names": list(env_names) or None,
        "determinism": None if determinism == TRUST else VERIFY,
    }
    return {
        "schema": SCHEMA,
        "model_name": model_name,
        "dataset": dataset,
        "train": {"snapshots": [dict(item) for item in train_snapshots], **since, "until": train_until},
        "test": {**test_snapshot, "since": test_since},
        "features": list(features),
        "label": label,
        "row_id": row_id,
        "time_column": time_column,
        "function": function,
        "code_files": dict(code_files),
        "params": dict(params),
        "seed": training_seed(model_name, ids, train_until),
        "trusted_types": sorted(trusted_types),
        "task": reading.one_of(*TASKS)(task, "task"),
        "operating_threshold": _threshold_plan(operating_threshold, task),
        **{name: dict(value) for name, value in start.items() if value is not None},
        **{name: value for name, value in other.items() if value is not None},
    }


def task_of(manifest: Mapping[str, Any]) -> str:
    """Return the task of a manifest; those of before there were tasks are binary.

    :param manifest: as `training_manifest` built it.
    :return: ``binary``, ``multiclass`` or ``regression``.
    """
    return str(manifest.get("task", BINARY))


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """Return the identity of a manifest.

    :param manifest: as `training_manifest` builds it.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_of(manifest)


def training_seed(model_name: str, snapshot_ids: Sequence[str], until: str | None) -> int:
    """Derive the seed of a training from its model and rows.

    :param model_name: name of the registered model.
    :param snapshot_ids: ids of the training snapshots, in order.
    :param until: end of the training rows, None for all.
    :return: integer within [0, 2**32), the range that scikit-learn accepts.
    """
    digest = sha256_of({"model": model_name, "snapshots": list(snapshot_ids), "until": until})
    return int(digest.removeprefix(PREFIX)[:8], 16)


def _threshold_plan(wanted: Any, task: str) -> dict[str, Any] | None:
    where = "operating_threshold"
    if wanted is None:
        return None
    reading.check_keys(wanted, where, allowed=("metric", "params", "validation_share"), required=("metric",))
    if task != BINARY:
        raise BadInput(f"Only a binary task has an {where}; the task is {task!r}. Leave it out.")
    share = reading.share(wanted.get("validation_share", VALIDATION_SHARE), f"{where}.validation_share")
    if not 0 < share < 1:
        raise BadInput(f"{where}.validation_share must be between 0 and 1, both excluded, not {share!r}.")
    return {
        "metric": reading.text(wanted["metric"], f"{where}.metric"),
        "params": reading.numbers(wanted.get("params") or {}, f"{where}.params"),
        "validation_share": share,
    }
