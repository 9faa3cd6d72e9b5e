"""The backends of a drift check behind one interface: what each one answers, and how it is asked.

``native`` decides alone. A backend that tests feature by feature gives the p-values, and the decision stays with
`statistics.drift`: the same correction, effects and rows. A backend that looks at all features at once gives an
opinion, which stands beside the verdict and never decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput, MissingBackend

if TYPE_CHECKING:
    from airflow_provider_mlops.statistics.columns import ColumnPair, ColumnSample

    Sample = Mapping[str, ColumnSample]
    PerFeature = Callable[[Iterable[ColumnPair]], dict[str, float]]
    AtOnce = Callable[[Sample, Sample, float], "Opinion"]

NATIVE, EVIDENTLY = "native", "evidently"
LICENCE = (
    "alibi-detect is under the Business Source License 1.1 since 0.11.5: production use needs a contract with Seldon. "
    "backend='native' needs none."
)
MOST_ROWS = 2_000
"""Rows a side that a backend looks at when it compares all features at once; of more, every k-th."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a backend says about all features at once.

    :param backend: its name.
    :param method: what it did, with its settings.
    :param drift: whether it would call it drift.
    :param p_value: its p-value, None for an online detector.
    :param distance: its statistic, None where it has none.
    :param rows: rows of reference and current that it saw.
    :param details: further figures; JSON-safe.
    """

    backend: str
    method: str
    drift: bool
    p_value: float | None
    distance: float | None
    rows: tuple[int, int]
    details: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe form."""
        return {
            "backend": self.backend,
            "method": self.method,
            "drift": self.drift,
            "p_value": self.p_value,
            "distance": self.distance,
            "rows": list(self.rows),
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Backend:
    """How a backend is asked.

    :param module: the library's module, None for our own.
    :param extra: the extra that brings it.
    :param per_feature: name of the function in ``alibi_detect`` that gives p-values by feature, empty for none.
    :param at_once: name of the function in ``alibi_whole`` that gives an opinion, empty for none.
    :param needs: a further module that no extra brings.
    """

    module: str | None = None
    extra: str = ""
    per_feature: str = ""
    at_once: str = ""
    needs: str = ""


_ALIBI = ("alibi_detect.cd", "alibi")
BACKENDS: Mapping[str, Backend] = {
    NATIVE: Backend(),
    "alibi": Backend(*_ALIBI, per_feature="univariate_p_values"),
    "alibi_tabular": Backend(*_ALIBI, per_feature="tabular_p_values"),
    "alibi_mmd": Backend(*_ALIBI, at_once="mmd", needs="torch"),
    "alibi_lsdd": Backend(*_ALIBI, at_once="lsdd", needs="torch"),
    "alibi_classifier": Backend(*_ALIBI, at_once="classifier"),
    "alibi_online": Backend(*_ALIBI, at_once="online"),
    EVIDENTLY: Backend("evidently", "evidently"),
}


def backend_named(name: str) -> Backend:
    """Look a backend up, and make sure that it can be asked here.

    :param name: its name.
    :return: how it is asked.
    :raises BadInput: when there is none of that name.
    :raises MissingBackend: when its library is not installed.
    """
    if name not in BACKENDS:
        raise BadInput(f"backend={name!r} must be one of: {', '.join(BACKENDS)}.")
    found = BACKENDS[name]
    # Looked for, not imported: whether it is there must not cost the seconds that it takes to load.
    if found.module is not None and find_spec(found.module.partition(".")[0]) is None:
        load(found.module, found.extra)
    if found.needs:
        try:
            load(found.needs, found.extra)
        except MissingBackend:
            raise MissingBackend(
                f"backend={name!r} needs {found.needs!r}, which no extra brings: pip install {found.needs}, or take "
                "another backend."
            ) from None
    return found


def notice_of(name: str) -> str:
    """Return what must be said about a backend's licence, empty where nothing must.

    :param name: its name.
    """
    return LICENCE if name.startswith("alibi") else ""


def per_feature(name: str) -> PerFeature | None:
    """Return the function that gives p-values by feature.

    :param name: name of the backend.
    :return: a function of pairs of columns; None where our own p-values decide.
    :raises BadInput: when there is no backend of that name.
    :raises MissingBackend: when its library is not installed.
    """
    found = backend_named(name)
    if not found.per_feature:
        return None
    from airflow_provider_mlops.backends import alibi_detect

    asked: PerFeature = getattr(alibi_detect, found.per_feature)
    return asked


def opinion_of(name: str, reference: Sample, current: Sample, *, alpha: float) -> Opinion | None:
    """Ask a backend about all features at once.

    :param name: its name.
    :param reference: rows of the reference by column.
    :param current: rows now, by column, in the order of time.
    :param alpha: error rate.
    :return: its opinion; None where the backend has none.
    :raises BadInput: when there is no backend of that name, or it answers with something that is no number.
    :raises MissingBackend: when its library is not installed.
    """
    found = backend_named(name)
    if not found.at_once:
        return None
    from airflow_provider_mlops.backends import alibi_whole

    asked: AtOnce = getattr(alibi_whole, found.at_once)
    return asked(reference, current, alpha)
