"""Great Expectations 1.x: run a suite on rows, return a bounded summary and the full result."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.yaml_file import read_yaml
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.expectation import GREAT_EXPECTATIONS, MAX_SHOWN, MAX_SHOWN_TEXT, Judged, shown
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (
    "element_count",
    "missing_count",
    "missing_percent",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
    "observed_value",
)
"""Figures of a result that are kept."""
SEVERITIES = ("critical", "warning")
_SUITE_KEYS = frozenset({"name", "expectations"})
_EXPECTATION_KEYS = frozenset({"type", "kwargs", "severity", "meta", "description"})


def load_suite(path: Path) -> dict[str, Any]:
    """Read a suite file and check its shape.

    :param path: YAML or JSON file: ``name`` and ``expectations``, each with ``type``, ``kwargs`` and ``severity``
        (``critical``, the default, or ``warning``).
    :return: the suite as a mapping.
    :raises BadInput: naming the file and the entry that is not right.
    """
    suite = read_yaml(path)
    if not isinstance(suite, dict) or set(suite) != _SUITE_KEYS or not isinstance(suite["expectations"], list):
        raise BadInput(f"Suite {path} must have exactly the keys name and expectations (a list).")
    if not suite["expectations"]:
        raise BadInput(f"Suite {path} holds no expectation; an empty suite would pass anything.")
    for index, item in enumerate(suite["expectations"]):
        _check_expectation(item, f"{path}, expectation {index + 1}")
    return suite


def validate(frame: pd.DataFrame, suite: Mapping[str, Any]) -> tuple[Verdict, dict[str, Any]]:
    """Judge rows by a suite.

    :param frame: all rows of the snapshot.
    :param suite: mapping as `load_suite` returns it.
    :return: the verdict, one rule per expectation (a broken ``warning`` passes and is marked), and the full result.
    :raises BadInput: when Great Expectations does not know an expectation, refuses its arguments, or has it twice.
    """
    result = _run(frame, suite)
    rules, warnings = [], 0
    for index, item in enumerate(result["results"]):
        expectation = suite["expectations"][index]
        rule, warned = _rule(item, expectation, index)
        rules.append(rule)
        warnings += warned
    return Verdict.from_rules(rules, marks=("warnings",) if warnings else ()), result


def judge_frame(frame: pd.DataFrame, suite: Mapping[str, Any]) -> list[Judged]:
    """Judge rows by a suite, expectation by expectation.

    :param frame: all rows.
    :param suite: mapping as `load_suite` returns it.
    :return: what was found, in the suite's order.
    :raises BadInput: as `validate` does.
    """
    found = _run(frame, suite)["results"]
    return [_judged(index, suite["expectations"][index], item) for index, item in enumerate(found)]


def broken_rows(frame: pd.DataFrame, suite: Mapping[str, Any], position: int) -> list[int]:
    """Find the rows that break a row-level expectation.

    :param frame: all rows.
    :param suite: mapping as `load_suite` returns it.
    :param position: place of the expectation, from 0.
    :return: numbers of the rows, from 0, in order.
    :raises BadInput: when the expectation cannot be judged.
    """
    item = suite["expectations"][position]
    result = _run(frame.reset_index(drop=True), {**suite, "expectations": [item]}, result_format="COMPLETE")["results"][
        0
    ]
    judged = _judged(position, item, result)
    if judged.error:
        raise BadInput(f"Expectation {position + 1} ({item['type']}) could not be judged: {judged.error}")
    return sorted(int(row) for row in result["result"].get("unexpected_index_list") or ())


def _judged(position: int, expectation: Mapping[str, Any], item: Mapping[str, Any]) -> Judged:
    raised = (item.get("exception_info") or {}).get("raised_exception") or _nested_exception(item)
    result = dict(item.get("result") or {})
    partial = result.get("partial_unexpected_list") or ()
    return Judged(
        position=position,
        type=expectation["type"],
        kwargs=expectation["kwargs"],
        holds=None if raised else item.get("success") is True,
        error=str(raised)[:MAX_SHOWN_TEXT] if raised else None,
        numbers={name: shown(result[name]) for name in NUMBERS if name in result},
        partial_unexpected=[shown(value) for value in partial[:MAX_SHOWN]],
        engine=GREAT_EXPECTATIONS,
    )


def _run(frame: pd.DataFrame, suite: Mapping[str, Any], result_format: str = "SUMMARY") -> dict[str, Any]:
    gx = load("great_expectations", "great-expectations")
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    definition = gx.ExpectationSuite(name=suite["name"])
    for index, item in enumerate(suite["expectations"]):
        definition.add_expectation(_expectation(gx, item, index))
    batch = (
        context.data_sources.add_pandas("snapshot")
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    validation = batch.get_batch({"dataframe": frame}).validate(
        context.suites.add(definition), result_format={"result_format": result_format, "partial_unexpected_count": 5}
    )
    found: dict[str, Any] = validation.to_json_dict()
    # The position says which expectation a result is of: GX drops one that equals another, whatever its severity.
    judged = {result["expectation_config"]["meta"]["position"]: result for result in found["results"]}
    for index, item in enumerate(suite["expectations"]):
        if index not in judged:
            raise BadInput(f"Suite {suite['name']!r}: expectation {index + 1} ({item['type']}) stands there twice.")
    found["results"] = [judged[index] for index in sorted(judged)]
    return found


def _expectation(gx: Any, item: Mapping[str, Any], index: int) -> Any:
    name = "".join(part.capitalize() for part in item["type"].split("_"))
    kind = getattr(gx.expectations, name, None)
    if kind is None:
        raise BadInput(f"Great Expectations has no expectation {item['type']!r} (class {name}).")
    try:
        return kind(**item["kwargs"], meta={**item.get("meta", {}), "position": index})
    except (TypeError, ValueError) as err:
        raise BadInput(f"Expectation {item['type']!r} refuses its kwargs: {str(err)[:300]}") from err


def _rule(item: Mapping[str, Any], expectation: Mapping[str, Any], index: int) -> tuple[RuleResult, bool]:
    kwargs = expectation["kwargs"]
    subject = kwargs.get("column") or ", ".join(kwargs.get("column_list", ())) or "table"
    raised = (item.get("exception_info") or {}).get("raised_exception") or _nested_exception(item)
    figures = {
        key: value
        for key, value in (item.get("result") or {}).items()
        if key in ("element_count", "unexpected_count", "unexpected_percent", "missing_count", "observed_value")
        and (value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)))
    }
    name = f"{index + 1:02d} {expectation['type']} {subject}"
    if raised:
        return RuleResult(rule=name, outcome=Outcome.FAIL, reason=f"{subject}: could not be judged: {raised}"), False
    if item.get("success") is True:
        return RuleResult(
            rule=name, outcome=Outcome.PASS, reason=f"{subject}: {expectation['type']} holds", numbers=figures
        ), False
    reason = f"{subject}: {expectation['type']} {_arguments(kwargs)} does not hold{_extent(figures)}"
    if expectation.get("severity", "critical") == "warning":
        return RuleResult(rule=name, outcome=Outcome.PASS, reason=f"warning: {reason}", numbers=figures), True
    return RuleResult(rule=name, outcome=Outcome.FAIL, reason=reason, numbers=figures), False


def _nested_exception(item: Mapping[str, Any]) -> str | None:
    """GX files exceptions per metric below exception_info; any of them means that nothing was judged."""
    for value in (item.get("exception_info") or {}).values():
        if isinstance(value, Mapping) and value.get("raised_exception"):
            return str(value.get("exception_message"))[:200]
    return None


def _arguments(kwargs: Mapping[str, Any]) -> str:
    shown = {key: value for key, value in kwargs.items() if key not in ("column", "column_list")}
    return json.dumps(shown, default=str)[:160]


def _extent(figures: Mapping[str, Any]) -> str:
    if figures.get("unexpected_count"):
        return f": {figures['unexpected_count']:,} of {figures.get('element_count', 0):,} values"
    if "observed_value" in figures:
        return f": observed {figures['observed_value']}"
    return ""


def _check_expectation(item: Any, where: str) -> None:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str) or not isinstance(item.get("kwargs"), dict):
        raise BadInput(f"{where}: must have a type (text) and kwargs (a mapping).")
    unknown = sorted(set(item) - _EXPECTATION_KEYS)
    if unknown:
        raise BadInput(f"{where}: unknown key {unknown[0]!r}; known are: {', '.join(sorted(_EXPECTATION_KEYS))}.")
    if item.get("severity", "critical") not in SEVERITIES:
        raise BadInput(f"{where}: severity {item['severity']!r} must be one of: {', '.join(SEVERITIES)}.")
