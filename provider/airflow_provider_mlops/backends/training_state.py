"""The state of an unfinished training as a file that nothing is unpickled from: skops, npz or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_mlops.backends.optional import load, quiet
from airflow_provider_mlops.core.canonical import canonical_json, sha256_bytes
from airflow_provider_mlops.core.errors import BadInput, EvidenceBroken, MLOpsError

ESTIMATOR, ARRAYS, PLAIN = "state.skops", "state.npz", "state.json"
"""Name of the file, which says what it holds: an estimator, arrays by name, or plain values by name."""
FORMS = (ESTIMATOR, ARRAYS, PLAIN)
_MARK = "="


def write_state(state: Any, folder: Path, trusted_types: Sequence[str]) -> Path:
    """Write the state of a training.

    :param state: a mapping of names to NumPy arrays, a mapping of names to JSON-safe values, or an estimator.
    :param folder: an existing folder.
    :param trusted_types: the types beyond skops' own list that an estimator may hold.
    :return: the file.
    :raises BadInput: when it is none of these, or the estimator holds a type that is not on the list.
    """
    numpy = load("numpy", "parquet")
    if not isinstance(state, Mapping):
        return _write_estimator(state, folder / ESTIMATOR, trusted_types)
    if not all(isinstance(name, str) and name for name in state):
        raise BadInput("The names of a saved state must be texts.")
    if state and all(isinstance(value, numpy.ndarray) for value in state.values()):
        if odd := [name for name, value in state.items() if value.dtype.hasobject]:
            raise BadInput(f"Array {odd[0]!r} of the saved state holds Python objects; save numbers or text.")
        # Behind a mark, so that no name is one of savez's own arguments.
        numpy.savez(folder / ARRAYS, **{f"{_MARK}{name}": value for name, value in state.items()})
        return folder / ARRAYS
    try:
        text = canonical_json(state)
    except BadInput as err:
        raise BadInput(f"A saved state is an estimator, arrays alone, or JSON-safe values alone: {err}") from err
    (folder / PLAIN).write_text(text, encoding="utf-8")
    return folder / PLAIN


def read_state(path: Path, sha256: str, trusted_types: Sequence[str]) -> Any:
    """Read the state of a training after its bytes were checked.

    :param path: the file.
    :param sha256: its recorded hash, ``sha256:`` and 64 hexadecimal digits.
    :param trusted_types: the types beyond skops' own list that an estimator may hold.
    :return: what was written.
    :raises EvidenceBroken: when the bytes are others, or the file cannot be read.
    """
    from airflow_provider_mlops.backends.scikit_learn import read_model

    try:
        if sha256_bytes(path.read_bytes()) != sha256:
            raise EvidenceBroken(f"{path.name} was changed: its SHA-256 is not the recorded one.")
        if path.name == ESTIMATOR:
            return read_model(path, sha256=sha256.removeprefix("sha256:"), trusted_types=trusted_types)
        if path.name == ARRAYS:
            # Of a file that it was given by name NumPy leaves a broken one open.
            with path.open("rb") as file, load("numpy", "parquet").load(file, allow_pickle=False) as found:
                return {name.removeprefix(_MARK): found[name] for name in found.files}
        if path.name == PLAIN:
            return json.loads(path.read_bytes())
    except MLOpsError:
        raise
    except Exception as err:  # whatever hostile bytes bring about, the training begins again
        raise EvidenceBroken(f"{path.name} cannot be read: {type(err).__name__}: {str(err)[:200]}") from err
    raise EvidenceBroken(f"{path.name} is no known form of a state.")


def _write_estimator(state: Any, path: Path, trusted_types: Sequence[str]) -> Path:
    io = load("skops.io", "scikit-learn")
    if not hasattr(state, "get_params"):
        raise BadInput(f"A {type(state).__name__} cannot be saved; a state is an estimator, or a mapping.")
    with quiet():
        io.dump(state, path)
        unknown = sorted(set(io.get_untrusted_types(file=path)) - set(trusted_types))
    if unknown:
        raise BadInput(f"The state holds types that are not trusted: {', '.join(unknown[:10])}. Name in trusted_types.")
    return path
