"""The full result of a validation, in the shape of Great Expectations, with bounded lists."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.expectation import Judged


def gx_shaped(judged: Sequence[Judged], suite: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Write what was found as Great Expectations writes the result of a validation.

    :param judged: what was found, in the suite's order.
    :param suite: as `core.suite.read_suite` returns it.
    :param meta: facts about the validation, JSON-safe.
    :return: ``success``, ``suite_name``, ``results``, ``statistics`` and ``meta``; lists of values hold at most 20.
    """
    results = [_result(item, suite["expectations"][item.position]) for item in judged]
    held = sum(result["success"] for result in results)
    return {
        "success": held == len(results),
        "suite_name": suite["name"],
        "suite_parameters": {},
        "results": results,
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": held,
            "unsuccessful_expectations": len(results) - held,
            "success_percent": 100 * held / len(results) if results else None,
        },
        "meta": dict(meta),
    }


def _result(item: Judged, expectation: Mapping[str, Any]) -> dict[str, Any]:
    raised = {"raised_exception": item.error is not None, "exception_message": item.error, "exception_traceback": None}
    return {
        "success": item.holds is True,
        "expectation_config": {
            "type": item.type,
            "kwargs": dict(item.kwargs),
            "meta": {**expectation.get("meta", {}), "position": item.position},
            "severity": expectation["severity"],
        },
        "result": {**item.numbers, "partial_unexpected_list": list(item.partial_unexpected)},
        "meta": {"engine": item.engine, "sample_rows": item.sample_rows, "undecided": item.holds is None},
        "exception_info": raised,
    }
