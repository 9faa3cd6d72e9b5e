"""What changed upstream between two partitions: source, code, schema, and the runs that brought them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.record import Record

_TAKEN = ("source", "source_kind", "query_hash", "source_code_hash", "dvc.path", "dvc.revision", "bundle.version")
_JUDGED = ("suite_hash", "contract_hash")
_WORDS: Mapping[str, str] = {
    "source": "the source",
    "source_kind": "the kind of the source",
    "query_hash": "the query",
    "source_code_hash": "the code of the source function",
    "source_hash": "what the source states (parameters, files)",
    "dvc.path": "the DVC path",
    "dvc.revision": "the revision of the DVC repository",
    "bundle.version": "the version of the Dag bundle",
    "dag": "the Dag and task that took the snapshot",
    "suite_hash": "the suite",
    "contract_hash": "the contract",
    "quarantine": "the share of rows set aside",
    "rows": "the number of rows",
    "columns": "the columns",
}
_MANY_MORE = 1.5


@dataclass(frozen=True, slots=True)
class UpstreamChange:
    """One thing that differs between the last clean partition and the first drifted one.

    :param what: name of the fact.
    :param before: what it was, as text.
    :param after: what it is, as text.
    """

    what: str
    before: str
    after: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {
            "what": self.what,
            "words": _WORDS.get(self.what, self.what),
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a snapshot came from.

    :param snapshot_id: the snapshot.
    :param facts: what its records state, by name; None where they do not say.
    :param runs: the runs that took and judged it: ``{"did", "dag_id", "run_id", "task_id", "time", "record"}``.
    :param lines: what its contract's difference says.
    :param columns: type by column, empty where unknown.
    :param span: sequence numbers of its first and last record in the dataset's chain.
    """

    snapshot_id: str
    facts: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    lines: Sequence[str] = ()
    columns: Mapping[str, str]
    span: tuple[int, int] = (0, 0)


def origin_of(records: Iterable[Record], snapshot_id: str, columns: Mapping[str, str] | None = None) -> Origin:
    """Find where a snapshot came from.

    :param records: records of the dataset's ledger, oldest first.
    :param snapshot_id: the snapshot, as it was accepted.
    :param columns: type by column, as its manifest states them.
    """
    held = [record for record in records if record.mode == "live"]
    judged = _newest(held, "validation", "accepted_snapshot_id", snapshot_id)
    taken_id = judged.body["snapshot_id"] if judged else snapshot_id
    taken = _newest(held, "snapshot", "snapshot_id", taken_id)
    checked = _newest(held, "contract", "snapshot_id", taken_id)
    facts: dict[str, Any] = {}
    if taken is not None:
        facts |= {name: _fact(taken.body, name) for name in (*_TAKEN, "source_hash", "rows")}
        facts["dag"] = "/".join(str(taken.run.get(name) or taken.run.get("command")) for name in ("dag_id", "task_id"))
    if judged is not None:
        facts |= {name: judged.body.get(name) for name in _JUDGED}
        facts["quarantine"] = (judged.body.get("quarantine") or {}).get("share")
    found = [("took the snapshot", taken), ("judged the contract", checked), ("judged the suite", judged)]
    places = [record.seq for _, record in found if record is not None]
    return Origin(
        snapshot_id=snapshot_id,
        facts=facts,
        runs=[_run(did, record) for did, record in found if record is not None],
        lines=[] if checked is None else list(checked.body.get("diff") or ()),
        columns=columns or {},
        span=(min(places, default=0), max(places, default=0)),
    )


def upstream_changes(clean: Origin, drifted: Origin, earlier: Sequence[Origin] = ()) -> list[UpstreamChange]:
    """Say what differs between the last clean and the first drifted partition.

    A fact that differed between the clean partitions too, each time, explains nothing and is left out.

    :param clean: the last partition that had not drifted.
    :param drifted: the first one that had.
    :param earlier: clean partitions before, oldest first.
    :return: the differences, those of the source first.
    """
    row = [*earlier, clean]
    pairs = list(itertools.pairwise(row))
    found = []
    for name in (*_TAKEN, "dag", *_JUDGED):
        before, after = clean.facts.get(name), drifted.facts.get(name)
        always = bool(pairs) and all(one.facts.get(name) != two.facts.get(name) for one, two in pairs)
        if before != after and not always:
            found.append(UpstreamChange(name, _text(before), _text(after)))
    if not found and pairs and clean.facts.get("source_hash") != drifted.facts.get("source_hash"):
        hashes = {origin.facts.get("source_hash") for origin in row}
        if len(hashes) == 1:
            found.append(
                UpstreamChange("source_hash", _text(clean.facts["source_hash"]), _text(drifted.facts["source_hash"]))
            )
    return found + _schema(clean, drifted) + _counts(clean, drifted)


def acts_between(records: Iterable[Record], clean: Origin, drifted: Origin) -> list[dict[str, Any]]:
    """List what else was done to the dataset between two partitions: erasures, prunings.

    :param records: records of the dataset's ledger, oldest first.
    :param clean: the last partition that had not drifted.
    :param drifted: the first one that had.
    """
    kinds = ("erasure", "pruning")
    low, high = clean.span[1], drifted.span[1]
    return [_run(record.kind, record) for record in records if record.kind in kinds and low < record.seq < high]


def _schema(clean: Origin, drifted: Origin) -> list[UpstreamChange]:
    found = []
    if clean.columns and drifted.columns:
        for name in sorted({*clean.columns, *drifted.columns}):
            was, now = clean.columns.get(name), drifted.columns.get(name)
            if was != now:
                found.append(
                    UpstreamChange("columns", f"{name}: {was or 'not there'}", f"{name}: {now or 'not there'}")
                )
    return found + [UpstreamChange("contract", "", line) for line in drifted.lines if line not in clean.lines]


def _counts(clean: Origin, drifted: Origin) -> list[UpstreamChange]:
    found = []
    was, now = clean.facts.get("rows"), drifted.facts.get("rows")
    if was and now and not 1 / _MANY_MORE <= now / was <= _MANY_MORE:
        found.append(UpstreamChange("rows", f"{was:,}", f"{now:,}"))
    old, new = clean.facts.get("quarantine") or 0.0, drifted.facts.get("quarantine") or 0.0
    if abs(new - old) >= 0.01:
        found.append(UpstreamChange("quarantine", f"{old:.1%}", f"{new:.1%}"))
    return found


def _newest(records: Sequence[Record], kind: str, key: str, value: str) -> Record | None:
    return next((item for item in reversed(records) if item.kind == kind and item.body.get(key) == value), None)


def _fact(body: Mapping[str, Any], name: str) -> Any:
    found: Any = body
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _run(did: str, record: Record) -> dict[str, Any]:
    names = ("dag_id", "run_id", "task_id")
    facts = {name: record.run.get(name) for name in names}
    return {"did": did, **facts, "time": record.time, "record": record.hash}


def _text(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if not text.startswith("sha256:") else text[:19]
