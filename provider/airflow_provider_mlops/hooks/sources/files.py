"""Rows of the files that a glob matches, on any file system that Airflow opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput, TransientError
from airflow_provider_mlops.core.source import FilesSource
from airflow_provider_mlops.hooks.sources.reading import SPARK, Reading, Where
from airflow_provider_mlops.hooks.sources.tabular import RowFile, spark_tables_of_files, tables_of_files

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

_GLOB = re.compile(r"[*?\[]")
# What file systems call the version of a file; the first that is there counts.
_VERSIONS = ("ETag", "etag", "generation", "LastModified", "last_modified", "updated", "mtime")
_NOWHERE = "a link that leads nowhere"
_NAMES_KEPT = 100
_DEFAULT = "aws_default"
"""By this name alone it is meant that the Amazon provider takes boto's own credentials where no connection is."""


@contextmanager
def read_files(source: FilesSource, where: Where) -> Iterator[Reading]:
    """Open the files of a glob.

    :param source: the source.
    :param where: the partition to read; relative paths start from its bundle.
    :return: context manager that gives the reading.
    :raises BadInput: when nothing matches, or the address cannot be opened.
    :raises TransientError: from its ``check``, when a file has changed since.
    """
    glob = _Glob(source, where)
    found = glob.listing()
    if not found:
        at = "" if "://" in source.url or source.url.startswith("/") else f" in {where.bundle}"
        raise BadInput(f"No file matches {source.url}{at}; nothing to take for {where.partition.key}.{glob.hint()}")
    for name, (_, version) in found.items():
        if version.endswith(_NOWHERE):
            raise BadInput(f"{name} is a link that leads nowhere; restore its file, or remove the link.")
    size = sum(int(item[0] or 0) for item in found.values())
    where.log.info("%s: %s files, %.1f MB.", source.url, f"{len(found):,}", size / 1e6)
    stated = [[name, *item] for name, item in found.items()]
    facts = {
        "source_files": {
            "count": len(found),
            "bytes": size,
            "names": [name.rpartition("/")[2] for name in found][:_NAMES_KEPT],
            "listing_hash": sha256_of(stated),
        }
    }
    plain = source.format == "parquet" and not source.schema and where.engine != SPARK
    files, stated_as = [glob.file(name) for name in found], (source.format, source.schema, source.options)
    if where.engine == SPARK:
        rows = spark_tables_of_files(files, [glob.path(name) for name in found], *stated_as)
    else:
        rows = tables_of_files(files, *stated_as)
    yield Reading(
        facts=facts,
        rows=rows,
        parquet=[glob.path(name) for name in found] if plain else [],
        check=lambda: _must_be_unchanged(source, found, glob.listing()),
    )


def _must_be_unchanged(source: FilesSource, before: dict[str, Any], after: dict[str, Any]) -> None:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            what = "was removed" if name not in after else "appeared" if name not in before else "was changed"
            raise TransientError(f"{name} {what} while {source.url} was read; the task will try again.")


class _Glob:
    """The files behind an address, listed anew each time.

    :param source: the source.
    :param where: whose bundle relative paths start from.
    """

    def __init__(self, source: FilesSource, where: Where) -> None:
        url = source.url if "://" in source.url else f"file://{(where.bundle / source.url).absolute()}"
        parts = url.split("/")
        fixed = next((place for place, part in enumerate(parts) if _GLOB.search(part)), len(parts) - 1)
        home = _opened("/".join(parts[:fixed]) or "/", source.conn_id)
        self._fs, self._scheme, self._conn_id = home.fs, url.partition("://")[0], home.conn_id
        self._pattern = "/".join([str(home.path).rstrip("/"), *parts[fixed:]])
        self._url = source.url

    def listing(self) -> dict[str, tuple[int, str]]:
        """Return size and version by name, sorted by name."""
        self._fs.invalidate_cache()
        try:
            found = self._fs.glob(self._pattern, detail=True)
        except FileNotFoundError:
            return {}
        except (PermissionError, ValueError) as err:
            raise BadInput(f"{self._url} cannot be read: {str(err)[:200]}") from None
        facts = {name: self._behind(name) if info.get("islink") else info for name, info in found.items()}
        files = {name: info for name, info in facts.items() if info.get("type") == "file"}
        return {name: (files[name].get("size"), _version(files[name])) for name in sorted(files)}

    def _behind(self, name: str) -> Any:
        """Return what a link on a disk leads to: the listing of a folder tells of the link itself."""
        try:
            return self._fs.info(name)
        except OSError:
            return {"type": "file", "size": 0, _VERSIONS[0]: _NOWHERE}

    def hint(self) -> str:
        """Say that the bucket lacks, where it does and one may ask."""
        bucket = self._pattern.partition("/")[0]
        with suppress(OSError):
            if self._scheme != "file" and not self._fs.exists(bucket):
                return f" There is no bucket {bucket!r}."
        return ""

    def file(self, name: str) -> RowFile:
        """Return a file to be parsed."""
        return RowFile(name, lambda: self._open(name))

    def path(self, name: str) -> Any:
        """Return a file to be copied."""
        from airflow.sdk import ObjectStoragePath

        local = self._scheme == "file"
        return Path(name) if local else ObjectStoragePath(f"{self._scheme}://{name}", conn_id=self._conn_id)

    def _open(self, name: str) -> Any:
        try:
            return self._fs.open(name, "rb")
        except FileNotFoundError:
            raise TransientError(f"{name} was removed while {self._url} was read; the task will try again.") from None
        except PermissionError as err:
            raise BadInput(f"{name} cannot be read: {str(err)[:200]}") from None


def _opened(home: str, conn_id: str | None) -> ObjectStoragePath:
    from airflow.sdk import BaseHook, ObjectStoragePath
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        path = ObjectStoragePath(home, conn_id=conn_id)
        if path.conn_id not in (None, _DEFAULT):
            BaseHook.get_connection(path.conn_id)
        path.fs  # noqa: B018 - opens the connection
    except AirflowNotFoundException:
        raise BadInput(f"There is no connection {path.conn_id!r}; add it, or name another conn_id.") from None
    except (ImportError, ValueError) as err:
        raise BadInput(f"{home} cannot be opened: {str(err)[:200]}") from None
    return path


def _version(info: dict[str, Any]) -> str:
    return next((f"{name}={info[name]}" for name in _VERSIONS if info.get(name) is not None), "")
