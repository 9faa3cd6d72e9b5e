"""Reading YAML files of plain values, strictly."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.errors import BadInput

MOST_VALUES = 100_000


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    :param path: the file.
    :return: what it holds.
    :raises BadInput: when it cannot be read, is not YAML, has a key twice, or stands for too many values.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """A safe loader that refuses a key that stands twice, where YAML would silently keep the last."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            seen = set()
            for key_node, _ in node.value:
                key = str(key_node.value)
                if key in seen:
                    raise BadInput(f"{path}, line {key_node.start_mark.line + 1}: the key {key!r} is there twice.")
                seen.add(key)
            return super().construct_mapping(node, deep=deep)

    try:
        with path.open(encoding="utf-8") as stream:
            loader = Loader(stream)
            try:
                node = loader.get_single_node()
                values = _values(node, {})
                if values is None:
                    raise BadInput(f"{path} refers to itself: an alias stands within what it names.")
                if values > MOST_VALUES:
                    raise BadInput(f"{path} stands for more than {MOST_VALUES:,} values, aliases counted: shorten it.")
                return None if node is None else loader.construct_document(node)
            finally:
                loader.dispose()
    except OSError as error:
        raise BadInput(f"File {path} cannot be read: {error.strerror}.") from error
    except BadInput:
        raise
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        # What a tag makes of a value that does not fit it is the parser's own kind of error.
        raise BadInput(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


def _values(node: Any, known: dict[int, int | None]) -> int | None:
    """Count the values that a part of the file stands for: an alias counts like what it names; None holds itself."""
    if id(node) not in known:
        known[id(node)] = None  # until it is counted
        parts = [] if node is None or isinstance(node.value, str) else node.value
        counts = [_values(item, known) for part in parts for item in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = None if None in counts else 1 + sum(count or 0 for count in counts)
    return known[id(node)]
