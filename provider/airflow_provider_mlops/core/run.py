"""Which task of which run acts, and what it may change."""

from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_mlops.core.modes import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The part of Airflow's context that records keep.

    :param dag_id: id of the Dag.
    :param run_id: id of the Dag run.
    :param task_id: id of the task.
    :param try_number: number of the try, from 1.
    :param map_index: index of a mapped task, -1 otherwise.
    :param partition_key: partition key of the run, if it has one.
    :param run_type: Airflow's run type.
    :param mode: what the run may change.
    :param triggered_by: name of who started the run by hand; None when nobody did.
    :param audit: name of the audit that the run is of, as its conf gives it; None for none.
    :param url: address of the task's log in Airflow's UI, empty when unknown.
    """

    dag_id: str
    run_id: str
    task_id: str
    try_number: int
    map_index: int
    partition_key: str | None
    run_type: str
    mode: Mode
    url: str = ""
    triggered_by: str | None = None
    audit: str | None = None

    @property
    def request(self) -> str:
        """What was asked for, the same in every try: a task of a run."""
        return f"{self.dag_id}/{self.run_id}/{self.task_id}/{self.map_index}"

    def to_record(self) -> dict[str, Any]:
        """Return the JSON-safe form for a record's ``run``."""
        facts = asdict(self)
        del facts["mode"], facts["url"]
        for name in ("triggered_by", "audit"):
            if facts[name] is None:
                del facts[name]
        return facts

    def to_tags(self) -> dict[str, str]:
        """Return the tags that lead from an MLflow run or version back to this task."""
        facts = {**self.to_record(), "url": self.url}
        return {f"airflow.{name}": str(value) for name, value in facts.items() if value is not None}
