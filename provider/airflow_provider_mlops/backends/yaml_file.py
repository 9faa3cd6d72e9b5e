"""Reading YAML files of plain values, strictly."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from airflow_provider_mlops.core.errors import BadInput


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain values.

    :param path: the file.
    :return: what it holds.
    :raises BadInput: when it cannot be read, is not YAML, or has a key twice.
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
            # Loader is a SafeLoader: it builds plain values only.
            return yaml.load(stream, Loader)  # noqa: S506
    except OSError as error:
        raise BadInput(f"File {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInput(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
