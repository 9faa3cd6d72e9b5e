"""One canonical JSON text per value, and the SHA-256 over it: the base of every id, key and chain."""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

PREFIX = "sha256:"


def canonical_json(value: Any) -> str:
    """Write a value as the one JSON text that stands for it.

    Keys are sorted, separators carry no space, text stays UTF-8. Floats are written as Python's shortest
    round-trip form; NaN and infinities have no JSON and are refused.

    :param value: JSON-safe value: mappings with text keys, lists or tuples, text, numbers, booleans, None.
    :return: the canonical text, without a line end.
    :raises BadInput: when the value holds anything else; the message gives the path to it.
    """
    return json.dumps(json_safe(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: Any) -> str:
    """Hash the canonical JSON of a value.

    :param value: JSON-safe value.
    :return: ``sha256:`` and 64 hexadecimal digits.
    :raises BadInput: when the value is not JSON-safe.
    """
    return sha256_bytes(canonical_json(value).encode())


def sha256_bytes(data: bytes) -> str:
    """Hash bytes.

    :param data: any bytes.
    :return: ``sha256:`` and 64 hexadecimal digits.
    """
    return PREFIX + hashlib.sha256(data).hexdigest()


def json_safe(value: Any, path: str = "$") -> Any:
    """Check that a value is JSON-safe and return it with tuples as lists.

    :param value: the value to check.
    :param path: where the value stands, for the error message.
    :return: the same value, tuples turned into lists.
    :raises BadInput: naming the path, when a part is not JSON-safe (NaN, bytes, objects, keys that are not text).
    """
    if isinstance(value, str):
        if not _is_unicode(value):
            raise BadInput(f"{path} holds half a surrogate pair, which is no text.")
        return value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput(f"{path} is {value!r}, which JSON cannot hold; write null and say why.")
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise BadInput(f"{path} has the key {key!r} of type {type(key).__name__}; keys must be text.")
        return {key: json_safe(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item, f"{path}[{index}]") for index, item in enumerate(value)]
    hint = f'; write it as a text: "{value}"' if isinstance(value, date) else ""
    raise BadInput(f"{path} is a {type(value).__name__}, which JSON cannot hold{hint}.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
