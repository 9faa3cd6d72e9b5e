"""What became of the data of a model: by which rule they were kept, what was pruned or erased, whom that concerns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.gone import PRUNED, Gone, end_of, erasures_of, gone_snapshots
from airflow_provider_mlops.core.record import Record

Lost = Mapping[str, Mapping[str, Gone]]
"""By dataset what is gone of its snapshots."""


def lost_of(datasets: Iterable[Record]) -> dict[str, dict[str, Gone]]:
    """Find what is gone of the snapshots of several datasets.

    :param datasets: records of their ledgers, each oldest first.
    :return: by dataset and id of the snapshot.
    """
    by_name: dict[str, list[Record]] = {}
    for record in datasets:
        by_name.setdefault(dataset_of(record), []).append(record)
    return {name: gone_snapshots(records) for name, records in by_name.items()}


def dataset_of(record: Record) -> str:
    """Return the dataset whose chain a record is of.

    :param record: a record of a dataset's chain.
    """
    return record.chain.removeprefix("dataset/")


def retention(datasets: Sequence[Record]) -> list[dict[str, Any]]:
    """Say by which rule the snapshots of each dataset were kept: that of its newest pruning.

    :param datasets: live records of the datasets' ledgers.
    :return: an entry for each dataset; ``rule`` is None where nothing was ever pruned: then every snapshot stays.
    """
    names = dict.fromkeys(dataset_of(record) for record in datasets)
    return [_rule(name, [r for r in datasets if r.kind == "pruning" and dataset_of(r) == name]) for name in names]


def pruning_entry(record: Record) -> dict[str, Any]:
    """Name what retention removed: it is gone by a recorded decision, and was not tampered with.

    :param record: a ``pruning`` record.
    """
    body = record.body
    names = ("snapshot_id", "partition_keys", "rows", "bytes")
    removed = [{name: item.get(name) for name in names} for item in body.get("snapshots", ())]
    return {
        "time": record.time,
        "record": record.hash,
        "dataset": dataset_of(record),
        "rule": body.get("rule"),
        "by": record.run.get("user") or record.run.get("triggered_by"),
        "snapshots": [item["snapshot_id"] for item in removed],
        "removed": removed,
        "scores": len(body.get("scores", ())),
        "profiles": len(body.get("profiles", ())),
        "kept": body.get("kept"),
    }


def erasure_entry(record: Record, model: str) -> dict[str, Any]:
    """Account for the rows of an erasure; its tombstone says which, by salted hashes.

    :param record: an ``erasure`` record of a dataset.
    :param model: the model whose scores are counted.
    """
    body = record.body
    scores = [item for item in body.get("scores", ()) if item["model"] == model]
    keys = {str(item["partition_key"]) for item in body.get("snapshots", ()) if item["partition_key"]}
    return {
        "time": record.time,
        "record": record.hash,
        "dataset": dataset_of(record),
        "reason": body.get("reason"),
        "rows": sum(item["rows_erased"] for item in body.get("snapshots", ())),
        "partitions": sorted(keys),
        "scores": sum(item["rows_erased"] for item in scores),
        "tombstone": body.get("tombstone"),
        "erasure_id": body.get("erasure_id"),
    }


def data_of(training: Record, lost: Lost) -> dict[str, Any]:
    """Say what of the rows of a training is gone since.

    :param training: the record.
    :param lost: what is gone of its datasets.
    :return: ``erased_rows``, ``erased_test_rows``, ``erasures`` (hashes of records), and ``pruned`` snapshots, each
        with partition, day and record.
    """
    manifest = training.body.get("manifest") or {}
    trained, tested = list((manifest.get("train") or {}).get("snapshots", ())), manifest.get("test")
    rows = [*_erased(trained, manifest, lost)]
    test_rows = [*_erased([tested] if tested and tested not in trained else [], manifest, lost)]
    return {
        "erased_rows": sum(item.rows for item in rows),
        "erased_test_rows": sum(item.rows for item in test_rows),
        "erasures": sorted({item.record for item in (*rows, *test_rows)}),
        "pruned": [*_pruned([*trained, *([tested] if tested else [])], manifest, lost)],
    }


def missing_data(training: Mapping[str, Any]) -> Iterator[str]:
    """Say why a training cannot be replayed as it was.

    :param training: an entry of the report.
    """
    name = f"training of {training['partition_key']} ({training['dag']})"
    for item in training["pruned"]:
        yield (
            f"{name}: the snapshot {item['snapshot_id']} of {item['partition_key']} was pruned on {item['time'][:10]} "
            f"(record {item['record']})"
        )
    if gone := training["erased_rows"] + training["erased_test_rows"]:
        yield f"{name}: {gone:,} of its rows were lawfully erased since ({', '.join(training['erasures'])})"


def _rule(name: str, prunings: Sequence[Record]) -> dict[str, Any]:
    newest = prunings[-1] if prunings else None
    removed = [item for record in prunings for item in record.body.get("snapshots", ())]
    return {
        "dataset": name,
        "rule": newest.body.get("rule") if newest else None,
        "since": newest.time if newest else None,
        "record": newest.hash if newest else None,
        "prunings": len(prunings),
        "snapshots_removed": len(removed),
        "rows_removed": sum(item.get("rows") or 0 for item in removed),
    }


def _erased(items: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any], lost: Lost) -> Iterator[Gone]:
    for item in items:
        yield from erasures_of(_gone(item, manifest, lost), [item["snapshot_id"]])


def _pruned(items: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any], lost: Lost) -> Iterator[dict[str, Any]]:
    for item in items:
        gone = _gone(item, manifest, lost)
        found = gone.get(item["snapshot_id"])
        if found is not None and (last := end_of(gone, found)).how == PRUNED:
            yield {
                "snapshot_id": last.snapshot_id,
                "partition_key": item["partition_key"],
                "time": last.time,
                "record": last.record,
            }


def _gone(item: Mapping[str, Any], manifest: Mapping[str, Any], lost: Lost) -> Mapping[str, Gone]:
    return lost.get(item.get("dataset") or manifest.get("dataset") or "", {})
