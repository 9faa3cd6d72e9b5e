"""The command that creates an audit backfill: what it refuses, and what it calls the partitions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_mlops.cli.backfill import refuse_sqlite, ticks_between
from airflow_provider_mlops.core.errors import BadInput, Refused
from airflow_provider_mlops.core.partition import Partition
from tests.support.command import run_command


class Dag:
    """A monthly Dag of 2013 as Airflow stores it.

    :param later: how many months after its partition a run is named.
    """

    dag_id = "lifecycle"
    end_date: datetime | None = None

    def __init__(self, later: int) -> None:
        self.later = later

    def iter_dagrun_infos_between(self, earliest: datetime, latest: datetime) -> list[Any]:
        """Return what would run in a range of dates, as the release of Airflow counts it."""
        months = [Partition.parse(f"2013-{number:02d}") for number in range(1, 13)]
        named = [(m.key, m.end if self.later else m.start) for m in months]
        return [SimpleNamespace(partition_key=key, run_after=at) for key, at in named if earliest <= at <= latest]


@pytest.mark.parametrize("later", [0, 1], ids=["3.3", "3.2"])
def test_partitions_are_named_by_their_keys(later: int) -> None:
    """Whatever dates the release of Airflow wants, the first and the last partition are those that were asked for."""
    found = ticks_between(Dag(later), Partition.parse("2013-03"), Partition.parse("2013-05"))

    assert list(found) == ["2013-03", "2013-04", "2013-05"]
    assert min(found.values()) == datetime(2013, 3 + later, 1, tzinfo=UTC)
    assert max(found.values()) - min(found.values()) == timedelta(days=61)


def test_a_range_without_a_partition_is_refused() -> None:
    """A backfill of nothing would look like a clean one."""
    with pytest.raises(BadInput, match="has no partition from 2014-01 to 2014-02"):
        ticks_between(Dag(0), Partition.parse("2014-01"), Partition.parse("2014-02"))


@pytest.mark.parametrize("address", ["sqlite:////var/airflow.db", "sqlite://", "sqlite+pysqlite:///x"])
def test_sqlite_is_refused(address: str) -> None:
    """The reason and the way out are told."""
    with pytest.raises(Refused, match="loses runs when a backfill is created"):
        refuse_sqlite(address)
    refuse_sqlite("postgresql+psycopg2://postgres@127.0.0.1/airflow")


def test_the_command_refuses_before_it_touches_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On SQLite it ends with 2 and one line, and Airflow was not asked for anything."""
    database = tmp_path / "airflow.db"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{database}")
    code = run_command("audit", "backfill", "--dag-id", "lifecycle", "--from", "2013-01", "--to", "2013-02")

    assert code == 2
    assert "Airflow's database is SQLite" in capsys.readouterr().err
    assert not database.exists()


def test_a_name_of_an_audit_is_checked_first(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no run could carry is refused before there is a backfill."""
    range_of = ("--from", "2013-01", "--to", "2013-02")
    code = run_command("audit", "backfill", "--dag-id", "lifecycle", *range_of, "--audit", "two words")

    assert code == 2
    assert "has audit 'two words'" in capsys.readouterr().err


def test_a_backfill_whose_runs_would_never_start_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """None at once is none at all."""
    range_of = ("--from", "2013-01", "--to", "2013-02", "--max-active-runs", "0")

    assert run_command("audit", "backfill", "--dag-id", "lifecycle", *range_of) == 2
    assert "--max-active-runs 0 must be 1 or more" in capsys.readouterr().err


def test_a_partition_after_the_end_of_the_dag_is_none() -> None:
    """Airflow would make runs of it, which find nothing to audit."""
    dag = Dag(0)
    dag.end_date = datetime(2013, 5, 1, tzinfo=UTC)

    assert list(ticks_between(dag, Partition.parse("2013-04"), Partition.parse("2013-12"))) == ["2013-04", "2013-05"]
