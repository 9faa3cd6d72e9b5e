"""What was meant by a name that is not there: the end of an error message."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

_LIKE_FILES = 0.5
"""Names of files share endings and words, and are long: less of them must agree."""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Name the one that is most like a name.

    :param name: what was asked for.
    :param known: what there is.
    :return: ``" Did you mean x?"``, with its space; empty where none is like it.
    """
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def file_meant(path: Path) -> str:
    """Name the file beside one that is not there which is most like it.

    :param path: the file that was asked for.
    :return: as `did_you_mean`, with the folder as it was written.
    """
    beside = [found.name for found in path.parent.iterdir() if found.is_file()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, beside, n=1, cutoff=_LIKE_FILES)
    return f" Did you mean {path.parent / near[0]}?" if near else ""
