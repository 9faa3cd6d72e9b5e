"""Altered test rows by which a candidate is tried: what may be asked for, and how it is written."""

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import BadInput

NOISE = "noise"
MISSING = "missing"
OUT_OF_RANGE = "out_of_range"
RARE_CATEGORY = "rare_category"
COUNTERFACTUAL = "counterfactual"

_Keys = Mapping[str, Callable[[Any, str], Any]]


def _columns(value: Any, where: str) -> list[str]:
    return list(reading.texts(value, where))


def _some(value: Any, where: str) -> float:
    if reading.share(value, where) == 0:
        raise BadInput(f"{where} is 0, which alters nothing.")
    return float(value)


def _swaps(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value:
        raise BadInput(f"{where} must map values to other values, not {value!r}.")
    swaps = {str(old): str(new) for old, new in value.items()}
    if same := [old for old, new in swaps.items() if old == new]:
        raise BadInput(f"{where} maps {same[0]!r} to itself.")
    return swaps


_STRESS: Mapping[str, tuple[_Keys, _Keys]] = {
    NOISE: ({"scale": reading.above_zero}, {"columns": _columns}),
    MISSING: ({"share": _some}, {"columns": _columns}),
    OUT_OF_RANGE: ({"factor": reading.above_zero}, {"columns": _columns}),
    RARE_CATEGORY: ({"column": reading.text}, {}),
}
_COUNTERFACTUAL: tuple[_Keys, _Keys] = ({"column": reading.text, "values": _swaps}, {})


def read_variants(
    stress: Mapping[str, Any] | None, counterfactuals: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Read which altered rows are asked for.

    :param stress: by name, how rows are disturbed: ``{"kind": "noise", "scale": 0.5}``, ``{"kind": "missing",
        "share": 0.1}``, ``{"kind": "out_of_range", "factor": 2}`` (each with ``columns`` if not all) or ``{"kind":
        "rare_category", "column": "carrier"}``. Without ``kind`` the name is the kind.
    :param counterfactuals: by name, which value is exchanged: ``{"column": "sex", "values": {"f": "m", "m": "f"}}``.
    :return: by name, the kind with all its settings.
    :raises BadInput: naming the key that is unknown, missing or not what it must be, or a name that stands twice.
    """
    disturbed, exchanged = _mapping(stress, "stress"), _mapping(counterfactuals, "counterfactuals")
    if twice := sorted(set(disturbed) & set(exchanged)):
        raise BadInput(
            f"The name {twice[0]!r} stands in stress and in counterfactuals; altered rows need one name each."
        )
    found = {name: _stress(name, spec, f"stress[{name!r}]") for name, spec in disturbed.items()}
    for name, spec in exchanged.items():
        where = f"counterfactuals[{name!r}]"
        found[name] = {"kind": COUNTERFACTUAL, **_settings(spec, where, *_COUNTERFACTUAL)}
    return dict(sorted(found.items()))


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping | None):
        raise BadInput(f"{where} must be a mapping from names to settings, not {value!r}.")
    for name in value or {}:
        # The name becomes part of a column's name, which the colon ends.
        if ":" in reading.text(name, f"A name in {where}"):
            raise BadInput(f"The name {name!r} in {where} must not hold a colon.")
    return dict(value or {})


def _stress(name: str, spec: Any, where: str) -> dict[str, Any]:
    if not isinstance(spec, Mapping):
        raise BadInput(f"{where} must be a mapping, not {spec!r}.")
    kind = spec.get("kind", name)
    if kind not in _STRESS:
        raise BadInput(f"{where} is of the kind {kind!r}; it must be one of: {', '.join(_STRESS)}.")
    settings = {key: value for key, value in spec.items() if key != "kind"}
    return {"kind": kind, **_settings(settings, where, *_STRESS[kind])}


def _settings(spec: Any, where: str, required: _Keys, optional: _Keys) -> dict[str, Any]:
    readers = {**required, **optional}
    reading.check_keys(spec, where, allowed=readers, required=list(required))
    return {key: readers[key](value, f"{where}.{key}") for key, value in sorted(spec.items())}
