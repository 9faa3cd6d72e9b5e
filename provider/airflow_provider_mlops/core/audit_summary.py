"""The summary of an audit: what its runs replayed, month by month, beside the originals, and the worst of it.

It is made from the records alone, without a time in it: the same records give the same summary, in whatever order
the runs of a backfill finished.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.certificate import LEVELS, Cause
from airflow_provider_mlops.core.modes import Mode
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.replay import Level
from airflow_provider_mlops.core.run import RunFacts
from airflow_provider_mlops.core.verdict import Outcome

SCHEMA = 1
KIND = "audit_summary"
NO_RECORDS = "nothing was recorded: the run has not come so far, or failed before it replayed anything"
NOT_CERTIFIED = "it was trained again, and has no certificate: the run has not come so far, or failed before its gate"
_KINDS = ("replay", "certificate")
_WORST_FIRST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
_STRICT_FIRST = (*LEVELS, Level.ERASED, Level.NO_RECORD, Level.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which runs are one audit; what is None does not restrict.

    :param audit: name of the audit, as the conf of its runs gives it.
    :param dag_id: id of their Dag.
    :param run_ids: their ids.
    :param since: first partition, included; empty for no limit.
    :param until: last partition, included; empty for no limit.
    :param by_hand: whether replays that are in no audit mode count too, though no run is named.
    """

    audit: str | None = None
    dag_id: str | None = None
    run_ids: frozenset[str] | None = None
    since: str = ""
    until: str = ""
    by_hand: bool = False

    @classmethod
    def of_run(cls, run: RunFacts) -> "Scope":
        """Return the audit that a run belongs to.

        A task is not told which backfill it is of: runs of one name are one audit; without a name, the audits of one
        Dag are, each partition by its newest run. What is not in audit mode stands for itself.

        :param run: facts of the run.
        """
        if run.mode is not Mode.AUDIT:
            return cls(dag_id=run.dag_id, run_ids=frozenset((run.run_id,)))
        return cls(audit=run.audit) if run.audit else cls(dag_id=run.dag_id)

    def holds(self, record: Record) -> bool:
        """Whether a record was written by one of the runs.

        :param record: any record.
        """
        named = self.run_ids is not None or self.by_hand
        if record.kind not in _KINDS or not (named or record.mode == Mode.AUDIT):
            return False
        run, key = record.run, str(record.body["partition_key"])
        return (
            (self.audit is None or run.get("audit") == self.audit)
            and (self.dag_id is None or run.get("dag_id") == self.dag_id)
            and (self.run_ids is None or run.get("run_id") in self.run_ids)
            and self.spans(key)
        )

    def spans(self, key: str) -> bool:
        """Whether a partition lies between the first and the last one.

        :param key: the partition.
        """
        return (not self.since or key >= self.since) and (not self.until or key[: len(self.until)] <= self.until)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form: what restricts."""
        runs = None if self.run_ids is None else sorted(self.run_ids)
        facts = {
            "audit": self.audit,
            "dag_id": self.dag_id,
            "run_ids": runs,
            "since": self.since or None,
            "until": self.until or None,
            "by_hand": self.by_hand or None,
        }
        return {name: value for name, value in facts.items() if value is not None}


def build_summary(
    model: str, records: Sequence[Record], scope: Scope, expected: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Summarise an audit.

    :param model: name of the registered model.
    :param records: records of its ledger, oldest first.
    :param scope: which runs are the audit.
    :param expected: partition key by id of each run that Airflow made for it; a run without a record is then named.
    :return: ``partitions``, one entry for each partition (for each training, where one run replayed several), and
        ``outcome``, ``worst``, ``outcomes``, ``levels`` and ``causes`` over all of them.
    """
    by_hash = {record.hash: record for record in records if record.kind == "training"}
    entries = [_entry(found, by_hash) for found in _newest(records, scope)]
    # A run whose partition a later run has replayed again has recorded something all the same.
    seen = {str(record.run.get("run_id")) for record in records if scope.holds(record)}
    silent = {run_id: key for run_id, key in (expected or {}).items() if run_id not in seen and scope.spans(key)}
    entries += [_silent(key, run_id) for run_id, key in silent.items()]
    entries.sort(key=lambda entry: (entry["partition_key"], (entry["original"] or {}).get("seq", 0)))
    worst = min(entries, key=_badness, default=None)
    return {
        "schema": SCHEMA,
        "model": model,
        "scope": scope.to_dict(),
        "outcome": worst["outcome"] if worst else Outcome.INCONCLUSIVE.value,
        "worst": worst and {name: worst[name] for name in ("partition_key", "version", "level", "outcome")},
        "outcomes": _counts(entry["outcome"] for entry in entries),
        "levels": _counts(entry["level"] for entry in entries),
        "causes": _counts(cause for entry in entries for cause in {item["cause"] for item in entry["differences"]}),
        "partitions": entries,
    }


def summary_hash(summary: Mapping[str, Any]) -> str:
    """Return the identity of a summary.

    :param summary: as `build_summary` makes it.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return sha256_of(summary)


def newest_seq(records: Iterable[Record], scope: Scope) -> int:
    """Return the place of the newest record that a summary is made from; of two summaries that one holds more.

    :param records: records of a model's ledger.
    :param scope: which runs are the audit.
    :return: the number in the chain, 0 where there is none.
    """
    return max((record.seq for record in records if scope.holds(record)), default=0)


def seqs_since(records: Iterable[Record], scope: Scope, run: RunFacts) -> list[int]:
    """List the states of a ledger, since a run of an audit wrote into it, that a summary may have been made from.

    :param records: records of a model's ledger, oldest first.
    :param scope: which runs are the audit.
    :param run: facts of the run.
    :return: numbers of records, oldest first.
    """
    held = [record for record in records if scope.holds(record)]
    mine = (run.dag_id, run.run_id)
    first = next((r.seq for r in held if (r.run.get("dag_id"), r.run.get("run_id")) == mine), None)
    return [] if first is None else [record.seq for record in held if record.seq >= first]


def current_summary(records: Iterable[Record], scope: Scope) -> Record | None:
    """Find the summary of an audit that holds the most: tasks that finish at once may record an older one later.

    :param records: records of a model's ledger.
    :param scope: which runs are the audit.
    """
    found = [r for r in records if r.kind == KIND and r.body["scope"] == scope.to_dict()]
    return max(found, key=lambda record: (record.body["through"], record.seq), default=None)


def _newest(records: Sequence[Record], scope: Scope) -> list[dict[str, Record]]:
    """Put what each run recorded together; of several replays of one training, the one that began last counts."""
    found: dict[tuple[str, ...], dict[str, Record]] = {}
    for record in records:
        if scope.holds(record):
            run = (str(record.run.get("dag_id")), str(record.run.get("run_id")))
            key = (str(record.body["partition_key"]), record.body["of"] or "", *run)
            found.setdefault(key, {})[record.kind] = record
    newest: dict[tuple[str, str], dict[str, Record]] = {}
    for (partition_key, of, *_), parts in found.items():
        newest.pop((partition_key, ""), None)  # there was nothing to replay then; now there is, or still not
        newest[partition_key, of] = parts
    return list(newest.values())


def _entry(found: Mapping[str, Record], trainings: Mapping[str, Record]) -> dict[str, Any]:
    replay, certificate = found.get("replay"), found.get("certificate")
    told = certificate or replay
    assert told is not None  # noqa: S101 - one of them made the entry
    body = told.body
    training = trainings.get(str(body["of"]))
    certified = certificate is not None or body["level"] == Level.NO_RECORD
    differences = [dict(item) for item in body.get("differences" if certificate else "causes") or ()]
    if not certified:
        differences.append({"cause": Cause.UNKNOWN.value, "detail": NOT_CERTIFIED})
    passed_alone = not certified and told.outcome == Outcome.PASS
    return {
        "partition_key": body["partition_key"],
        "version": body.get("version"),
        "level": body["level"],
        "outcome": Outcome.INCONCLUSIVE.value if passed_alone else told.outcome,
        "differences": differences,
        "why": _why(told),
        "original": training
        and {**_run_of(training), "record": training.hash, "seq": training.seq, "time": training.time},
        "replay": {**_run_of(told), "record": replay and replay.hash},
        "certificate": certificate
        and {"record": certificate.hash, "hash": certificate.body["certificate_hash"], "uri": certificate.body["uri"]},
    }


def _silent(partition_key: str, run_id: str) -> dict[str, Any]:
    return {
        "partition_key": partition_key,
        "version": None,
        "level": Level.NONE.value,
        "outcome": Outcome.INCONCLUSIVE.value,
        "differences": [{"cause": Cause.UNKNOWN.value, "detail": NO_RECORDS}],
        "why": None,
        "original": None,
        "replay": {"run_id": run_id, "record": None},
        "certificate": None,
    }


def _why(record: Record) -> str | None:
    """Return the first reason that is not a PASS."""
    rules = (record.body.get("verdict") or {}).get("rules", ())
    return next((str(rule["reason"]) for rule in rules if rule["outcome"] != Outcome.PASS), None)


def _run_of(record: Record) -> dict[str, Any]:
    return {"dag_id": record.run.get("dag_id"), "run_id": record.run.get("run_id")}


def _badness(entry: Mapping[str, Any]) -> tuple[int, int]:
    return _WORST_FIRST.index(Outcome(entry["outcome"])), -_STRICT_FIRST.index(Level(entry["level"]))


def _counts(values: Iterable[Any]) -> dict[str, int]:
    return dict(sorted(Counter(str(value) for value in values).items()))
