"""Reading plain mappings, as they come from YAML: unknown and missing keys are errors that name the way out."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from airflow_provider_mlops.core.errors import BadInput


def check_keys(
    mapping: Any, where: str, *, allowed: Collection[str], required: Collection[str] = ()
) -> Mapping[str, Any]:
    """Refuse what is not a mapping, keys that nobody reads, and keys that are missing.

    :param mapping: what was loaded.
    :param where: what it is, for the error message.
    :param allowed: the keys that it may have.
    :param required: the keys that it must have.
    :return: the same mapping.
    :raises BadInput: naming the key and the valid ones.
    """
    if not isinstance(mapping, Mapping):
        raise BadInput(f"{where} must be a mapping, not {mapping!r}.")
    valid = ", ".join(sorted(allowed))
    for key in mapping:
        if key not in allowed:
            raise BadInput(f"{where} has the unknown key {key!r}; valid keys: {valid}.")
    for key in required:
        if key not in mapping:
            raise BadInput(f"{where} lacks the key {key!r}; valid keys: {valid}.")
    return mapping


def check_schema(mapping: Mapping[str, Any], where: str, version: int) -> None:
    """Refuse a schema version that this code does not read.

    :param mapping: the mapping with the key ``schema``.
    :param where: what it is, for the error message.
    :param version: the version that is read.
    :raises BadInput: when it is another.
    """
    found = mapping["schema"]
    if isinstance(found, bool) or found != version:
        raise BadInput(f"{where} has schema {found!r}; this version reads schema {version}.")


def text(value: Any, where: str) -> str:
    """Read a text that is not empty.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the text.
    :raises BadInput: when it is anything else.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where} must be a text, not {value!r}.")
    return value


def number(value: Any, where: str) -> float:
    """Read a finite number.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number.
    :raises BadInput: when it is anything else.
    """
    wrong = BadInput(f"{where} must be a finite number, not {value!r}.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong
    try:
        found = float(value)
    except OverflowError:
        raise wrong from None
    if not math.isfinite(found):
        raise wrong
    return found


def above_zero(value: Any, where: str) -> float:
    """Read a finite number above zero.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number.
    :raises BadInput: when it is anything else.
    """
    if number(value, where) <= 0:
        raise BadInput(f"{where} must be above 0, not {value!r}.")
    return float(value)


def count(value: Any, where: str) -> int:
    """Read a whole number of at least 1.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number.
    :raises BadInput: when it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"{where} must be a whole number of at least 1, not {value!r}.")
    return value


def alpha(value: Any, where: str) -> float:
    """Read an error rate.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the rate, between 0 and 0.5, both excluded.
    :raises BadInput: when it is anything else.
    """
    if not 0 < number(value, where) < 0.5:
        raise BadInput(f"{where} must be above 0 and below 0.5, not {value!r}.")
    return float(value)


def whole(value: Any, where: str) -> int:
    """Read a whole number of at least 0.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number.
    :raises BadInput: when it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadInput(f"{where} must be a whole number of at least 0, not {value!r}.")
    return value


def not_negative(value: Any, where: str) -> float:
    """Read a finite number of at least 0.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number.
    :raises BadInput: when it is anything else.
    """
    if number(value, where) < 0:
        raise BadInput(f"{where} must be at least 0, not {value!r}.")
    return float(value)


def share(value: Any, where: str) -> float:
    """Read a number from 0 to 1.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number.
    :raises BadInput: when it is anything else.
    """
    if not 0 <= number(value, where) <= 1:
        raise BadInput(f"{where} must be from 0 to 1, not {value!r}.")
    return float(value)


def yes_no(value: Any, where: str) -> bool:
    """Read true or false.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the value.
    :raises BadInput: when it is anything else.
    """
    if not isinstance(value, bool):
        raise BadInput(f"{where} must be true or false, not {value!r}.")
    return value


def texts(value: Any, where: str) -> tuple[str, ...]:
    """Read one text, or a list of different texts.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the texts.
    :raises BadInput: when it is anything else, an empty list, or names one twice.
    """
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not values or len(set(map(str, values))) < len(values):
        raise BadInput(f"{where} must be a text or a list of different texts, not {value!r}.")
    return tuple(text(item, where) for item in values)


def numbers(value: Any, where: str) -> dict[str, float]:
    """Read a mapping from names to finite numbers.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the mapping.
    :raises BadInput: when it is anything else.
    """
    if not isinstance(value, Mapping):
        raise BadInput(f"{where} must be a mapping from names to numbers, not {value!r}.")
    return {text(name, where): number(item, f"{where}.{name}") for name, item in value.items()}


def threshold(value: Any, where: str) -> float | str:
    """Read a threshold of scores: a finite number, or ``operating``.

    :param value: what was loaded.
    :param where: where it stands, for the error message.
    :return: the number or the word.
    :raises BadInput: when it is anything else.
    """
    if isinstance(value, str):
        if value == "operating":
            return value
        raise BadInput(f"{where} must be a number or 'operating', not {value!r}.")
    return number(value, where)


def one_of(*allowed: str) -> Callable[[Any, str], str]:
    """Make a reader of one of some words.

    :param allowed: the words.
    :return: a reader like the others of this module.
    """

    def read(value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise BadInput(f"{where} must be one of: {', '.join(allowed)}; not {value!r}.")
        return value

    return read
