"""One way in which a column changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which a column changed.

    :param kind: ``null_rate``, ``infinite``, ``constant``, ``unit_change``, ``scale``, ``filled_value``, ``clipping``,
        ``rounded``, ``location``, ``spread``, ``shape``; ``new_category``, ``vanished_category``,
        ``renamed_category``, ``swapped_categories``, ``shares``; or ``structure``.
    :param text: a clause that says it, with its figures.
    :param numbers: the figures; JSON-safe.
    """

    kind: str
    text: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {"kind": self.kind, "text": self.text, "numbers": dict(self.numbers)}
