"""Real flights through the lifecycle month by month, and their replay; in this process, or by another interpreter."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.flights import spec
from tests.support.flights import accept_flights, train_flights
from tests.support.lab import Lab

ROOT = Path(__file__).parents[2]
MONTHS = tuple(f"2013-{month:02d}" for month in range(1, 13))
AS_OF = "2014-03-01T00:00:00+00:00"

POLICY = """\
schema: 1
name: flight_delays
alpha: 0.05
rules:
  - {name: enough_rows, kind: min_rows, rows: 5000, positives: 500}
  - {name: auc_minimum, kind: minimum, metric: roc_auc, value: 0.55}
  - {name: brier_non_inferior, kind: non_inferior, metric: brier, margin: 0.006}
"""


def flights_lab(lab: Lab) -> Lab:
    """Make an empty lab the one of the flights: their model, and a policy that asks for what takes no minutes."""
    lab.model = spec.MODEL
    (lab.root / "policy.yaml").write_text(POLICY)
    return lab


def live(lab: Lab, months: Iterable[str] = MONTHS) -> None:
    """Take, validate, train, register, evaluate, judge and, where it passes, promote month after month."""
    for key in months:
        month(lab, key)


def month(lab: Lab, key: str, run_type: str = "scheduled", run_id: str = "") -> None:
    """Run the lifecycle of a month; the first has nothing to train on and ends there."""
    from airflow.sdk.exceptions import AirflowSkipException

    run: dict[str, Any] = {"run_type": run_type, "run_id": run_id or f"{run_type}__{key}"}
    accepted = accept_flights(lab, key, suite="flights.yaml", **run)
    try:  # on the two months before, as the reference Dag does
        trained = train_flights(lab, key, max_iter=20, window=2, test_snapshot_id=accepted, **run)
    except AirflowSkipException:
        return
    lab.run("register", **run, manifest_hash=trained["manifest_hash"])
    scored = lab.run(
        "evaluate", **run, manifest_hash=trained["manifest_hash"], as_of=AS_OF, slices=list(spec.SLICES[:1])
    )
    judged = lab.run("gate", **run, evaluation_id=scored["evaluation_id"])
    if judged["verdict"]["outcome"] == "PASS":
        lab.run("promote", **run, gate_record=judged["record"])


def in_another(python: str, what: str, lab: Lab, *words: str) -> dict[str, Any]:
    """Do a step of this module with another interpreter, on the lab's folder.

    :param python: path of an interpreter that has the locked libraries.
    :param what: ``live`` or ``replay``.
    :param lab: the lab of the flights.
    :param words: months of ``live``, or ``name=value`` arguments of ``replay``.
    :return: what the step returned.
    """
    environment: Mapping[str, str] = {
        **os.environ,
        **lab.environment(),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "provider"), str(ROOT))),
    }
    command = [python, "-m", "tests.support.flights_year", what, str(lab.root), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=lab.root, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def version_of(python: str = sys.executable) -> str:
    """Return the version of an interpreter."""
    asked = [python, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main(what: str, root: str, *words: str) -> None:
    """Do what `in_another` asks for, and write its result as the last line."""
    lab = flights_lab(Lab(Path(root)))
    os.environ |= lab.environment()
    os.chdir(root)
    if what == "live":
        live(lab, words)
        result: dict[str, Any] = {"records": len(lab.ledger().records())}
    else:
        result = lab.run("replay", run_type="manual", on_difference="record", **pairs(words))
    sys.stdout.write("\n" + json.dumps(result) + "\n")


def pairs(words: Iterable[str]) -> dict[str, str]:
    """Read ``name=value`` arguments."""
    return {name: value for name, _, value in (word.partition("=") for word in words)}


if __name__ == "__main__":
    main(*sys.argv[1:])
