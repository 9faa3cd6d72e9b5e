"""What another backend says beside a drift verdict: its opinion on all features at once, or its page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends import drift_backends
from airflow_provider_mlops.hooks.drift_columns import read_some
from airflow_provider_mlops.hooks.drift_reading import Asked, reference_of

if TYPE_CHECKING:
    from airflow_provider_mlops.hooks.drift_columns import Rows


def opinion_on(asked: Asked) -> dict[str, Any] | None:
    """Ask the backend of a verdict about all features at once.

    :param asked: the verdict.
    :return: its opinion, JSON-safe; None where it has none.
    :raises BadInput: when it answers with something that is no number.
    """
    name = asked.body.get("backend") or drift_backends.NATIVE
    if not drift_backends.backend_named(name).at_once:
        return None
    was, now = _rows(asked)
    sides = [{column: side.sample(column) for column in side.frame.columns} for side in (was, now)]
    samples = [{column: found for column, found in side.items() if found is not None} for side in sides]
    alpha = float(asked.body["policy_content"].get("alpha", 0.05))
    opinion = drift_backends.opinion_of(name, samples[0], samples[1], alpha=alpha)
    return None if opinion is None else opinion.to_dict()


def write_evidently(asked: Asked, folder: Path) -> str | None:
    """Write Evidently's page into a folder, where it is the backend of the verdict.

    :param asked: the verdict.
    :param folder: where to write.
    :return: name of the file, None for another backend.
    :raises MissingBackend: when Evidently is not installed.
    """
    if asked.body.get("backend") != drift_backends.EVIDENTLY:
        return None
    from airflow_provider_mlops.backends.evidently import PAGE, write_report

    was, now = _rows(asked)
    write_report(folder / PAGE, was.frame, now.frame)
    return PAGE


def _rows(asked: Asked) -> tuple[Rows, Rows]:
    features = list(dict.fromkeys(rule["numbers"].get("feature") for rule in asked.body["verdict"]["rules"]))
    names = [name for name in features if name]
    dataset, snapshots, cut = reference_of(asked)
    was = read_some(asked.storage, dataset, snapshots, names, cut)
    return was, read_some(asked.storage, asked.dataset, asked.current, names)
