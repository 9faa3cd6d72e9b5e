"""Altering the feature rows of a candidate: the same rows, disturbed or with one fact exchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core import variants as kinds
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics import variants as alter
from airflow_provider_mlops.statistics.seeds import derive_seed

if TYPE_CHECKING:
    import pandas as pd

_ALL_NUMBERS = (kinds.NOISE, kinds.OUT_OF_RANGE)


def altered_rows(features: pd.DataFrame, name: str, spec: Mapping[str, Any], inputs: str) -> tuple[pd.DataFrame, int]:
    """Make the altered rows of a variant; label and row id are no features and stay as they are.

    :param features: the candidate's feature rows.
    :param name: name of the variant, for errors and seeds.
    :param spec: its kind and settings, as `core.variants.read_variants` gives them.
    :param inputs: content that the draws derive from: the same content gives the same rows.
    :return: the altered rows, and in how many of them something changed.
    :raises BadInput: when a column is no feature or not numeric, a value does not occur, or no row would change.
    """
    columns = _columns(features, name, spec)
    altered = features.copy()
    for column in columns:
        seed = derive_seed(inputs, name, column)
        altered[column] = _altered(features[column], spec, seed, f"Variant {name!r}, column {column!r}")
    changed = sum(_differs(features[column], altered[column]) for column in columns)
    rows = int((changed > 0).sum())
    if rows == 0:
        raise BadInput(f"Variant {name!r} changes none of {len(features):,} rows in {', '.join(columns[:10])}.")
    return altered, rows


def is_number(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers; yes and no are none.

    :param column: the column.
    """
    return getattr(column.dtype, "kind", "O") in "iuf"


def floats(column: pd.Series[Any]) -> Any:
    """Return a column of numbers as float64, NaN where there is none.

    :param column: the column.
    """
    return column.to_numpy("float64", na_value=float("nan"))


def _columns(features: pd.DataFrame, name: str, spec: Mapping[str, Any]) -> Sequence[str]:
    chosen: Sequence[str] = [spec["column"]] if "column" in spec else spec.get("columns", ())
    for column in chosen:
        if column not in features.columns:
            known = ", ".join(map(str, features.columns[:40]))
            raise BadInput(
                f"Variant {name!r} alters {column!r}, which is no feature of the candidate; it has: {known}."
            )
        if spec["kind"] in _ALL_NUMBERS and not is_number(features[column]):
            raise BadInput(f"Variant {name!r} alters {column!r}, which is not numeric: {features[column].dtype}.")
    if not chosen and spec["kind"] in _ALL_NUMBERS:
        chosen = [column for column in features.columns if is_number(features[column])]
        if not chosen:
            raise BadInput(f"Variant {name!r} needs numeric features, and the candidate has none.")
    return chosen or list(features.columns)


def _altered(column: pd.Series[Any], spec: Mapping[str, Any], seed: int, where: str) -> Any:
    match spec["kind"]:
        case kinds.NOISE:
            return alter.with_noise(floats(column), spec["scale"], seed)
        case kinds.OUT_OF_RANGE:
            return alter.out_of_range(floats(column), spec["factor"])
        case kinds.MISSING:
            return _with_gaps(column, spec["share"], seed)
        case kinds.RARE_CATEGORY:
            known = column.dropna()
            if known.empty:
                raise BadInput(f"{where}: it has no value at all.")
            texts: Any = known.astype(str)
            return column.where(column.isna(), known[texts == alter.rarest(texts)].iloc[0])
        case _:
            return _exchanged(column, spec["values"], where)


def _with_gaps(column: pd.Series[Any], share: float, seed: int) -> Any:
    chosen = alter.drawn(len(column), share, seed)
    if is_number(column) or column.dtype.kind == "b":
        return load("numpy", "parquet").where(chosen, float("nan"), floats(column))
    return column.mask(chosen, None)


def _exchanged(column: pd.Series[Any], values: Mapping[str, str], where: str) -> pd.Series[Any]:
    """Exchange values, all at once: with a for b and b for a the two change places."""
    texts = _as_texts(column)
    result = column.astype(object)
    for old, new in values.items():
        match = texts == _plain_text(column, old, where)
        if not match.any():
            raise BadInput(f"{where}: no row has the value {old!r}.")
        result = result.mask(match, _value_of(column, texts, new, where))
    if column.dtype.name == "category":
        return result.astype(load("pandas", "parquet").CategoricalDtype(_categories(column, result)))
    return result.infer_objects() if is_number(column) else result.astype(column.dtype)


def _as_texts(column: pd.Series[Any]) -> pd.Series[Any]:
    texts: pd.Series[Any] = (column.astype("float64") if is_number(column) else column).astype(object)
    return texts.where(column.isna(), texts.map(str))


def _plain_text(column: pd.Series[Any], value: str, where: str) -> str:
    try:
        return str(float(value)) if is_number(column) else value
    except ValueError:
        raise BadInput(f"{where}: {value!r} is no number, and the column holds numbers.") from None


def _value_of(column: pd.Series[Any], texts: pd.Series[Any], new: str, where: str) -> Any:
    """Find the value that a text stands for: one that occurs, or else the text itself as the column's type."""
    found = column[texts == _plain_text(column, new, where)]
    if len(found):
        return found.iloc[0]
    if is_number(column):
        number = float(new)
        return int(number) if column.dtype.kind in "iu" and number.is_integer() else number
    if column.dtype.kind == "b":
        if new not in ("True", "False"):
            raise BadInput(f"{where}: {new!r} must be True or False.")
        return new == "True"
    return new


def _categories(column: pd.Series[Any], result: pd.Series[Any]) -> list[Any]:
    known = list(column.cat.categories)
    return [*known, *(value for value in result.dropna().unique() if value not in known)]


def _differs(before: pd.Series[Any], after: pd.Series[Any]) -> Any:
    same = (before.astype(object) == after.astype(object)) | (before.isna() & after.isna())
    return (~same).to_numpy().astype("int64")
