"""The figures, tables and pages that people look at: written into a folder, which the operators log to MLflow.

They show what a record holds and decide nothing. What cannot be drawn is left out, and the page says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.measure import NotMeasurable

if TYPE_CHECKING:
    from airflow_provider_mlops.core.verdict import Verdict
    from airflow_provider_mlops.statistics.score_table import ScoreTable

LEVEL = 0.90
_ROLES = ("candidate", "champion", "golden")
_SHORT_ID = 12


def write_evaluation_artifacts(
    folder: Path, body: Mapping[str, Any], table: ScoreTable, *, model_name: str = ""
) -> dict[str, str]:
    """Write the figures and tables of an evaluation, and ``index.html`` that shows them all.

    :param folder: where to write; made if it is missing.
    :param body: body of the evaluation's record, of any version.
    :param table: the scores that it is about.
    :param model_name: name of the registered model.
    :return: what was left out, with the reason, by file name.
    :raises MissingBackend: when matplotlib is not installed.
    """
    from airflow_provider_mlops.hooks.evaluation_page import write_evaluation_page
    from airflow_provider_mlops.hooks.evaluation_parts import parts_of

    folder.mkdir(parents=True, exist_ok=True)
    caption = caption_of(body, table, model_name)
    tables, left_out = {}, {}
    for name, write in parts_of(folder, body, table, caption).items():
        try:
            tables[name] = write()
        except NotMeasurable as err:
            left_out[name] = str(err)
    write_evaluation_page(folder, body, caption, tables, left_out, model_name)
    return left_out


def write_gate_artifacts(
    folder: Path, verdict: Verdict, body: Mapping[str, Any] | None = None, *, model_name: str = ""
) -> None:
    """Write the plot of a verdict's rules, ``rules.csv`` and ``verdict.html``, which reads like a verdict.

    :param folder: where to write; made if it is missing.
    :param verdict: the verdict.
    :param body: body of the gate's record, for the versions, the policy and the looks.
    :param model_name: name of the registered model.
    :raises MissingBackend: when matplotlib is not installed.
    """
    from airflow_provider_mlops.hooks.verdict_page import write_verdict_page

    folder.mkdir(parents=True, exist_ok=True)
    write_verdict_page(folder, verdict, body or {}, model_name)


def caption_of(body: Mapping[str, Any], table: ScoreTable, model_name: str) -> Any:
    """Return what every figure of an evaluation says about itself.

    :param body: body of the evaluation's record.
    :param table: the scores.
    :param model_name: name of the registered model.
    :return: the caption.
    """
    from airflow_provider_mlops.backends.figures import Caption
    from airflow_provider_mlops.statistics.metrics import METRICS

    present = [role for role in _ROLES if table.scores_of(role) is not None]
    level = body.get("level")
    return Caption(
        names={role: role_name(role, (body.get(role) or {}).get("version")) for role in present},
        footer=footer_of(body, model_name, rows=table.rows),
        level=float(level) if isinstance(level, int | float) else LEVEL,
        metrics=body.get("metrics") or {},
        direction={name: metric.higher_is_better for name, metric in METRICS.items()},
    )


def role_name(role: str, version: Any) -> str:
    """Return how a model is called: its role, and its version where it has one.

    :param role: the role.
    :param version: the version in the registry.
    """
    return f"{role} {version}" if version else role


def footer_of(body: Mapping[str, Any], model_name: str, *, rows: int | None = None) -> str:
    """Return the line at the foot of a figure.

    :param body: body of a record.
    :param model_name: name of the registered model.
    :param rows: test rows.
    """
    evaluation = str(body.get("evaluation_id") or "").removeprefix("sha256:")[:_SHORT_ID]
    parts = (
        f"model {model_name}" if model_name else "",
        f"partition {body['partition_key']}" if body.get("partition_key") else "",
        f"{rows:,} test rows" if rows is not None else "",
        f"evaluation {evaluation}" if evaluation else "",
    )
    return "  ·  ".join(part for part in parts if part)
