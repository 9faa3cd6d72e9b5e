"""What must be known about a model before it is promoted: who owns it, what it is for, how much is at stake."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.verdict import Outcome, RuleResult

KEYS = ("owner", "intended_use", "risk_tier", "regulatory_standard", "retention")
RISK_TIER = "risk_tier"
RULE = "governance"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST = 1_000


def read_required(mapping: Any, where: str) -> tuple[str, ...]:
    """Read the section ``governance`` of a policy.

    :param mapping: what was loaded: ``{"required": [tag, ...]}``.
    :param where: where it stands, for the error message.
    :return: names of the tags that a version must have.
    :raises BadInput: on an unknown or malformed key.
    """
    reading.check_keys(mapping, where, allowed=("required",), required=("required",))
    return tuple(_name(name, f"{where}: required") for name in reading.texts(mapping["required"], f"{where}: required"))


def read_values(given: Any, where: str = "governance") -> dict[str, str]:
    """Read what a task says about a model.

    :param given: text by tag name; what is empty or None, as a template that found nothing, is left out.
    :param where: what it is, for the error message.
    :return: the tags.
    :raises BadInput: when a name or a value is not plain text.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadInput(f"{where} must be a mapping from tags such as {KEYS[0]!r} to texts, not {given!r}.")
    found = {}
    for name, value in given.items():
        text = "" if value is None else str(value).strip()
        if len(text) > _MOST or not text.isprintable():
            raise BadInput(f"{where}: {name} must be one line of at most {_MOST:,} characters.")
        if text:
            found[_name(name, where)] = text
    return found


def governance_of(
    required: Iterable[str], version_tags: Mapping[str, str], model_tags: Mapping[str, str]
) -> dict[str, str]:
    """Gather what the registry says about a version: its own tags, else those of the registered model.

    :param required: names of the tags that the policy demands; the known ones are gathered too.
    :param version_tags: tags of the version.
    :param model_tags: tags of the registered model.
    :return: the tags that have a value.
    """
    names = dict.fromkeys((*KEYS, *required))
    found = {name: (version_tags.get(name) or model_tags.get(name) or "").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def governance_rule(required: Iterable[str], values: Mapping[str, str], version: str) -> RuleResult:
    """Judge whether all that a policy demands to be known is known.

    :param required: names of the tags.
    :param values: the tags that have a value.
    :param version: the version, for the reason.
    :return: PASS, or FAIL that names what is missing and how to set it.
    """
    asked = tuple(required)
    numbers = {"required": list(asked), "values": dict(values)}
    missing = [name for name in asked if not values.get(name)]
    if missing:
        reason = (
            f"Version {version} lacks the tag {', '.join(map(repr, missing))}: set it on the version or on the "
            f"registered model in MLflow, or pass governance={{{missing[0]!r}: ...}} to RegisterModelOperator."
        )
        return RuleResult(rule=RULE, outcome=Outcome.FAIL, reason=reason, numbers=numbers)
    reason = (
        f"The tags that the policy demands are set: {', '.join(asked)}." if asked else "The policy demands no tags."
    )
    return RuleResult(rule=RULE, outcome=Outcome.PASS, reason=reason, numbers=numbers)


def _name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput(f"{where} has the name {name!r}; a tag's name is of small letters, digits and '_'.")
    return name
