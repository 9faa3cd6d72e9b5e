"""Says in a few words what the records of performance, of retraining and of muting are about."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core.verdict import Outcome, Verdict


def performance(body: Mapping[str, Any]) -> str:
    """Return what a version does not keep up, or how many rules it keeps, or why nobody can say."""
    verdict, who = Verdict.from_dict(body["verdict"]), f"version {body['champion_version']}"
    if verdict.passed:
        return f"{who} keeps {len(verdict.rules)} rule{'' if len(verdict.rules) == 1 else 's'}"
    broken = [rule.rule for rule in verdict.rules if rule.outcome is Outcome.FAIL]
    return f"{who} breaks {', '.join(broken)}" if broken else verdict.reasons[0]


def retrain(body: Mapping[str, Any]) -> str:
    """Return what called for a retraining, or the first reason why it was avoided."""
    verdict = Verdict.from_dict(body["verdict"])
    if not verdict.passed:
        return f"avoided: {verdict.reasons[0]}"
    marks = f" [{', '.join(verdict.marks)}]" if verdict.marks else ""
    return f"retrains on {body['training_partition_key']}: {', '.join(body['triggers'])}{marks}"


def mute(body: Mapping[str, Any]) -> str:
    """Return what is muted until when, and why."""
    named = [str(body[name]) for name in ("feature", "rule", "drift_kind") if body.get(name)]
    return f"{', '.join(named)} until {body['until']} by {body['who']}: {body['why']}"


def unmute(body: Mapping[str, Any]) -> str:
    """Return who ended a mute, and why."""
    return f"by {body['who']}: {body['why']}"
