"""Tests of the suite and the policies: valid, met by real months, broken by broken ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import include.flights
from airflow_provider_mlops.backends.contract_file import load_contract
from airflow_provider_mlops.backends.parquet import write_snapshot
from airflow_provider_mlops.backends.suite_file import load_suite
from airflow_provider_mlops.core.contract_diff import diff_lines
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.policy import Policy
from airflow_provider_mlops.core.retrain_policy import RetrainPolicy
from airflow_provider_mlops.core.rules import MetricRule
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.hooks.contract import ContractInForce
from airflow_provider_mlops.hooks.rows import snapshot_path
from airflow_provider_mlops.hooks.storage import Storage
from airflow_provider_mlops.hooks.validation import Validation, validate_snapshot
from include.flights.source import read_partition, read_served
from include.flights.spec import FEATURES, LABEL, ROW_ID, SLICES, TIME_COLUMN

FOLDER = Path(include.flights.__file__).parent
SUITE = FOLDER / "suites" / "flights.yaml"


def month(key: str) -> pd.DataFrame:
    """Read a month."""
    (frame,) = read_partition(Partition.parse(key))
    return frame


def mapping(name: str) -> dict[str, Any]:
    """Read a YAML file of the use case."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return loaded


def judged(frame: pd.DataFrame, root: Path) -> Validation:
    """Judge rows by suite and contract, as the Dag does."""
    storage = Storage(str(root))
    with storage.staging() as folder:
        manifest = write_snapshot([frame], folder, {"dataset": "flights", "partition_keys": ["key"]}, TIME_COLUMN)
        storage.publish(folder, snapshot_path("flights", manifest["snapshot_id"]))
    contract = ContractInForce(contract=load_contract(FOLDER / "contract.yaml"), before=None, last=None)
    return validate_snapshot(
        storage,
        "flights",
        manifest["snapshot_id"],
        load_suite(SUITE),
        engine="auto",
        judge_columns=contract.judge,
    )


@pytest.mark.parametrize(("key", "marks"), [("2013-01", ()), ("2013-02", ("warnings",)), ("2013-12", ())])
def test_real_months_meet_suite_and_contract(key: str, marks: tuple[str, ...], tmp_path: Path) -> None:
    """February has the one wind that cannot be, which is a warning; December lacks a day of weather."""
    found = judged(month(key), tmp_path)

    assert found.verdict.outcome is Outcome.PASS
    assert found.verdict.marks == marks
    assert found.contract is not None
    assert diff_lines(found.contract) == []
    assert found.quarantine is None


def test_implausible_flights_are_set_aside(tmp_path: Path) -> None:
    """A handful of flights around the world in no time does not stop a month."""
    rows = month("2013-03")
    rows.loc[rows.index[:5], "distance"] = 40_000.0
    found = judged(rows, tmp_path)

    assert found.verdict.passed
    assert found.quarantine is not None
    assert found.quarantine["rows"] == 5


def test_a_carrier_whose_aircraft_are_lost_is_told(tmp_path: Path) -> None:
    """Only the carriers that report them are asked, so that one that stops shows."""
    rows = month("2013-01")
    rows.loc[rows["carrier"] == "US", "seats"] = None
    found = judged(rows, tmp_path)

    assert (found.verdict.outcome, found.verdict.marks) == (Outcome.PASS, ("warnings",))
    (told,) = [rule.reason for rule in found.verdict.rules if rule.reason.startswith("warning")]
    assert 'where carrier not in ["AA", "MQ"] does not hold' in told


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    """Repeat a row."""
    return pd.concat([frame, frame.head(1)])


def from_the_future(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every flight weather from after its departure."""
    return frame.assign(weather_known_at=frame[TIME_COLUMN] + pd.Timedelta(hours=1))


@pytest.mark.parametrize(
    "damage",
    [
        twice,
        from_the_future,
        lambda frame: frame.head(88),
        lambda frame: frame.assign(**{LABEL: float("nan")}),
        lambda frame: frame.assign(**{LABEL: 1.0}),
        lambda frame: frame.drop(columns=LABEL),
        lambda frame: frame.assign(origin="ORD"),
        lambda frame: frame.assign(**{ROW_ID: None}),
        lambda frame: frame.assign(temperature=frame["temperature"] + 200),
    ],
    ids=["twice", "future", "few", "no label", "one class", "no column", "origin", "no key", "kelvin"],
)
def test_broken_month_fails_the_suite(damage: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    """Each way to break a month is refused."""
    assert judged(damage(month("2013-03")), tmp_path).verdict.outcome is Outcome.FAIL


def test_gate_policy_is_valid_and_slices_by_known_columns() -> None:
    """A policy that cannot be read would stop every promotion."""
    policy = Policy.from_mapping(mapping("policy.yaml"))

    used = {rule.slice for rule in policy.rules if isinstance(rule, MetricRule)} - {None}

    assert used <= set(SLICES)


def test_retrain_policy_is_valid() -> None:
    """Two of three windows, a probe, and a promotion that is taken back soon."""
    policy = RetrainPolicy.from_mapping(mapping("retrain.yaml"))

    assert policy.drift is not None
    assert (policy.drift.k, policy.drift.n) == (2, 3)
    assert None not in (policy.probe, policy.rollback, policy.schedule)


def test_drift_policy_is_valid_and_names_known_columns() -> None:
    """A threshold of a column that does not exist would be refused when the month is judged."""
    policy = DriftPolicy.from_mapping(mapping("drift.yaml"))
    columns = set(month("2013-01").columns)

    assert set(policy.features) <= set(FEATURES)
    assert columns - set(policy.ignore) <= set(FEATURES)


def test_what_is_served_has_the_columns_that_were_learned() -> None:
    """Its contract is that of the months without the label, and a day meets it."""
    learned, served = mapping("contract.yaml"), mapping("contract_served.yaml")
    del learned["columns"][LABEL]
    assert served["columns"] == learned["columns"]

    (day,) = read_served(Partition.parse("2013-05-01"))
    assert set(day.columns) == set(served["columns"])
