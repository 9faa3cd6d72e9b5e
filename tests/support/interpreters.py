"""A second interpreter with few libraries: a virtual environment whose libraries are links to this one's."""

import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

NEEDED = ("pandas", "pyarrow", "scikit-learn", "skops")


def make_interpreter(folder: Path, names: tuple[str, ...] = NEEDED) -> Path:
    """Make an environment that holds some distributions and what they need, and return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for found in _closure(names).values():
        home = Path(str(found.locate_file("")))
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(home / top)
    return folder / "bin" / "python"


def _closure(names: tuple[str, ...]) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = distribution(name)
        wanted = (Requirement(line) for line in found[name].requires or ())
        waiting += [item.name for item in wanted if item.marker is None or item.marker.evaluate({"extra": ""})]
    return found
