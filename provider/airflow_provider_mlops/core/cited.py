"""All that records say of the storage: the folders that must be there, and those that must not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from airflow_provider_mlops.core.cited_kinds import DATASET, CitedFolder, cited_by, digits, name_of
from airflow_provider_mlops.core.gone import gone_snapshots, is_void
from airflow_provider_mlops.core.prediction_log import replaced_logs
from airflow_provider_mlops.core.record import Record

_FOR_GOOD = "~"
"""Later than every time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as recorded.

    :param file: the file or folder, below the storage root, or as a registry names it.
    :param what: what it is.
    :param problem: what is wrong with it.
    :param by: the record that cites it; empty where none does.
    """

    file: str
    what: str
    problem: str
    by: str = ""

    def __str__(self) -> str:
        cited = f" (cited by {self.by})" if self.by else ""
        return f"{self.file}: {self.what}: {self.problem}{cited}"


@dataclass(frozen=True, slots=True)
class _Removed:
    """A folder that was removed; a record that is later than ``until`` has stored it again."""

    path: str
    by: str
    until: str = _FOR_GOOD


@dataclass(frozen=True, slots=True)
class CitedStorage:
    """All that records say of the storage.

    :param folders: the folders that are cited, by path.
    :param removed: folders that must no longer be there, by path: which record removed them, in words.
    """

    folders: Mapping[str, CitedFolder]
    removed: Mapping[str, str]


def cited_storage(chains: Mapping[str, Sequence[Record]]) -> CitedStorage:
    """Collect what the records of chains cite.

    :param chains: records by name of the chain, oldest first.
    :return: the folders; of several citations of one the newest of those that say most counts.
    """
    removed = {lost.path: lost for name, records in chains.items() for lost in _removed(name, records)}
    void = {one for name, records in chains.items() if name.startswith(DATASET) for one in _void(records)}
    folders: dict[str, CitedFolder] = {}
    for records in chains.values():
        for record in records:
            for named in cited_by(record):
                lost = removed.get(named.path)
                if lost is not None and record.time <= lost.until:
                    continue
                # What a void erasure has stored nobody reads, and nobody removes.
                found = replace(named, needed=False) if record.hash in void else named
                if _says_more(found, folders.get(found.path)):
                    folders[found.path] = found
    return CitedStorage(folders, {path: lost.by for path, lost in removed.items() if path not in folders})


def _says_more(found: CitedFolder, known: CitedFolder | None) -> bool:
    if known is None:
        return True
    # Of two that say as much the later one: what was pruned and stored again has another manifest.
    return _weight(found) >= _weight(known)


def _weight(found: CitedFolder) -> tuple[bool, bool, bool]:
    return found.needed, found.proved, found.manifest_sha256 is not None


def _removed(chain: str, records: Sequence[Record]) -> Iterator[_Removed]:
    """Yield the folders that recorded erasures and prunings removed."""
    name = chain.rpartition("/")[2]
    void = set[str]()
    if chain.startswith(DATASET):
        yield from _gone(name, records)
        void = set(_void(records))
    for record in records:
        if record.mode != "live" or record.kind not in ("erasure", "pruning") or record.hash in void:
            continue
        for item in record.body.get("scores", ()):
            path = f"evaluations/{item.get('model', name)}/{digits(item['scores_id'])}"
            yield _Removed(path, name_of(record), record.time)
        for path in record.body.get("reports", ()):
            yield _Removed(path, name_of(record), record.time)


def _gone(name: str, records: Sequence[Record]) -> Iterator[_Removed]:
    gone = gone_snapshots(records)
    by = {record.hash: name_of(record) for record in records}
    for lost in gone.values():
        for folder in ("snapshots", "quarantine"):
            yield _Removed(f"{folder}/{name}/{digits(lost.snapshot_id)}", by[lost.record])
    for path in replaced_logs(records):
        yield _Removed(path, f"an erasure in {DATASET}{name}")


def _void(records: Sequence[Record]) -> Iterator[str]:
    gone = gone_snapshots(records)
    yield from (r.hash for r in records if r.kind == "erasure" and r.mode == "live" and is_void(r, gone))
