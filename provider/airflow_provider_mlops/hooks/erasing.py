"""Erasing the rows of a data subject from everything that holds them: found, rewritten, recorded, then removed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.canonical import canonical_json, sha256_of
from airflow_provider_mlops.core.erasure import (
    SALT_BYTES,
    Rewritten,
    Subject,
    check_reason,
    erasure_body,
    read_keys,
    tombstone,
)
from airflow_provider_mlops.core.errors import BadInput, Refused, TransientError
from airflow_provider_mlops.core.gone import gone_snapshots, ids_in, is_void
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.hooks.erasing_finish import Finisher, tombstone_path
from airflow_provider_mlops.hooks.erasing_lock import one_at_a_time
from airflow_provider_mlops.hooks.erasing_search import Found, Search
from airflow_provider_mlops.hooks.ledger import known_dataset_ledger
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.prediction_rows import PredictionRows
from airflow_provider_mlops.hooks.pruning import finish_prunings
from airflow_provider_mlops.hooks.removal import remove
from airflow_provider_mlops.hooks.row_holders import holders, register_holder
from airflow_provider_mlops.hooks.snapshots import ROW_FOLDERS, path_of
from airflow_provider_mlops.hooks.storage import MARKER, Storage

MOST_ATTEMPTS = 8

register_holder(PredictionRows())


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be erased.

    :param dataset: name of the dataset.
    :param subject: whom the rows are about.
    :param reason: why; it stands in the ledger for ever.
    :param keep_salt: whether the tombstone keeps its salt.
    :param ignore_unsearchable: pass over snapshots that lack the key column, and scores whose rows were pruned.
    """

    dataset: str
    subject: Subject
    reason: str
    keep_salt: bool = True
    ignore_unsearchable: bool = False


class Eraser:
    """Erases rows of one dataset.

    :param storage: where everything lies.
    :param request: what is to be erased.
    :param registry: the MLflow connection, for validation pages that were logged there; None to refuse these.
    :param run: which task of which run erases, for the record.
    :raises BadInput: when there is no such dataset, or the reason is none.
    """

    def __init__(
        self,
        storage: Storage,
        request: Request,
        registry: MlflowHook | None = None,
        run: Mapping[str, Any] | None = None,
    ) -> None:
        check_reason(request.reason)
        self.storage, self.request, self.run = storage, request, run or {}
        self.ledger = known_dataset_ledger(request.dataset, storage.ledger_root)
        self.finisher = Finisher(storage, request.dataset, registry)

    def find(self) -> Found:
        """Search everything that holds rows; nothing is changed.

        :return: what holds such rows.
        :raises BadInput: when no snapshot has the key column.
        :raises Refused: when something cannot be searched.
        """
        search = Search(self.storage, self.request.dataset, self.request.subject)
        found = search.run(holders(self.storage))
        if not self.request.ignore_unsearchable:
            found.check_whole(self.request.subject.column)
        if found.pages and self.finisher.registry is None:
            raise Refused("Validation pages with such rows were logged to MLflow; name its connection to remove them.")
        return found

    def erase(self) -> list[Record]:
        """Erase until nothing is found any more.

        Each round rewrites, records and removes. A call that was killed is finished by the next one, whatever it is
        asked to erase. What a second call rewrote at the same time is found in the next round.

        :return: the records, one a round that found something; empty when nothing was found.
        :raises TransientError: when others keep changing the dataset.
        """
        done: list[Record] = []
        with one_at_a_time(self.storage, self.request.dataset):
            for _ in range(MOST_ATTEMPTS):
                # What others began and did not end would be found again and again.
                finish_prunings(self.storage, self.request.dataset)
                self.finisher.finish()
                found = self.find()
                if found.is_empty:
                    return done
                if (record := self._record(found)) is not None:
                    done.append(record)
        raise TransientError(f"Dataset {self.request.dataset!r} keeps changing while rows are erased; try again.")

    def _record(self, found: Found) -> Record | None:
        """Rewrite, bury, record; None where another erasure was recorded first."""
        request, erasure_id, salt = self.request, secrets.token_hex(16), secrets.token_bytes(SALT_BYTES)
        rewritten = list(self._rewritten(found))
        others = [
            {"folder": holder.folder, **holder.rewrite(self.storage, found.rows, item)} for holder, item in found.others
        ]
        buried = tombstone(
            erasure_id=erasure_id,
            dataset=request.dataset,
            subject=request.subject,
            rewritten=rewritten,
            salt=salt,
            keep_salt=request.keep_salt,
        )
        with self.storage.staging() as folder:
            (folder / MARKER).write_text(canonical_json(buried) + "\n")
            self.storage.publish(folder, tombstone_path(request.dataset, erasure_id))
        body = erasure_body(
            buried,
            rewritten,
            subject=request.subject,
            reason=request.reason,
            partitions=found.partitions,
            reports=found.reports,
            profiles=found.profiles,
            pages=found.pages,
            others=others,
        )
        record = self.ledger.append(kind="erasure", key=sha256_of(body), body=body, run=self.run)
        if is_void(record, gone_snapshots(self.ledger.records())):
            self._drop(erasure_id, rewritten)
            return None
        return record

    def _drop(self, erasure_id: str, rewritten: Sequence[Rewritten]) -> None:
        """Remove what was stored for nothing: it may hold rows that the other erasure was about."""
        remove(self.storage, tombstone_path(self.request.dataset, erasure_id))
        void = {one.new for one in rewritten if one.new is not None}
        named = {
            found
            for record in self.ledger.records()
            if record.body.get("erasure_id") != erasure_id
            for found in ids_in(record.body)
        }
        for one in rewritten:
            if one.folder in ROW_FOLDERS and one.new in void - named:
                remove(self.storage, path_of(one.folder, one.name, one.new))

    def _rewritten(self, found: Found) -> Iterator[Rewritten]:
        from airflow_provider_mlops.backends.erasing import rewrite
        from airflow_provider_mlops.backends.parquet import SnapshotReader

        for place in found.places:
            with ExitStack() as stack:
                old = stack.enter_context(self.storage.open(place.path(place.id)))
                staged = stack.enter_context(self.storage.staging())
                facts = {"rewritten_from": place.id}
                new, left, rows = rewrite(SnapshotReader(old, place.id), staged, place.chosen, facts=facts)
                if new is not None:
                    self.storage.publish(staged, place.path(new))
            yield Rewritten(folder=place.folder, name=place.name, old=place.id, new=new, rows_left=left, rows=rows)


def keys_of_file(path: str) -> tuple[str, ...]:
    """Read the keys of a file.

    :param path: the file, one key a line.
    :return: the different keys.
    :raises BadInput: when it cannot be read, or is no text.
    """
    try:
        return read_keys(Path(path).read_text(encoding="utf-8").split("\n"))
    except UnicodeDecodeError as err:
        raise BadInput(f"{path} is no UTF-8 text: {err.reason}.") from err
    except OSError as err:
        raise BadInput(f"{path} cannot be read: {err.strerror}.") from err
