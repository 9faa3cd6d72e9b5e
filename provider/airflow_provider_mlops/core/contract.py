"""The schema contract of a dataset: what its columns are, and how they may change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput

ALLOWED, REFUSED = "allowed", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractColumn:
    """What one column must be.

    :param name: its name.
    :param type: logical type, as manifests name it: ``string``, ``double``, ``timestamp[us, tz=UTC]``, ...
    :param nullable: whether a value may be missing.
    :param categories: every value that may stand there; None where any may.
    :param unit: unit of the values, for people; empty where there is none.
    """

    name: str
    type: str
    nullable: bool = True
    categories: tuple[Any, ...] | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the columns of a dataset are.

    :param name: name of the dataset.
    :param version: raised when the meaning of a column changes, its unit above all.
    :param additive: ``allowed`` or ``refused``: whether a snapshot may have further columns.
    :param columns: the columns by name.
    """

    name: str
    version: int
    additive: str
    columns: Mapping[str, ContractColumn]

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> "Contract":
        """Read the form that the file has and `to_mapping` writes.

        :param data: a mapping that fits ``contract.schema.json``.
        :return: the contract.
        :raises BadInput: when a category stands there twice.
        """
        columns = {}
        for name, item in data["columns"].items():
            categories = item.get("categories")
            if categories is not None and len(set(categories)) != len(categories):
                raise BadInput(f"column {name!r} names a category twice: {categories}.")
            columns[str(name)] = ContractColumn(
                name=str(name),
                type=item["type"],
                nullable=item.get("nullable", True),
                categories=None if categories is None else tuple(categories),
                unit=item.get("unit", ""),
            )
        additive = data.get("additive", REFUSED)
        return cls(name=data["name"], version=data["version"], additive=additive, columns=columns)

    def to_mapping(self) -> dict[str, Any]:
        """Return the JSON-safe form that records hold."""
        return {
            "schema": 1,
            "name": self.name,
            "version": self.version,
            "additive": self.additive,
            "columns": {
                column.name: {
                    "type": column.type,
                    "nullable": column.nullable,
                    **({"categories": list(column.categories)} if column.categories is not None else {}),
                    **({"unit": column.unit} if column.unit else {}),
                }
                for column in self.columns.values()
            },
        }

    @property
    def hash(self) -> str:
        """Content hash of the contract."""
        return sha256_of(self.to_mapping())


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenColumn:
    """What a column of a snapshot is.

    :param name: its name.
    :param type: logical type.
    :param nulls: how many values are missing.
    :param low: smallest value, where the manifest states one.
    :param high: largest value.
    :param values: its distinct values, where they were asked for.
    :param more_values: whether it has more than were read.
    """

    name: str
    type: str
    nulls: int = 0
    low: Any = None
    high: Any = None
    values: frozenset[Any] | None = None
    more_values: bool = False


def seen_columns(
    manifest: Mapping[str, Any], values: Mapping[str, tuple[frozenset[Any], bool]] | None = None
) -> dict[str, SeenColumn]:
    """Read what the columns of a snapshot are.

    :param manifest: manifest of the snapshot.
    :param values: distinct values of some columns, and whether there are more.
    :return: the columns by name.
    """
    found = {}
    for item in manifest["columns"]:
        known, more = (values or {}).get(item["name"], (None, False))
        found[item["name"]] = SeenColumn(
            name=item["name"],
            type=item["type"],
            nulls=item["nulls"],
            low=item.get("min"),
            high=item.get("max"),
            values=known,
            more_values=more,
        )
    return found


def contract_of(name: str, columns: Iterable[SeenColumn], *, rows: int) -> Contract:
    """Make the contract that an accepted snapshot stands for: its columns, their types, and where it has no null.

    :param name: name of the dataset.
    :param columns: columns of the snapshot.
    :param rows: number of its rows; where there is none, that no value is missing says nothing.
    :return: a contract that refuses further columns.
    """
    made = {
        item.name: ContractColumn(name=item.name, type=item.type, nullable=item.nulls > 0 or rows == 0)
        for item in columns
    }
    return Contract(name=name, version=1, additive=REFUSED, columns=made)
