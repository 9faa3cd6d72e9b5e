"""What the files of a model are made of, found out without loading any: formats, hashes, pickles wherever they hide.

Only the standard library reads here; the types in a skops archive are listed by skops, which loads none of them.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.core.errors import BadInput

PICKLE, SKOPS, ZIP, ARRAY, TEXT, EMPTY, UNKNOWN = "pickle", "skops", "zip", "array", "text", "empty", "unknown"
MAX_BYTES = 2 * 1024**3
MAX_FILES = 200
MAX_DEPTH = 4
MAX_STARTS = 2_000
_ARRAY_MAGIC = b"\x93NUMPY"
_RUNS_CODE = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "EXT1", "EXT2", "EXT4"}
)
_PATH = re.compile(r"[A-Za-z_][\w.<>]*")
_PAIR = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
_TWO = 2
# The protocol, then what a pickle begins with: a frame, or an opcode that pushes something.
_START = re.compile(rb"\x80[\x02-\x05][\x95\x8c\x8e\x8d\]\)\}\(cXUTKMJGNCB\x8f]")
_PACKED: tuple[tuple[bytes, Callable[[io.BytesIO], Any]], ...] = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"]\x00\x00", lzma.LZMAFile),
)
_ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")


def scan_model(folder: Path) -> dict[str, Any]:
    """Look at every file of a model.

    :param folder: the downloaded files.
    :return: ``files`` (``path``, ``size``, ``sha256``, ``format``), ``pickles`` (``path``, ``opcodes``), ``types`` and
        ``untrusted_types`` of the skops archives (by skops' own list), ``unknown``: paths of what nobody can say what
        it is.
    :raises BadInput: when there are too many files or bytes to look at, or an archive cannot be read.
    """
    found: dict[str, Any] = {"files": [], "pickles": [], "types": [], "untrusted_types": [], "unknown": []}
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    if len(paths) > MAX_FILES:
        raise BadInput(f"The model has {len(paths):,} files; at most {MAX_FILES} are looked at.")
    budget = _Budget(MAX_BYTES)
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file():
            raise BadInput(f"{name} of the model is no plain file.")
        budget.spend(path.stat().st_size)
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        kind = _scan(name, data, found, budget)
        found["files"].append({"path": name, "size": len(data), "sha256": sha256, "format": kind})
        if kind == SKOPS:
            types, untrusted = _types(path)
            found["types"] = sorted({*found["types"], *types})
            found["untrusted_types"] = sorted({*found["untrusted_types"], *untrusted})
    return found


def pickle_opcodes(data: bytes) -> list[str]:
    """Find a pickle in bytes: one that they are, or one that hides further on and imports something.

    :param data: the bytes.
    :return: those of its opcodes that import or call, each once; ``["PROTO"]`` for one that only holds data; empty
        when there is none.
    """
    whole, ended = _operations(data)
    names = {name for name, _ in whole}
    if ended and names & _RUNS_CODE:
        return sorted(names & _RUNS_CODE)
    if ended and "PROTO" in names:
        return ["PROTO"]
    starts = (match.start() for match in _START.finditer(data))
    for start in islice((0, *islice(starts, MAX_STARTS)), MAX_STARTS):
        # Code runs before a broken end is reached, so that what comes first counts.
        operations, _ = _operations(data[start:])
        if _imports(operations):
            return sorted({name for name, _ in operations} & _RUNS_CODE)
    return []


class _Budget:
    """How many bytes may still be unpacked, so that a small file cannot fill the memory."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise BadInput(f"The model's files hold more than {MAX_BYTES:,} bytes when they are unpacked.")


def _scan(name: str, data: bytes, found: dict[str, Any], budget: _Budget, depth: int = 0) -> str:
    """Say of which format bytes are, and note what speaks against them."""
    if depth > MAX_DEPTH:
        raise BadInput(f"{name} is packed more than {MAX_DEPTH} times.")
    if not data:
        return EMPTY
    if zipfile.is_zipfile(io.BytesIO(data)):
        return _scan_zip(name, data, found, budget, depth)
    if (unpacked := _unpacked(data, budget)) is not None:
        return _scan(f"{name} (unpacked)", unpacked, found, budget, depth + 1)
    if names := pickle_opcodes(data):
        found["pickles"].append({"path": name, "opcodes": names})
        return PICKLE
    if data.startswith(_ARRAY_MAGIC):
        return ARRAY
    if _is_text(data):
        return TEXT
    found["unknown"].append(name)
    return UNKNOWN


def _scan_zip(name: str, data: bytes, found: dict[str, Any], budget: _Budget, depth: int) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len({member.filename for member in members}) < len(members):
                raise BadInput(f"{name} holds two members of the same name.")
            for member in members:
                budget.spend(member.file_size)
                _scan(f"{name}/{member.filename}", archive.read(member), found, budget, depth + 1)
            return SKOPS if "schema.json" in archive.namelist() else ZIP
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as err:
        raise BadInput(f"{name} is an archive that cannot be read: {str(err)[:200]}") from err


def _unpacked(data: bytes, budget: _Budget) -> bytes | None:
    """Return what compressed bytes hold, None when they are not compressed."""
    for magic, opened in _PACKED:
        if data.startswith(magic):
            try:
                with opened(io.BytesIO(data)) as stream:
                    inner: bytes = stream.read(budget.left + 1)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
                return None
            budget.spend(len(inner))
            return inner
    if data.startswith(_ZLIB):
        try:
            inner = zlib.decompressobj().decompress(data, budget.left + 1)
        except zlib.error:
            return None
        budget.spend(len(inner))
        return inner
    return None


def _operations(data: bytes) -> tuple[list[tuple[str, Any]], bool]:
    """Read bytes as a pickle: its opcodes with their arguments, and whether they end as a pickle does."""
    found: list[tuple[str, Any]] = []
    try:
        for opcode, argument, _ in pickletools.genops(data):
            found.append((opcode.name, argument))
    except Exception:  # noqa: BLE001 - whatever pickletools makes of bytes that are no pickle
        return found, False
    return found, True


def _imports(operations: list[tuple[str, Any]]) -> bool:
    """Whether a module's member is named as an import needs it; in random bytes it is not."""
    texts = 0
    for name, argument in operations:
        if name in ("GLOBAL", "INST") and _PAIR.fullmatch(str(argument)):
            return True
        if name == "STACK_GLOBAL" and texts >= _TWO:
            return True
        texts += isinstance(argument, str) and bool(_PATH.fullmatch(argument))
    return False


def _types(path: Path) -> tuple[list[str], list[str]]:
    with quiet():
        io_module = load("skops.io", "scikit-learn")
        try:
            untrusted = sorted(set(io_module.get_untrusted_types(file=path)))
        except Exception as err:
            raise BadInput(f"{path.name}: its types cannot be listed: {type(err).__name__}: {str(err)[:200]}") from err
    return _named_types(path), untrusted


def _named_types(path: Path) -> list[str]:
    """List the types that an archive's schema names."""
    names: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        stack: list[Any] = [json.loads(archive.read("schema.json"))]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "__module__" in item and "__class__" in item:
                names.add(f"{item['__module__']}.{item['__class__']}")
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return sorted(names)[:MAX_FILES]


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return "\x00" not in text
