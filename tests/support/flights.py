"""Real flights in a lab: a partition that is taken and validated, and the small model that is trained on them."""

from pathlib import Path
from typing import Any

from include.flights import spec
from tests.support.lab import Lab

SUITES = Path(__file__).parents[2] / "include" / "flights" / "suites"


def accept_flights(
    lab: Lab,
    key: str,
    *,
    dataset: str = spec.DATASET,
    source: str = "read_partition",
    suite: str = "flights_served.yaml",
    **run: Any,
) -> str:
    """Take and validate the flights of a partition.

    :param lab: the lab.
    :param key: the partition; the suite of what was served asks for less rows than a month has.
    :param dataset: name of the dataset.
    :param source: the function of `include.flights.source` that reads them.
    :param suite: file of the suite.
    :param run: type and id of the run.
    :return: id of the accepted snapshot.
    """
    taken = lab.run(
        "snapshot",
        dataset=dataset,
        partition_key=key,
        source=f"include.flights.source:{source}",
        time_column=spec.TIME_COLUMN,
        outlets=[],
        **run,
    )
    accepted = lab.run(
        "validate",
        dataset=dataset,
        partition_key=key,
        snapshot_id=taken["snapshot_id"],
        suite=str(SUITES / suite),
        **run,
    )
    return str(accepted["snapshot_id"])


def train_flights(lab: Lab, key: str, *, max_iter: int, **arguments: Any) -> dict[str, Any]:
    """Train the model of the reference Dag, with fewer trees.

    :param lab: the lab.
    :param key: the partition that is held out.
    :param max_iter: how many trees.
    :param arguments: further arguments of the step, and type and id of the run.
    :return: what the step returned.
    """
    return lab.run(
        "train",
        dataset=spec.DATASET,
        partition_key=key,
        train_function="include.flights.training:train_delay_model",
        train_params={"max_iter": max_iter},
        features=list(spec.FEATURES),
        label_column=spec.LABEL,
        time_column=spec.TIME_COLUMN,
        trusted_types=list(spec.TRUSTED_TYPES),
        **arguments,
    )
