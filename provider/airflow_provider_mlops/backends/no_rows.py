"""A source that gave no row: an error, unless a partition may be empty; what it said of its columns is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa


class NoRows(BadInput):
    """Raised when a source gave no row.

    :param facts: the caller's facts: ``source`` and ``partition_keys``.
    :param schema: the columns that it gave, of type ``null`` where it did not say which; None when it gave none.
    """

    def __init__(self, facts: Mapping[str, Any], schema: pa.Schema | None = None) -> None:
        partition = ", ".join(facts.get("partition_keys", ())) or "this partition"
        super().__init__(f"The source {facts.get('source', '')!r} gave no rows for {partition}.")
        self.schema = schema
