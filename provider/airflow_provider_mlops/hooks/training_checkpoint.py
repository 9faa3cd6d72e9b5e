"""The state of an unfinished training, kept so that a try which was killed is gone on with, not begun again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from airflow_provider_mlops.core.canonical import PREFIX, canonical_json, sha256_bytes, sha256_of
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken
from airflow_provider_mlops.core.manifest import manifest_hash
from airflow_provider_mlops.core.replay import environment_differences
from airflow_provider_mlops.hooks.gone import snapshot_there_now
from airflow_provider_mlops.hooks.removal import files_below, folders, remove
from airflow_provider_mlops.hooks.storage import MARKER, Storage

SCHEMA = 2
STATES = "checkpoints"
STALE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Saved:
    """What a training saved last.

    :param step: how far it was, by its own count.
    :param state: the estimator, or the mapping, that it saved.
    """

    step: int
    state: Any


class Unsaved:
    """A training checkpoint that keeps nothing: of audits and second trainings, which begin at the beginning."""

    def load(self) -> Saved | None:
        """Return None: nothing is kept."""
        return None

    def save(self, state: Any, step: int) -> None:
        """Keep nothing.

        :param state: as for `TrainingCheckpoint.save`.
        :param step: as for `TrainingCheckpoint.save`.
        """


@dataclass(slots=True)
class TrainingCheckpoint:
    """The saved states of one training, by the hash of its manifest; a training function gets it as ``checkpoint``.

    Each state is a folder that is staged, then published in one step; its bytes are checked before anything reads
    them, and nothing is unpickled. What was saved on other rows (some were erased meanwhile), by another Python or
    another version of a library that was imported then, and what was changed, is removed; the training begins again.

    :param storage: where the states lie.
    :param model: name of the registered model.
    :param dataset: name of the dataset that it learns.
    :param of: hash over all that a state belongs to.
    :param key: name of the training below the model's folder.
    :param trusted_types: types beyond skops' own list that a saved estimator may hold.
    :param log: where it is told what is gone on from.
    :param resumed: the step that was gone on from; None where none was.
    :param refused: what was found and not used, one sentence each.
    :param last: the step that was saved or gone on from last.
    """

    storage: Storage
    model: str
    dataset: str
    of: str
    key: str
    trusted_types: Sequence[str]
    log: Any
    resumed: int | None = None
    refused: list[str] = field(default_factory=list)
    last: int = -1

    def load(self) -> Saved | None:
        """Return what was saved last; what is not as it was saved is named in the log and removed.

        :return: the step and the state; None where nothing usable is there, and the training begins at the beginning.
        """
        for step, path in reversed(list(self._there())):
            try:
                found = self._read(path, step)
            except EvidenceBroken as err:
                self.refused.append(f"step {step}: {err}")
                self.log.warning("The saved state %s is not used: %s", self.storage.uri(path), err)
                remove(self.storage, path)
                continue
            self.resumed = self.last = step
            self.log.info("Going on from step %d, which an earlier try has saved.", step)
            return found
        return None

    def save(self, state: Any, step: int) -> None:
        """Keep a state in place of the ones before it.

        :param state: an estimator, a mapping of names to NumPy arrays, or one of names to JSON-safe values.
        :param step: how far the training is: a whole number, greater at each call.
        :raises BadInput: when the state cannot be kept without pickle, or the step is no such number.
        :raises TransientError: when the disk is full.
        """
        from airflow_provider_mlops.backends.environment import versions_now
        from airflow_provider_mlops.backends.training_state import write_state

        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 10**12:
            raise BadInput(f"checkpoint.save: step={step!r} must be a whole number from 0 on.")
        if step <= self.last:
            raise BadInput(f"checkpoint.save: step={step} must be greater than {self.last}, which was saved before.")
        with self.storage.staging() as folder:
            file = write_state(state, folder, self.trusted_types)
            facts = {
                "schema": SCHEMA,
                "dataset": self.dataset,
                "of": self.of,
                "step": step,
                "saved": time.time(),
                "versions": versions_now(),
                "files": [{"name": file.name, "sha256": sha256_bytes(file.read_bytes()), "bytes": file.stat().st_size}],
            }
            (folder / MARKER).write_text(canonical_json({**facts, "hash": sha256_of(facts)}))
            self.storage.publish(folder, self._path(step))
        self.last = step
        for earlier, path in self._there():
            if earlier < step:
                remove(self.storage, path)

    def remove(self) -> None:
        """Remove the saved states: the training is recorded. Those of the model that nobody went on with go too."""
        for name in folders(self.storage, self._home):
            path = f"{self._home}/{name}"
            if name.startswith(f"{self.key}."):
                remove(self.storage, path)
            elif self._age_days(path) > STALE_DAYS:
                self.log.info("Removing %s: nobody went on with it for %d days.", self.storage.uri(path), STALE_DAYS)
                remove(self.storage, path)

    def part(self, name: str) -> TrainingCheckpoint:
        """Return the states of another fit of the same training.

        :param name: of the fit, e.g. ``threshold``.
        """
        return replace(self, key=f"{self.key}.{name}", resumed=None, last=-1)

    def facts(self) -> dict[str, Any]:
        """Return what the record of the training says of it: nothing where it was trained in one go."""
        if self.resumed is None and not self.refused:
            return {}
        return {"resumed": {"step": self.resumed, "refused": self.refused[:10]}}

    @property
    def _home(self) -> str:
        return f"{STATES}/{self.model}"

    def _path(self, step: int) -> str:
        return f"{self._home}/{self.key}.{step:012d}"

    def _there(self) -> Iterator[tuple[int, str]]:
        """Yield step and folder of the states of this fit, in order."""
        for name in folders(self.storage, self._home):
            key, _, digits = name.rpartition(".")
            if key == self.key and digits.isdecimal():
                yield int(digits), f"{self._home}/{name}"

    def _read(self, path: str, step: int) -> Saved:
        from airflow_provider_mlops.backends.environment import versions_now
        from airflow_provider_mlops.backends.training_state import FORMS, read_state

        facts = self.storage.read_marker(path)
        try:
            own = {name: value for name, value in facts.items() if name != "hash"}
            named, digest = facts["files"][0]["name"], facts["files"][0]["sha256"]
            whole = sha256_of(own) == facts["hash"] and facts["step"] == step and named in FORMS
            schema, versions = facts["schema"], facts.get("versions")
        except (BadInput, KeyError, IndexError, TypeError, RecursionError):
            whole = False
        if not whole:
            raise EvidenceBroken(f"its {MARKER} was changed.")
        if schema != SCHEMA or not isinstance(versions, dict):
            raise EvidenceBroken("another release of this provider has saved it.")
        if facts["of"] != self.of:
            raise EvidenceBroken("it was saved on other rows.")
        if others := environment_differences(versions, versions_now(versions)):
            raise EvidenceBroken(f"it was saved elsewhere: {'; '.join(others[:5])}.")
        with self.storage.open(path) as folder:
            return Saved(step, read_state(folder / named, digest, self.trusted_types))

    def _age_days(self, path: str) -> float:
        return (time.time() - _saved(self.storage, path)[1]) / 86_400


def forget_states(storage: Storage, dataset: str, before: datetime) -> None:
    """Remove the states that trainings on a dataset saved before some of its rows were erased.

    :param storage: where they lie.
    :param dataset: name of the dataset.
    :param before: when the erasure was recorded.
    """
    for path in files_below(storage, STATES):
        folder, _, name = path.rpartition("/")
        if name == MARKER:
            of, saved = _saved(storage, folder)
            if of in (dataset, None) and saved < before.timestamp():
                remove(storage, folder)


def _saved(storage: Storage, path: str) -> tuple[str | None, float]:
    """Return of which dataset a state is and when it was saved; of what cannot be read, nothing and long ago."""
    try:
        facts = storage.read_marker(path)
        return str(facts["dataset"]), float(facts["saved"])
    except (EvidenceBroken, KeyError, TypeError, ValueError, RecursionError):
        return None, 0.0


def training_checkpoint(storage: Storage, manifest: Mapping[str, Any], mode: str, log: Any) -> TrainingCheckpoint:
    """Open the saved states of a training.

    :param storage: where they lie, and where the ledger is that says which rows are left.
    :param manifest: of the training.
    :param mode: mode of the run; a dry run goes on from nothing that a live one has saved.
    :param log: where it is told what is gone on from.
    :return: the checkpoint.
    """
    key, dataset = manifest_hash(manifest), manifest["dataset"]
    rows = [_there_now(storage, dataset, item["snapshot_id"]) for item in manifest["train"]["snapshots"]]
    of = sha256_of({"manifest": key, "rows": rows})
    name = f"{key.removeprefix(PREFIX)}.{mode}"
    return TrainingCheckpoint(storage, manifest["model_name"], dataset, of, name, manifest["trusted_types"], log)


def _there_now(storage: Storage, dataset: str, snapshot_id: str) -> str | None:
    """Return the snapshot that is read in place of one; None where there is none: whoever reads it says why."""
    try:
        return snapshot_there_now(storage, dataset, snapshot_id)
    except EvidenceBroken:
        return None
