"""The rule about a model's files: judged from what was found in them, without loading any."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core.rules import ArtifactScan
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

_SHOWN = 5
_LISTS = ("files", "pickles", "untrusted_types", "unknown")


def judge_artifacts(rule: ArtifactScan, facts: Mapping[str, Any]) -> RuleResult:
    """Judge whether a model can be loaded without running code that nobody has allowed.

    :param rule: the rule.
    :param facts: what the evaluation recorded: ``artifacts``.
    :return: PASS; FAIL when a pickle, an untrusted type or a file of an unknown format is found that the policy does
        not name; INCONCLUSIVE when the files were not, or could not be, looked at.
    """
    found = facts.get("artifacts")
    if not isinstance(found, Mapping):
        reason = "The evaluation did not look at the model's files: more rows would not help, evaluate with that check."
        return RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason)
    lists = {name: found.get(name) for name in _LISTS}
    if found.get("error") or not lists["files"] or not all(isinstance(value, list) for value in lists.values()):
        reason = f"The model's files could not be looked at: {found.get('error') or 'nothing was found'}"
        return RuleResult(rule=rule.name, outcome=Outcome.INCONCLUSIVE, reason=reason)
    return _judge(rule, {name: list(value) for name, value in lists.items() if value is not None})


def _judge(rule: ArtifactScan, found: Mapping[str, list[Any]]) -> RuleResult:
    pickles = [str(item.get("path")) if isinstance(item, Mapping) else str(item) for item in found["pickles"]]
    untrusted = sorted(set(map(str, found["untrusted_types"])) - set(rule.trusted_types))
    numbers = {"files": len(found["files"]), "pickles": pickles, "untrusted_types": untrusted}
    numbers |= {"unknown": found["unknown"], "allowed_types": sorted(set(rule.trusted_types))}
    problems = []
    if pickles and not rule.allow_pickle:
        problems.append(f"holds a pickle, which runs code when it is loaded: {_some(pickles)}")
    if untrusted:
        problems.append(f"holds types that the policy does not name: {_some(untrusted)}")
    if found["unknown"]:
        problems.append(f"holds files of an unknown format: {_some(found['unknown'])}")
    if problems:
        reason = f"The model {'; and '.join(problems)}."
        return RuleResult(rule=rule.name, outcome=Outcome.FAIL, reason=reason, numbers=numbers)
    trusted = f", {len(rule.trusted_types)} types that the policy names" if rule.trusted_types else ""
    held = "pickles, which the policy allows" if pickles else "no pickle"
    reason = f"The {len(found['files'])} files of the model hold {held}, no other untrusted type{trusted}."
    return RuleResult(rule=rule.name, outcome=Outcome.PASS, reason=reason, numbers=numbers)


def _some(names: list[Any]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(map(str, names[:_SHOWN]))}{more}"
