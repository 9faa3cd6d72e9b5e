"""The signature that MLflow keeps beside a model, and frames that break it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import EvidenceBroken

if TYPE_CHECKING:
    import pandas as pd

_WRONG_ROWS = 5


def input_schema(path: Path, features: Sequence[str]) -> Any:
    """Read the inputs of a signature; nothing that the file names is loaded or run.

    :param path: the file ``MLmodel``.
    :param features: the recorded features.
    :return: MLflow's schema.
    :raises EvidenceBroken: when the file cannot be read, has no signature, or one of other columns.
    """
    models = load("mlflow.models", "mlflow")
    try:
        schema = models.Model.load(str(path)).get_input_schema()
    except Exception as err:
        raise EvidenceBroken(f"{path.name} cannot be read: {type(err).__name__}: {str(err)[:200]}") from err
    if schema is None or not schema.has_input_names():
        raise EvidenceBroken(f"{path.name} has no signature with named inputs.")
    if sorted(schema.input_names()) != sorted(features):
        odd = ", ".join(sorted(set(schema.input_names()) ^ set(features))[:20])
        raise EvidenceBroken(f"The inputs of {path.name} are not the recorded features; they differ in: {odd}.")
    return schema


def signature_of(path: Path) -> dict[str, Any] | None:
    """Read the names and types of a signature's inputs and outputs, whatever they are.

    :param path: the file ``MLmodel``.
    :return: ``inputs`` and ``outputs``, type by name; None when the file has no signature with named inputs.
    :raises EvidenceBroken: when the file cannot be read.
    """
    models = load("mlflow.models", "mlflow")
    try:
        signature = models.Model.load(str(path)).signature
    except Exception as err:
        raise EvidenceBroken(f"{path.name} cannot be read: {type(err).__name__}: {str(err)[:200]}") from err
    if signature is None or signature.inputs is None or not signature.inputs.has_input_names():
        return None
    outputs = signature.outputs
    return {
        "inputs": dict(zip(signature.inputs.input_names(), _types(signature.inputs), strict=True)),
        "outputs": _types(outputs) if outputs is not None else None,
    }


def _types(schema: Any) -> list[str]:
    return [getattr(kind, "name", str(kind)) for kind in schema.input_types()]


def refusal(schema: Any, frame: pd.DataFrame) -> str | None:
    """Enforce a signature on rows as an MLflow model server does.

    :param schema: as `input_schema` reads it.
    :param frame: feature rows.
    :return: why the rows are refused, None when they are not.
    """
    models = load("mlflow.models", "mlflow")
    try:
        models.validate_schema(frame, schema)
    except Exception as err:  # noqa: BLE001 - whatever it stumbles over, the rows do not come through
        return f"{type(err).__name__}: {err}"
    return None


def wrong_frames(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Break rows in every way that a server must refuse: each column missing, each column of another type.

    :param rows: good rows; the first few are taken.
    :return: what is wrong, and the rows.
    """
    types = load("pandas.api.types", "parquet")
    few = rows.head(_WRONG_ROWS)
    for name in few.columns:
        kind = few[name].dtype
        number = types.is_numeric_dtype(kind) or types.is_datetime64_any_dtype(kind)
        yield f"the column {name!r} missing", few.drop(columns=name)
        yield f"a wrong type in the column {name!r}", few.assign(**{name: "wrong" if number else 1.5})
