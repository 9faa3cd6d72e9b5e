"""The base of a training: the fitted model that it goes on from, and the chain of trainings behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, Refused
from airflow_provider_mlops.core.manifest import FULL, task_of
from airflow_provider_mlops.core.record import Record

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
_SAME = ("dataset", "features", "label", "time_column")


@dataclass(frozen=True, slots=True)
class Seen:
    """Up to where a chain of trainings has read the rows of its dataset.

    :param partition_key: the newest partition that was trained on.
    :param until: rows of it before this time only (ISO 8601); None for all of it.
    """

    partition_key: str
    until: str | None

    def __str__(self) -> str:
        return self.partition_key if self.until is None else f"{self.partition_key} until {self.until}"


def is_start(text: Any) -> bool:
    """Whether a text names what a training may start from: a version, or an alias behind an ``@``.

    :param text: any value.
    """
    return isinstance(text, str) and (text.isdecimal() or (text.startswith("@") and len(text) > 1))


def fit_of(manifest: Mapping[str, Any]) -> str:
    """Return how a manifest's model is fitted; those of before there were bases are fitted in full.

    :param manifest: of a training.
    :return: ``full``, ``warm`` or ``incremental``.
    """
    return str((manifest.get("fit") or {}).get("kind", FULL))


def cited_base(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a manifest cites as its base.

    :param manifest: of a training.
    :return: ``version``, ``manifest_hash``, ``model_digest``, ``archive_sha256`` and ``depth``; None for none.
    """
    fit = manifest.get("fit")
    return fit["base"] if fit else None


def base_facts(training: Record, version: str) -> dict[str, Any]:
    """Say by hash what a training goes on from.

    :param training: the record of the base's training.
    :param version: the base's version.
    :return: what a manifest cites; ``depth`` counts the trainings from the root of the chain, which is 1.
    """
    body = training.body
    before = cited_base(body["manifest"])
    return {
        "version": version,
        "manifest_hash": body["manifest_hash"],
        "model_digest": body["model_digest"],
        "archive_sha256": body["archive_sha256"],
        "depth": 1 + (before["depth"] if before else 0),
    }


def chain_of(records: Sequence[Record], manifest: Mapping[str, Any]) -> list[Record]:
    """Find the trainings that a manifest goes on from, the nearest first and the root of the chain last.

    :param records: records of the model's ledger.
    :param manifest: of a training.
    :return: training records; empty where the model is fitted in full.
    :raises EvidenceBroken: when the ledger does not hold one that is cited, or holds it with another model.
    """
    made: dict[str, Record] = {}
    for record in records:
        if record.kind == "training" and record.outcome is None:
            key = record.body["manifest_hash"]
            if key not in made or made[key].mode != "live":
                made[key] = record
    chain: list[Record] = []
    while (cited := cited_base(manifest)) is not None:
        found = made.get(cited["manifest_hash"])
        if found is None:
            raise EvidenceBroken(f"The base {cited['manifest_hash']} (version {cited['version']}) has no record here.")
        facts = base_facts(found, cited["version"])
        if wrong := [name for name in facts if facts[name] != cited.get(name)]:
            raise EvidenceBroken(
                f"The record of the base {cited['manifest_hash']} (version {cited['version']}) has another {wrong[0]} "
                "than what goes on from it cites."
            )
        chain.append(found)
        manifest = found.body["manifest"]
    return chain


def learned_manifests(records: Sequence[Record], training: Record) -> list[Mapping[str, Any]]:
    """Return the manifests of all that a model has learned: its own, and those of its bases.

    :param records: records of the model's ledger.
    :param training: record of its training; of a model that came from elsewhere the chain is there, not here.
    :return: its own manifest first.
    :raises EvidenceBroken: when a base is not on record.
    """
    own = training.body["manifest"]
    chain = chain_of(records, own) if training.kind == "training" else []
    return [own, *(record.body["manifest"] for record in chain)]


def learned_snapshots(records: Sequence[Record], training: Record) -> list[str]:
    """Name the snapshots that a model and its bases were trained on.

    :param records: records of the model's ledger.
    :param training: record of its training.
    :return: their ids, each once.
    :raises EvidenceBroken: when a base is not on record.
    """
    manifests = learned_manifests(records, training)
    return list(dict.fromkeys(item["snapshot_id"] for one in manifests for item in one["train"]["snapshots"]))


def chain_facts(records: Sequence[Record], manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name the bases of a training as its manifests cite them, the nearest first.

    What is not recorded ends the list, and so does one that stands in it already, which only a changed record cites.

    :param records: records of the model's ledger.
    :param manifest: of a training.
    :return: ``version``, ``manifest_hash``, ``model_digest``, ``fit`` and ``partition_key`` of each.
    """
    by_hash = {r.body["manifest_hash"]: r.body for r in records if r.kind == "training" and r.outcome is None}
    found: list[dict[str, Any]] = []
    cited = cited_base(manifest)
    while cited is not None and cited["manifest_hash"] not in {item["manifest_hash"] for item in found}:
        body = by_hash.get(cited["manifest_hash"])
        base = body["manifest"] if body else {}
        found.append(
            {
                "version": cited["version"],
                "manifest_hash": cited["manifest_hash"],
                "model_digest": cited["model_digest"],
                "fit": fit_of(base) if body else None,
                "partition_key": body["partition_key"] if body else None,
            }
        )
        cited = cited_base(base)
    return found


def with_bases(records: Sequence[Record], manifest_hashes: Iterable[str]) -> set[str]:
    """Add to trainings all that they go on from: without it none of them can be replayed.

    :param records: records of the model's ledger.
    :param manifest_hashes: of the trainings.
    :return: theirs and those of their bases.
    """
    bases = {
        r.body["manifest_hash"]: cited["manifest_hash"]
        for r in records
        if r.kind == "training" and r.outcome is None and (cited := cited_base(r.body["manifest"])) is not None
    }
    found: set[str] = set()
    for one in manifest_hashes:
        name: str | None = one
        while name is not None and name not in found:
            found.add(name)
            name = bases.get(name)
    return found


def check_goes_on(wanted: Mapping[str, Any], base: Mapping[str, Any], version: str) -> None:
    """Refuse a base that has learned something else than what is asked for now.

    :param wanted: ``dataset``, ``features``, ``label``, ``time_column`` and ``task`` of the training.
    :param base: manifest of the base.
    :param version: the base's version, for the error.
    :raises BadInput: when one of them is another than the base's.
    """
    was, now = ({**{name: one[name] for name in _SAME}, "task": task_of(one)} for one in (base, wanted))
    was["features"], now["features"] = list(was["features"]), list(now["features"])
    for name, value in was.items():
        if value != now[name]:
            raise BadInput(
                f"Version {version} cannot be gone on from: its {name} is {_short(value)}, asked for is "
                f"{_short(now[name])}. Train in full (fit='full')."
            )


def check_params(wanted: Mapping[str, Any], base: Mapping[str, Any], version: str) -> None:
    """Refuse parameters that partial_fit would not use: an estimator goes on with those it was made with.

    :param wanted: the explicit parameters.
    :param base: parameters of the base.
    :param version: the base's version, for the error.
    :raises BadInput: when one is not what the base was made with.
    """
    for name, value in wanted.items():
        if name not in base or base[name] != value:
            raise BadInput(
                f"train_params {name}={value!r} would not be used: version {version} goes on with the parameters it "
                f"was made with ({_short(dict(base))}). Leave it out, or train in full (fit='full')."
            )


def check_no_new_class(known: Sequence[Any] | None, found: Sequence[Any]) -> None:
    """Refuse a class that the base has never seen.

    :param known: the base's classes; None where it has none.
    :param found: the classes among the rows; empty where the label has none.
    :raises BadInput: when one is new.
    """
    if known is not None and (new := [item for item in found if item not in known]):
        raise BadInput(
            f"The rows hold the new class {new[0]!r}; the base knows {_short(list(known))}. A base cannot learn a new "
            "class: train in full (fit='full')."
        )


def seen_by(manifests: Sequence[Mapping[str, Any]]) -> Seen:
    """Say up to where trainings have read the rows of their dataset.

    :param manifests: of the trainings; at least one.
    :return: the furthest of them.
    """
    ends = [
        (max(item["partition_key"] for item in one["train"]["snapshots"]), one["train"]["until"]) for one in manifests
    ]
    # Of the same partition a training on all of it has read further than one until some time.
    return Seen(*max(ends, key=lambda end: (end[0], end[1] is None, _moment(end[1]))))


def check_held_out(seen: Seen, partition_key: str, test_since: str | None, version: str) -> None:
    """Refuse to hold out rows that the base has learned.

    :param seen: up to where the base and its own bases have read.
    :param partition_key: the partition that is held out, or its tail.
    :param test_since: start of the held out rows, None for the whole partition.
    :param version: the base's version, for the error.
    :raises Refused: when the base has learned some of them.
    """
    clean = seen.partition_key < partition_key or (
        seen.partition_key == partition_key
        and seen.until is not None
        and test_since is not None
        and _moment(seen.until) <= _moment(test_since)
    )
    if not clean:
        held = partition_key if test_since is None else f"{partition_key} since {test_since}"
        raise Refused(
            f"Version {version} has learned rows of {seen}; {held} is held out, and a model cannot be tested on what "
            "it has seen. Train in full (fit='full'), or hold out a later partition."
        )


def only_new(
    snapshots: Sequence[Mapping[str, str]], since: str | None, seen: Seen
) -> tuple[list[dict[str, str]], str | None]:
    """Keep the rows that a chain has not seen yet.

    :param snapshots: ``{"partition_key", "snapshot_id"}`` of the window's snapshots, oldest first.
    :param since: rows of the window from this time on (ISO 8601); None for all.
    :param seen: up to where the chain has read.
    :return: the snapshots with newer rows, and from which time on their rows count.
    """
    later = [dict(item) for item in snapshots if item["partition_key"] > seen.partition_key]
    if seen.until is None:
        return later, since
    rest = [dict(item) for item in snapshots if item["partition_key"] == seen.partition_key]
    return rest + later, max(filter(None, (since, seen.until)), key=_moment) if rest else since


def _moment(text: str | None) -> datetime:
    found = datetime.fromisoformat(text) if text else _LONG_AGO
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else f"{text[:200]} …"
