"""What a performance verdict says in short: enough to decide on a retraining without its rules and figures."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core.late import Late
from airflow_provider_mlops.core.verdict import Outcome

WORST_FIRST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)


def summary_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sum up a verdict; where an index of the ledger holds the summary nothing is read.

    :param body: body of the record.
    :return: ``said``: the worst outcome of the rules by the kind that they name, "" where they name none; ``highs``:
        upper end of the interval of each realised metric.
    """
    if isinstance(body, Late) and body.summary is not None:
        return body.summary
    said: dict[str, str] = {}
    for rule in _part(body, "verdict").get("rules") or ():
        kind = str(_part(rule, "numbers").get("kind") or "")
        said[kind] = worst(said.get(kind, Outcome.PASS), rule["outcome"]).value
    realised = _part(body, "realised")
    return {"said": said, "highs": {name: _part(_part(realised, name), "now").get("high") for name in realised}}


def worst(*outcomes: str) -> Outcome:
    """Return the worst of some outcomes.

    :param outcomes: at least one.
    """
    found = {Outcome(outcome) for outcome in outcomes}
    return next(one for one in WORST_FIRST if one in found)


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}
