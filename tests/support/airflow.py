"""What Airflow hands to a task, without Airflow's database."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any


@dataclass
class FakeTaskInstance:
    """The part of a task instance that the operators use."""

    dag_id: str
    task_id: str
    run_id: str
    bundle: Path
    try_number: int = 1
    map_index: int = -1
    log_url: str = "http://airflow.example/log"
    xcoms: dict[str, Any] = field(default_factory=dict)

    @property
    def bundle_instance(self) -> Any:
        """The Dag bundle."""
        return SimpleNamespace(path=self.bundle)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value."""
        self.xcoms[key] = value


class Events(dict[Any, Any]):
    """Outlet events: `emitted` lists (asset name, extra)."""

    def __init__(self) -> None:
        super().__init__()
        self.emitted: list[tuple[str, dict[str, Any]]] = []

    def __missing__(self, alias: Any) -> Any:
        """Give an accessor for any alias."""
        return SimpleNamespace(add=lambda asset, extra=None: self.emitted.append((asset.name, extra)))


def fake_context(
    task: Any,
    bundle: Path,
    *,
    run_type: str = "scheduled",
    conf: dict[str, Any] | None = None,
    dag_id: str = "lifecycle",
    run_id: str = "run",
    try_number: int = 1,
    partition_key: str | None = None,
) -> dict[str, Any]:
    """Build a context for a task."""
    return {
        "ti": FakeTaskInstance(dag_id, task.task_id, run_id, bundle, try_number),
        "task": task,
        "dag_run": SimpleNamespace(run_type=run_type, conf=conf or {}, partition_key=partition_key),
        "outlet_events": Events(),
    }
