"""Great Expectations 1.x: judge rows by a suite, in memory."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.expectation import GREAT_EXPECTATIONS, MAX_SHOWN, MAX_SHOWN_TEXT, Judged, shown
from airflow_provider_mlops.core.near import did_you_mean

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
_LOUD = "great_expectations.data_context.types.base"
"""A module of it that sets its own level."""


def library() -> ModuleType:
    """Import Great Expectations, which then tells nobody that it is used.

    Its notes on each import and context say nothing of the rows, and Airflow's commands write logs where their JSON
    goes: below a warning it is silent, unless Airflow's option ``namespace_levels`` asks for more.

    :return: the module.
    :raises MissingBackend: when it is not installed.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when a context is made
    if (log := logging.getLogger("great_expectations")).level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    found = load("great_expectations", "great-expectations")
    logging.getLogger(_LOUD).setLevel(logging.NOTSET)
    return found


def judge_frame(frame: pd.DataFrame, suite: Mapping[str, Any]) -> list[Judged]:
    """Judge rows by a suite, expectation by expectation.

    :param frame: all rows.
    :param suite: as `core.suite.read_suite` returns it.
    :return: what was found, in the suite's order.
    :raises BadInput: when Great Expectations does not know an expectation, refuses its arguments, or has it twice.
    """
    found = _run(frame, suite)["results"]
    return [_judged(index, suite["expectations"][index], item) for index, item in enumerate(found)]


def judge_spark(frame: Any, suite: Mapping[str, Any]) -> list[Judged]:
    """Judge rows on Spark by a suite, expectation by expectation.

    :param frame: a Spark data frame of all rows.
    :param suite: mapping as `load_suite` returns it.
    :return: what was found, in the suite's order.
    :raises BadInput: as `validate` does.
    """
    found = _run(frame, suite, source="spark")["results"]
    return [_judged(index, suite["expectations"][index], item) for index, item in enumerate(found)]


def broken_rows(frame: pd.DataFrame, suite: Mapping[str, Any], position: int) -> list[int]:
    """Find the rows that break a row-level expectation.

    :param frame: all rows.
    :param suite: as `core.suite.read_suite` returns it.
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
    raised = _exception(item)
    result = dict(item.get("result") or {})
    partial = result.get("partial_unexpected_list") or ()
    return Judged(
        position=position,
        type=expectation["type"],
        kwargs=expectation["kwargs"],
        holds=None if raised else bool(item.get("success")),
        error=raised[:MAX_SHOWN_TEXT] if raised else None,
        numbers={name: shown(result[name]) for name in NUMBERS if name in result},
        partial_unexpected=[shown(value) for value in partial[:MAX_SHOWN]],
        engine=GREAT_EXPECTATIONS,
    )


def _run(
    frame: Any, suite: Mapping[str, Any], result_format: str = "SUMMARY", source: str = "pandas"
) -> dict[str, Any]:
    gx = library()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    definition = gx.ExpectationSuite(name=suite["name"])
    for index, item in enumerate(suite["expectations"]):
        definition.add_expectation(_expectation(gx, item, index))
    # Rows that are cached already stay what they are; Great Expectations would cache each batch once more.
    options = {"persist": False} if source == "spark" else {}
    batch = (
        getattr(context.data_sources, f"add_{source}")("snapshot", **options)
        .add_dataframe_asset("rows")
        .add_batch_definition_whole_dataframe("all")
    )
    validation = batch.get_batch({"dataframe": frame}).validate(
        context.suites.add(definition),
        result_format={"result_format": result_format, "partial_unexpected_count": MAX_SHOWN},
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
    # A few class names hold capitals that a type does not show: ExpectColumnKLDivergenceToBeLessThan.
    classes = {known.lower(): known for known in dir(gx.expectations) if known.startswith("Expect")}
    name = "".join(part.capitalize() for part in item["type"].split("_"))
    kind = getattr(gx.expectations, classes.get(name.lower(), name), None)
    if kind is None:
        known = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one).lower() for one in classes.values()]
        raise BadInput(
            f"Great Expectations has no expectation {item['type']!r} (class {name}).{did_you_mean(item['type'], known)}"
        )
    try:
        return kind(**item["kwargs"], meta={**item.get("meta", {}), "position": index})
    except (TypeError, ValueError, OverflowError) as err:
        said = " ".join(str(err).split())[:300]  # of several lines
        given = str(dict(item["kwargs"]))[:MAX_SHOWN_TEXT]
        raise BadInput(f"Expectation {item['type']!r} refuses its kwargs {given}: {said}") from err


def _exception(item: Mapping[str, Any]) -> str | None:
    """Return what was raised: GX files it under exception_info, or per metric below; any means nothing was judged."""
    info = item.get("exception_info") or {}
    for found in (info, *info.values()):
        if isinstance(found, Mapping) and found.get("raised_exception"):
            return str(found.get("exception_message") or "Great Expectations raised an exception without a message.")
    return None
