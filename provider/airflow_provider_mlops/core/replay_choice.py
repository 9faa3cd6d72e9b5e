"""Which recorded trainings a replay is about, and which records tell what became of each."""

from collections.abc import Iterable, Sequence

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.evidence import registration_by_manifest, registration_by_version
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome


def recorded_trainings(records: Sequence[Record]) -> list[Record]:
    """Find what can be replayed: every live training that made a model, once for each manifest.

    :param records: records of a model's ledger, oldest first.
    :return: training records, oldest first.
    """
    found: dict[str, Record] = {}
    for record in records:
        if record.kind == "training" and record.mode == "live" and record.outcome is None:
            found.setdefault(record.body["manifest_hash"], record)
    return list(found.values())


def chosen_trainings(
    records: Sequence[Record],
    model: str,
    *,
    version: str = "",
    partition_key: str = "",
    since: str = "",
    until: str = "",
) -> list[Record]:
    """Choose what to replay by version, by partition, or by a range of partitions.

    :param records: records of a model's ledger, oldest first.
    :param model: name of the registered model, for errors.
    :param version: a registered version; empty for any.
    :param partition_key: the partition that the training held out; empty for any. Retrainings of it count too.
    :param since: first partition, included; empty for no limit.
    :param until: last partition, included; empty for no limit.
    :return: training records, oldest first; all of them when nothing is given.
    :raises BadInput: when a version is given beside a partition, or a partition beside a range.
    :raises Refused: when the ledger does not know the version.
    """
    if sum(map(bool, (version, partition_key, since or until))) > 1:
        raise BadInput("Give a version, or a partition, or a range (since, until): one of them.")
    trainings = recorded_trainings(records)
    if version:
        made = registration_by_version(records, model, version)
        if made.kind != "registration":
            raise BadInput(
                f"Version {version} of model {model!r} was not trained here ({made.kind}): its training has no record "
                "to replay."
            )
        return [record for record in trainings if record.body["manifest_hash"] == made.body["manifest_hash"]]
    return [
        record
        for record in trainings
        if (not partition_key or record.body["partition_key"] == partition_key)
        and (not since or record.body["partition_key"] >= since)
        and (not until or record.body["partition_key"][: len(until)] <= until)
    ]


def cited_records(
    records: Sequence[Record], training: Record, gate_hash: str | None = None
) -> dict[str, Record | None]:
    """Find the live records that followed from a training: what a replay compares with, and who let it through.

    Of several verdicts the one counts that the newest promotion rests on; where nothing was promoted, the newest.

    :param records: records of the model's ledger, oldest first.
    :param training: the training's record.
    :param gate_hash: hash of the record of another verdict that is asked for, where there is one.
    :return: ``training``, ``registration``, ``evaluation``, ``gate``, ``approval`` and ``promotion``; None where there
        is none.
    """
    manifest_hash = training.body["manifest_hash"]
    live = [record for record in records if record.mode == "live"]
    evaluations = [r for r in live if r.kind == "evaluation" and r.body["candidate"]["manifest_hash"] == manifest_hash]
    ids = {_id(record) for record in evaluations}
    gates = {r.hash: r for r in live if r.kind == "gate" and r.body["evaluation_id"] in ids}
    rests_on = [r.body.get("gate_record_hash") for r in live if r.kind == "promotion" and r.outcome == Outcome.PASS]
    gate = next((gates[one] for one in (gate_hash, *reversed(rests_on)) if one in gates), None)
    if gate is None and evaluations:
        gate = _newest(r for r in gates.values() if r.body["evaluation_id"] == _id(evaluations[-1]))
    following = [r for r in live if gate and r.body.get("gate_record_hash") == gate.hash]
    return {
        "training": training,
        "registration": registration_by_manifest(records, manifest_hash),
        "evaluation": _newest(r for r in evaluations if gate is None or _id(r) == gate.body["evaluation_id"]),
        "gate": gate,
        "approval": _newest(r for r in following if r.kind == "approval"),
        "promotion": _newest(r for r in following if r.kind == "promotion"),
    }


def _newest(records: Iterable[Record]) -> Record | None:
    return max(records, key=lambda record: record.seq, default=None)


def _id(evaluation: Record) -> str:
    return str(evaluation.body["evaluation_id"])
