"""What a snapshot is taken from, as plain values: a query, files, a function, other snapshots, a DVC-tracked file.

A source is text (the import path of a function) or a mapping with a ``kind``, as `airflow_provider_mlops.sources`
builds it. It is JSON-safe, so that templates render inside it and a Dag that holds it is serialised. It is checked
here, after rendering: an unknown key is an error, not a shrug.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from airflow_provider_mlops.core.canonical import json_safe, sha256_of
from airflow_provider_mlops.core.errors import BadInput

RESERVED = ("start", "end", "key")
FORMATS = ("parquet", "csv", "jsonl")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ORDER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*( (asc|desc))?", re.IGNORECASE)
_DAY = re.compile(r"[1-9][0-9]{3}-[0-9]{2}(-[0-9]{2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSource:
    """Rows of one query through an Airflow connection whose hook is a ``DbApiHook``.

    :param conn_id: id of the connection.
    :param query: one ``SELECT``; ``:start``, ``:end``, ``:key`` and the names in ``parameters`` are bound.
    :param parameters: further values by name: text, numbers, booleans or null.
    :param schema: Arrow type by column, where the database does not state it or another is wanted.
    :param order_by: columns to order by, each with or without ``asc`` or ``desc``; empty when the query has ORDER BY.
    """

    kind: ClassVar[str] = "sql"
    conn_id: str
    query: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, str] = field(default_factory=dict)
    order_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in self.parameters.items():
            if not _NAME.fullmatch(name) or name in RESERVED:
                raise BadInput(f"Query parameter {name!r} must be a plain name other than {', '.join(RESERVED)}.")
            if value is not None and not isinstance(value, str | int | float):
                raise BadInput(f"Query parameter {name!r} is a {type(value).__name__}; use text, a number or null.")
        for item in self.order_by:
            if not _ORDER.fullmatch(item):
                raise BadInput(f"order_by {item!r} is not a column name with or without asc or desc.")

    @property
    def title(self) -> str:
        """How log and manifest name it: never a value of a parameter."""
        return f"sql:{self.conn_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSource:
    """Rows of the files that a glob matches, in the order of their names.

    :param url: path or URL with ``*``, ``?``, ``[...]`` or ``**``.
    :param format: ``parquet``, ``csv`` or ``jsonl``.
    :param conn_id: Airflow connection of the file system; None for none, or the one in the URL.
    :param schema: Arrow type by column.
    :param options: of CSV: ``delimiter``, ``quote``, ``encoding``, ``null_values``.
    """

    kind: ClassVar[str] = "files"
    url: str
    format: str
    conn_id: str | None = None
    schema: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_format(self.format)
        check_address(self.url)

    @property
    def title(self) -> str:
        """How log and manifest name it."""
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSource:
    """Frames of a Python function.

    :param function: import path ``package.module:function``.
    :param kwargs: further keyword arguments of it.
    """

    kind: ClassVar[str] = "function"
    function: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How log and manifest name it."""
        return self.function


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotsSource:
    """A window of accepted snapshots of another dataset, by reference.

    :param dataset: name of the other dataset.
    :param window: how many partitions (sliding); None for all (expanding).
    :param since: first partition key or day, None for no limit.
    :param include_current: whether the run's own partition belongs to the window.
    """

    kind: ClassVar[str] = "snapshots"
    dataset: str
    window: int | None = None
    since: str | None = None
    include_current: bool = False

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 1:
            raise BadInput(f"window={self.window} must be at least 1, or null for all partitions.")
        if self.since is not None and not _DAY.fullmatch(self.since):
            raise BadInput(f"since={self.since!r} is neither a month (2013-01) nor a day (2013-01-31).")

    @property
    def title(self) -> str:
        """How log and manifest name it."""
        return f"snapshots:{self.dataset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DvcSource:
    """Rows of a file that DVC tracks.

    :param path: the ``.dvc`` file, relative to the Dag bundle's root, or absolute.
    :param format: ``parquet``, ``csv`` or ``jsonl``; default: by the name of the tracked file.
    :param schema: Arrow type by column.
    :param options: as of `FilesSource`.
    """

    kind: ClassVar[str] = "dvc"
    path: str
    format: str | None = None
    schema: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.format is not None:
            _check_format(self.format)
        if not self.path.endswith(".dvc") or "://" in self.path or ".." in re.split(r"[/\\]", self.path):
            raise BadInput(f"{self.path!r} is not the path of a .dvc file in the Dag bundle; write data/x.parquet.dvc.")

    @property
    def title(self) -> str:
        """How log and manifest name it."""
        return self.path


Source = SqlSource | FilesSource | FunctionSource | SnapshotsSource | DvcSource
_KINDS: dict[str, type[Source]] = {
    cls.kind: cls for cls in (SqlSource, FilesSource, FunctionSource, SnapshotsSource, DvcSource)
}
_S = TypeVar("_S")


def parse_source(value: Any) -> Source:
    """Read a source from plain values.

    :param value: import path of a function, or a mapping with a ``kind``.
    :return: the source.
    :raises BadInput: naming the key that is missing, unknown or of another type.
    """
    if isinstance(value, str):
        return FunctionSource(function=value)
    if not isinstance(value, Mapping):
        raise BadInput(f"A source is an import path or a mapping, not a {type(value).__name__}; build it with sources.")
    given = json_safe(value, "source")
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadInput(f"source has the kind {kind!r}; it must be one of: {', '.join(_KINDS)}.")
    return _build(_KINDS[kind], kind, given)


def source_hash(source: Source) -> str:
    """Hash everything that a source states, its parameters included.

    :param source: the source.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    stated = {item.name: getattr(source, item.name) for item in fields(source)}
    return sha256_of({"kind": source.kind, **stated})


def check_address(url: str) -> None:
    """Refuse an address that climbs out of its folder, or that carries credentials.

    :param url: path or URL.
    :raises BadInput: naming what is wrong; a password is not repeated.
    """
    scheme, _, rest = url.rpartition("://")
    if scheme and ":" in rest.partition("/")[0].rpartition("@")[0]:
        raise BadInput(
            f"An address of {scheme}:// carries credentials; put them into a connection and name its conn_id."
        )
    if not rest.strip("/") or ".." in re.split(r"[/\\]", rest) or any(ord(sign) < 32 for sign in url):
        raise BadInput(f"{url!r} is not a plain path or URL: it must not be empty or hold '..' or control characters.")


def _check_format(name: str) -> None:
    if name not in FORMATS:
        raise BadInput(f"format {name!r} is unknown; it must be one of: {', '.join(FORMATS)}.")


def _build(cls: type[_S], kind: str, given: Mapping[str, Any]) -> _S:
    known = {item.name: str(item.type) for item in fields(cls)}  # type: ignore[arg-type]  # each source is a dataclass
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(known)}."
            raise BadInput(f"source of kind {kind!r} has the unknown key {name!r}; {hint}")
    values = {name: _typed(kind, name, known[name], value) for name, value in given.items()}
    missing = [
        item.name
        for item in fields(cls)  # type: ignore[arg-type]  # each source is a dataclass
        if item.name not in values and known[item.name] == "str"
    ]
    if missing:
        raise BadInput(f"source of kind {kind!r} needs {', '.join(map(repr, missing))}.")
    return cls(**values)


def _typed(kind: str, name: str, wanted: str, value: Any) -> Any:
    if value is None and "None" in wanted:
        return None
    if wanted.startswith("Mapping"):
        fits = isinstance(value, Mapping) and (name != "schema" or all(isinstance(v, str) for v in value.values()))
    elif wanted.startswith("tuple"):
        if fits := isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = tuple(value)
    elif wanted == "bool":
        fits = isinstance(value, bool)
    elif wanted.startswith("int"):
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, str) and bool(value)
    if not fits:
        plain = {"Mapping[str, str]": "a mapping of texts", "Mapping[str, Any]": "a mapping", "bool": "true or false"}
        words = plain.get(wanted, "a list of texts" if wanted.startswith("tuple") else wanted.replace("str", "text"))
        raise BadInput(f"source of kind {kind!r}: {name} is {value!r:.80}; it must be {words}.")
    return value
