"""Whether the index of a chain says what the chain says: an index is no evidence, and one that lies is a finding."""

from collections.abc import Iterator

from airflow_provider_mlops.core.errors import EvidenceBroken, MLOpsError
from airflow_provider_mlops.core.ledger_index import FORM, Block, index_folder, parse_block, row_of
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.store import Store

_WAY_OUT = "Delete the file: an index is made anew."


class IndexCheck:
    """Compares the index of a chain, of whatever key, with its records.

    It reads the index when it is made, so make it before the records are listed: they may only become more.

    :param store: where it lies.
    :param chain: the chain.
    """

    def __init__(self, store: Store, chain: str) -> None:
        self.problems: list[str] = []
        self._blocks: list[Block] = []
        self._wrong: set[str] = set()
        self._last = 0
        top = index_folder(chain)
        try:
            for folder in store.names(top):
                if folder.endswith(f"-{FORM}/"):  # no other release reads those of this one, nor this one theirs
                    self._read(store, chain, f"{top}/{folder[:-1]}")
        except MLOpsError as err:
            self.problems.append(f"{top}: the index cannot be read: {err}")

    def see(self, record: Record) -> None:
        """Compare the next intact record with what blocks say of it.

        :param record: the record.
        """
        self._last = max(self._last, record.seq)
        row = None
        for block in self._blocks:
            if 0 <= (place := record.seq - block.first) < len(block.rows) and block.name not in self._wrong:
                row = row or row_of(record)
                if block.rows[place] != row:
                    self._wrong.add(block.name)
                    said = f"it says of record {record.seq} what that does not say"
                    self.problems.append(f"{block.name}: wrong: {said}. {_WAY_OUT}")

    def found(self) -> Iterator[str]:
        """Yield what is wrong, after all records were seen."""
        yield from self.problems
        for block in self._blocks:
            if (last := block.first + len(block.rows) - 1) > self._last:
                yield (
                    f"{block.name}: it names record {last}, and the chain ends at {self._last}: newest records were "
                    f"cut off or cannot be read, or this is no index of it. {_WAY_OUT}"
                )

    def _read(self, store: Store, chain: str, folder: str) -> None:
        names = [f"{folder}/{name}" for name in store.names(folder)]
        for name, raw in zip(names, store.read_all(names), strict=True):
            try:
                # Who signed it is of no weight here: each word of it is compared.
                self._blocks.append(parse_block(name, raw or b"", chain, None))
            except EvidenceBroken as err:
                self.problems.append(f"{name}: wrong: {err}. {_WAY_OUT}")
