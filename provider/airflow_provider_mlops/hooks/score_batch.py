"""Scoring a snapshot into a prediction log: streamed, a part at a time, so that a retry goes on where a kill struck."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import EvidenceBroken, TransientError
from airflow_provider_mlops.core.latency import latency_of
from airflow_provider_mlops.core.prediction_log import PREDICTIONS, VALUE, log_path, part_path, prediction_ids
from airflow_provider_mlops.core.score_plan import ScorePlan
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH
from airflow_provider_mlops.hooks.gone import snapshot_there_now
from airflow_provider_mlops.hooks.refused_scoring import ScoringRefused
from airflow_provider_mlops.hooks.removal import remove
from airflow_provider_mlops.hooks.snapshot_set import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from airflow_provider_mlops.backends.batch_scoring import RowScorer
    from airflow_provider_mlops.backends.parquet import SnapshotReader

OpenModel = Callable[["pd.DataFrame"], Any]
"""Loads the estimator, and checks the first rows against its signature."""


class BatchScoring:
    """Scores one snapshot, once.

    :param storage: where snapshots and logs lie.
    :param plan: what is scored.
    :param open_model: loads the model when the first rows are at hand.
    :param log: where progress is told.
    :param store: whether a log is published; an audit and a dry run only count and hash.
    """

    def __init__(
        self, storage: Storage, plan: ScorePlan, open_model: OpenModel, log: Any, *, store: bool = True
    ) -> None:
        from airflow_provider_mlops.backends.prediction_files import RowsDigest

        self.storage, self.plan, self.log, self.store = storage, plan, log, store
        self._open_model = open_model
        self._scorer: RowScorer | None = None
        self._digest = RowsDigest(plan.hashed)
        self._kinds: Counter[str] = Counter()
        self._batches: list[tuple[int, float]] = []
        self._rows = 0
        self._with_nulls: list[str] = []
        self._id = ""

    def run(self) -> dict[str, Any]:
        """Score the snapshot, or find the log that is there.

        :return: the manifest of the log, as it is published; without files and hash where none is stored.
        :raises BadInput: when rows have no id or one twice, a column is missing, or the rows do not fit the model.
        :raises Refused: when too many rows could not be scored.
        :raises EvidenceBroken: when snapshot or model are not the recorded ones.
        :raises TransientError: when rows were erased from the snapshot meanwhile.
        """
        from airflow_provider_mlops.backends.parquet import SnapshotReader

        with ExitStack() as stack:
            reader = None
            if self.plan.snapshot_id is not None:
                path = snapshot_path(self.plan.dataset, self.plan.snapshot_id)
                reader = SnapshotReader(stack.enter_context(self.storage.open(path)), self.plan.snapshot_id)
            self._id = self.plan.log_id(reader.manifest["manifest_sha256"] if reader else None)
            target = log_path(self.plan.model_name, self.plan.partition_key, self._id)
            if self.store and self.storage.exists(target):
                self.log.info("This version has scored these rows before: found log %s.", self._id)
            else:
                self._score_or_find(reader, target)
        if not self.store:
            return self._facts()
        self._remove_parts(reader.rows if reader else 0)
        return self.storage.read_marker(target)

    def _score_or_find(self, reader: SnapshotReader | None, target: str) -> None:
        """Score, unless another task that does the same ends first and removes the parts that this one reads."""
        try:
            self._score(reader, target)
        except (EvidenceBroken, TransientError):
            if not (self.store and self.storage.exists(target)):
                raise
            self.log.info("Another task has scored these rows meanwhile: found log %s.", self._id)

    def _score(self, reader: SnapshotReader | None, target: str) -> None:
        chunks, schema = self._chunks(reader)
        count = self.plan.parts(self._rows)
        if count == 1:
            with self.storage.staging() as folder:
                files = self._write(folder, 0, chunks, schema)
                self._publish(folder, target, self._facts(), files)
            return
        files = []
        for number in range(count):
            group = itertools.islice(chunks, self.plan.batches_of_part)
            files += self._part(number, group, schema)
            done, whole = f"{self._digest.rows:,}", f"{self._rows:,}"
            self.log.info("Part %d of %d: %s of %s rows.", number + 1, count, done, whole)
        # Only the end of the snapshot proves its content.
        next(chunks, None)
        if self.store:
            self._assemble(files, target)

    def _chunks(self, reader: SnapshotReader | None) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
        from airflow_provider_mlops.backends.batch_scoring import check_unique, rechunked
        from airflow_provider_mlops.backends.prediction_files import log_schema

        first = None
        chunks: Iterator[pa.RecordBatch] = iter(())
        if reader is not None:
            self._rows = reader.rows
            self._with_nulls = [item["name"] for item in reader.manifest["columns"] if item.get("nulls")]
            check_unique(lambda: reader.batches([self.plan.row_id]), self.plan.row_id)
            chunks = rechunked(reader.batches(self.plan.columns), self.plan.batch_rows)
            first = next(chunks, None)
        if first is None:
            return iter(()), log_schema(self.plan.classes)
        kept = [first.schema.field(name) for name in self.plan.inputs] if self.plan.features == VALUE else []
        return itertools.chain([first], chunks), log_schema(self.plan.classes, kept)

    def _part(self, number: int, chunks: Iterator[pa.RecordBatch], schema: pa.Schema) -> list[dict[str, Any]]:
        """Score a part and publish it, or take over the one that an earlier try has finished."""
        from airflow_provider_mlops.backends.batch_scoring import texts
        from airflow_provider_mlops.backends.prediction_files import read_log

        path = part_path(self.plan.model_name, self.plan.partition_key, self._id, number)
        if self.store and self.storage.exists(path):
            return self._take_over(path, (one for chunk in chunks for one in texts(chunk.column(self.plan.row_id))))
        digest, kinds, timed = self._digest.copy(), self._kinds.copy(), len(self._batches)
        with self.storage.staging() as folder:
            files = self._write(folder, number, chunks, schema)
            facts = {
                **self.plan.facts(),
                "kind": "scoring",
                "errors": dict(self._kinds - kinds),
                "batches": [list(one) for one in self._batches[timed:]],
            }
            sealed = self._publish(folder, path, facts, files)
            if sealed is None or self.storage.read_marker(path)[OWN_HASH] == sealed:
                return files
            # Another task was first, with latencies of its own: what it has published goes on, as if it had been found.
            self._digest, self._kinds = digest, kinds
            del self._batches[timed:]
            own = read_log(folder, sealed, ["row_id"])
            return self._take_over(path, (one for batch in own for one in batch.column(0).to_pylist()))

    def _take_over(self, path: str, row_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Use a finished part, once its bytes are proved and its rows are those of the snapshot."""
        from airflow_provider_mlops.backends.prediction_files import read_log

        manifest = self.storage.read_marker(path)
        there: list[str] = []
        with self.storage.open(path) as folder:
            for batch in read_log(folder, manifest["manifest_sha256"], self.plan.hashed):
                self._digest.update(batch)
                there += batch.column(0).to_pylist()
        if there != list(row_ids):
            raise EvidenceBroken(f"{self.storage.uri(path)} holds other rows than the snapshot; remove it.")
        self.log.info("%s rows were scored by an earlier try.", f"{len(there):,}")
        self._count(manifest["errors"], manifest["batches"])
        return list(manifest["files"])

    def _write(
        self, folder: Path, number: int, chunks: Iterator[pa.RecordBatch], schema: pa.Schema
    ) -> list[dict[str, Any]]:
        from airflow_provider_mlops.backends.prediction_files import write_parts

        logged = (self._logged(chunk, schema) for chunk in chunks)
        if not self.store:
            for _ in logged:
                pass
            return []
        return write_parts(logged, folder, schema, part_rows=self._rows, first=number)

    def _logged(self, chunk: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        """Score a batch into rows of the log."""
        from airflow_provider_mlops.backends.batch_scoring import RowScorer, TooManyFailed, frame_of, logged_rows, texts

        plan = self.plan
        frame = frame_of(chunk.select(list(plan.inputs)), self._with_nulls)
        if self._scorer is None:
            classes = None if plan.classes is None else len(plan.classes)
            self._scorer = RowScorer(self._open_model(frame), plan.inputs, plan.task, classes)
        left = plan.most_failed(self._rows) - self._kinds.total()
        try:
            scored = self._scorer.score(frame, most_failed=left)
        except TooManyFailed as err:
            self._kinds.update(err.kinds)
            raise self._refused(f" The last one: {err.last}") from None
        self._count(scored.kinds, [(len(frame), scored.milliseconds)])
        row_ids = texts(chunk.column(plan.row_id))
        ids = prediction_ids(plan.model_name, plan.manifest_hash, plan.dataset, row_ids)
        same = {"model_version": plan.model_version, "snapshot_id": plan.snapshot_id, "arm": plan.arm}
        columns = {"prediction_id": ids, "row_id": row_ids}
        rows = logged_rows(chunk, schema, scored, {**columns, **same}, entity=plan.entity, time=plan.time)
        self._digest.update(rows)
        return rows

    def _count(self, kinds: Mapping[str, int], batches: Iterable[Sequence[Any]]) -> None:
        self._kinds.update(kinds)
        self._batches += [(int(rows), float(spent)) for rows, spent in batches]
        if self._kinds.total() > self.plan.most_failed(self._rows):
            raise self._refused()

    def _refused(self, last: str = "") -> ScoringRefused:
        return ScoringRefused(self.plan, self._id, self._rows, self._kinds, last)

    def _facts(self) -> dict[str, Any]:
        failed = self._kinds.total()
        return {
            **self.plan.facts(),
            "kind": PREDICTIONS,
            "log_id": self._id,
            "rows": self._digest.rows,
            "scored": self._digest.rows - failed,
            "failed": failed,
            "errors": dict(self._kinds),
            "scores_digest": self._digest.result(),
            "latency": latency_of(self._batches),
        }

    def _publish(
        self, folder: Path, target: str, facts: Mapping[str, Any], files: Sequence[Mapping[str, Any]]
    ) -> str | None:
        """Publish a folder, unless rows of the snapshot were erased while it was scored: those must not come back.

        :return: hash of the folder's manifest, which is what stands there unless another task was first.
        """
        from airflow_provider_mlops.backends.prediction_files import write_log_manifest

        if not self.store:
            return None
        now = self.plan.snapshot_id
        if now is not None and snapshot_there_now(self.storage, self.plan.dataset, now) != now:
            raise TransientError(f"Rows were erased from snapshot {now} while it was scored; the next try scores anew.")
        sealed = write_log_manifest(folder, facts, files)[OWN_HASH]
        self.storage.publish(folder, target)
        return str(sealed)

    def _assemble(self, files: Sequence[Mapping[str, Any]], target: str) -> None:
        """Put the parts together; of two tasks at once the other one may have done so and removed them."""
        plan = self.plan
        with self.storage.staging() as folder:
            try:
                for number, item in enumerate(files):
                    with self.storage.open(part_path(plan.model_name, plan.partition_key, self._id, number)) as part:
                        shutil.copyfile(part / item["name"], folder / item["name"])
            except (EvidenceBroken, FileNotFoundError):
                if self.storage.exists(target):
                    return
                raise
            self._publish(folder, target, self._facts(), files)

    def _remove_parts(self, rows: int) -> None:
        plan = self.plan
        for number in range(plan.parts(rows)):
            path = part_path(plan.model_name, plan.partition_key, self._id, number)
            if self.storage.exists(path):
                remove(self.storage, path)
