"""Questions to a ledger's records: which snapshot is accepted, what made a version, who was champion when."""

from collections.abc import Iterable, Mapping, Sequence

from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.gone import gone_snapshots, judged_too_late, successor
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.core.window import Window, WindowSpec

_MADE = ("training", "adoption", "transfer")
"""What says what a model is: it was trained here, taken in from elsewhere, or copied from another registry."""
_REGISTERED = ("registration", "adoption", "transfer")


def accepted_snapshots(records: Iterable[Record]) -> dict[str, str]:
    """Find the accepted snapshot of each partition: the newest whose latest live validation is a PASS.

    Where rows were erased from it, the snapshot with the rows that are left is the accepted one. A partition whose
    accepted snapshot was pruned, or has no row left, has none: an older one is never taken in its place.

    :param records: records of a dataset's ledger, oldest first.
    :return: partition key to accepted snapshot id, ordered by key.
    """
    records = list(records)
    gone = gone_snapshots(records)
    snapshots: dict[str, list[str]] = {}
    validated: dict[str, Record] = {}
    for record in records:
        if record.mode != "live":
            continue
        if record.kind == "snapshot":
            snapshots.setdefault(record.body["partition_key"], []).append(record.body["snapshot_id"])
        elif record.kind == "validation" and not judged_too_late(record, gone):
            validated[record.body["snapshot_id"]] = record
    accepted: dict[str, str] = {}
    for partition_key in sorted(snapshots):
        for snapshot_id in reversed(snapshots[partition_key]):
            validation = validated.get(snapshot_id)
            if validation is not None and validation.outcome == Outcome.PASS:
                if (there := successor(gone, validation.body["accepted_snapshot_id"])) is not None:
                    accepted[partition_key] = there
                break
    return accepted


def accepted_rows(records: Iterable[Record]) -> dict[str, int | None]:
    """Look up how many rows the accepted snapshot of each partition has.

    :param records: records of a dataset's ledger, oldest first.
    :return: partition key to number of rows, ordered by key; None where no record says it.
    """
    records = list(records)
    rows: dict[str, int | None] = {}
    for record in records:
        if record.kind == "snapshot":
            rows[record.body["snapshot_id"]] = record.body.get("rows")
        elif record.kind == "validation" and record.body.get("accepted_rows") is not None:
            rows[record.body["accepted_snapshot_id"]] = record.body["accepted_rows"]
    return {key: rows.get(snapshot_id) for key, snapshot_id in accepted_snapshots(records).items()}


def training_window(
    accepted: Mapping[str, str], partition_key: str, *, window: WindowSpec, include_current: bool
) -> list[dict[str, str]]:
    """Choose the snapshots to train on: accepted partitions before the given one, oldest first.

    :param accepted: partition key to accepted snapshot id.
    :param partition_key: the partition that is held out, or whose tail is.
    :param window: which of the partitions before it, as `core.window.Window.parse` reads it: None for all (expanding),
        a number for the newest (sliding), ``{"since": "2013-01"}`` for those from there on.
    :param include_current: whether the given partition's head belongs to the window too.
    :return: ``[{"partition_key", "snapshot_id"}, ...]``, possibly empty.
    :raises BadInput: when the window is none of these.
    """
    chosen = Window.parse(window).choose(key for key in accepted if key < partition_key)
    if include_current and partition_key in accepted:
        chosen = [*chosen, partition_key]
    return [{"partition_key": key, "snapshot_id": accepted[key]} for key in chosen]


def latest_of_run(records: Sequence[Record], *, kind: str, partition_key: str, run: RunFacts) -> Record | None:
    """Find the newest live record that the same Dag wrote for a partition: what an audit compares with.

    :param records: records of a ledger, oldest first.
    :param kind: kind of the record.
    :param partition_key: the partition.
    :param run: facts of the run that audits; only its Dag counts, so that a retraining is not taken for the
        lifecycle's own training of the partition.
    :return: the record, None when there is none.
    """
    for record in reversed(records):
        if (record.kind, record.mode, record.body.get("partition_key")) != (kind, "live", partition_key):
            continue
        if record.run.get("dag_id") == run.dag_id:
            return record
    return None


def training_of(records: Sequence[Record], model: str, manifest_hash: str) -> Record:
    """Find the record of the training that a manifest hash names, or of the adoption or import in its place.

    :param records: records of the model's ledger.
    :param model: name of the model, for the error.
    :param manifest_hash: hash of the training's manifest.
    :return: the record; its body says what the model is.
    :raises Refused: when the ledger knows no such training.
    """
    for record in reversed(records):
        if record.kind in _MADE and record.body.get("manifest_hash") == manifest_hash:
            return record
    raise Refused(f"The ledger of model {model!r} holds no training with the manifest {manifest_hash}; train it first.")


def registration_by_version(records: Sequence[Record], model: str, version: str) -> Record:
    """Find the record that registered a version, adopted it or imported it.

    :param records: records of the model's ledger.
    :param model: name of the model, for the error.
    :param version: the version.
    :return: the record.
    :raises Refused: when the version was registered behind the ledger's back.
    """
    for record in reversed(records):
        if record.kind in _REGISTERED and record.mode == "live" and record.body["version"] == version:
            return record
    known = [
        str(r.body["version"]) for r in records if r.kind in _REGISTERED and r.mode == "live" and r.body["version"]
    ]
    raise Refused(
        f"Version {version} of model {model!r} is not in the ledger, which knows {', '.join(known) or 'none'}: it does "
        "not exist, or was registered by something else. "
        "Point the alias at a version that RegisterModelOperator made, or take it in with `airflow mlops adopt`."
    )


def registration_by_manifest(records: Sequence[Record], manifest_hash: str) -> Record | None:
    """Find the record that registered a training's model.

    :param records: records of the model's ledger.
    :param manifest_hash: names the training.
    :return: the registration record, None when it was never registered.
    """
    for record in reversed(records):
        if record.kind == "registration" and record.mode == "live" and record.body["manifest_hash"] == manifest_hash:
            return record
    return None


def evaluation_by_id(records: Sequence[Record], model: str, evaluation_id: str) -> Record:
    """Find the record of an evaluation.

    :param records: records of the model's ledger.
    :param model: name of the model, for the error.
    :param evaluation_id: id of the evaluation.
    :return: its newest record.
    :raises Refused: when the ledger knows no such evaluation.
    """
    for record in reversed(records):
        if record.kind == "evaluation" and record.body["evaluation_id"] == evaluation_id:
            return record
    raise Refused(f"The ledger of model {model!r} holds no evaluation {evaluation_id!r}; evaluate the candidate first.")


def gate_by_hash(records: Iterable[Record], model: str, gate_hash: str) -> Record:
    """Find the record of a gate's verdict.

    :param records: records of the model's ledger.
    :param model: name of the model, for the error.
    :param gate_hash: hash of the record.
    :return: the record.
    :raises Refused: when the ledger holds no such verdict.
    """
    for record in records:
        if record.kind == "gate" and record.hash == gate_hash:
            return record
    raise Refused(
        f"The ledger of model {model!r} holds no gate record {gate_hash!r}; name one that GateModelOperator returned."
    )


def validation_outcomes(records: Iterable[Record], snapshot_ids: Iterable[str]) -> dict[str, str | None]:
    """Look up whether snapshots are accepted by the latest live validation that speaks of them.

    A validation that set rows aside accepts the snapshot of the rows that are left, and not the one that it judged.
    When that one is judged anew, and what is accepted then is another, the earlier one is accepted no more.

    :param records: records of the dataset's ledger, oldest first.
    :param snapshot_ids: the snapshots.
    :return: snapshot id to outcome; None where there is no validation.
    """
    outcomes: dict[str, str | None] = {}
    led_to: dict[str, set[str]] = {}
    for record in records:
        if record.kind != "validation" or record.mode != "live":
            continue
        judged, accepted = record.body["snapshot_id"], record.body.get("accepted_snapshot_id")
        outcomes |= dict.fromkeys(led_to.get(judged, ()), Outcome.FAIL)
        whole = record.outcome != Outcome.PASS or accepted in (None, judged)
        outcomes[judged] = record.outcome if whole else Outcome.FAIL
        if record.outcome == Outcome.PASS and accepted:
            outcomes[accepted] = record.outcome
            led_to.setdefault(judged, set()).add(accepted)
    return {snapshot_id: outcomes.get(snapshot_id) for snapshot_id in snapshot_ids}


def looks_at(records: Iterable[Record], snapshot_id: str, evaluation_id: str) -> int:
    """Count how often other candidates were gated, or a retraining was probed, on rows of the same test snapshot.

    Each look wears the rows out: a guarantee holds for a first use only (Dwork et al., CACM 60(4), 2017). A look at
    a part of the snapshot counts like a look at all of it.

    :param records: records of the model's ledger.
    :param snapshot_id: the test snapshot.
    :param evaluation_id: the evaluation that asks, not counted itself.
    :return: number of distinct other evaluations on these rows that a live gate judged, and of live probes.
    """
    records = list(records)
    same = {
        record.body["evaluation_id"]
        for record in records
        if record.kind == "evaluation" and record.body["test"]["snapshot_id"] == snapshot_id
    }
    judged = {r.body["evaluation_id"] for r in records if r.kind == "gate" and r.mode == "live"}
    probes = [r.body.get("probe") or {} for r in records if r.kind == "retrain" and r.mode == "live"]
    probed = {probe["probe_id"] for probe in probes if snapshot_id in probe.get("test_snapshot_ids", ())}
    return len((same & judged) - {evaluation_id}) + len(probed)


def newest_evaluation(records: Sequence[Record], manifest_hash: str) -> Record | None:
    """Find the newest live evaluation that scored a model as the candidate, and kept the scores.

    :param records: records of the model's ledger, oldest first.
    :param manifest_hash: hash of the manifest of its training.
    :return: the record, None where there is none.
    """
    for record in reversed(records):
        if record.kind == "evaluation" and record.mode == "live":
            candidate = record.body.get("candidate") or {}
            if candidate.get("manifest_hash") == manifest_hash and record.body.get("scores_id"):
                return record
    return None


def importance_of(evaluation: Record | None) -> dict[str, float] | None:
    """Return how much each feature weighs in the candidate of an evaluation.

    :param evaluation: the record; None where there is none.
    :return: permutation importance by feature, None where it was not measured.
    """
    found = (evaluation.body.get("importance") or {}).get("candidate") if evaluation is not None else None
    if not found:
        return None
    return {name: float(value[0] if isinstance(value, list | tuple) else value) for name, value in found.items()}
