"""Who may take the alias: the rules of promotion, as a function of what the ledger and the registry say."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.alias_moves import Withdrawn
from airflow_provider_mlops.core.approval import approval_rule
from airflow_provider_mlops.core.governance import governance_rule
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.promotion_evidence import (
    policy_pinned,
    training_data_checked,
    training_data_validated,
)
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict


def decide_promotion(
    *,
    candidate_version: str,
    candidate_digest: str,
    partition_key: str,
    gate: Mapping[str, Any] | None,
    validations: Mapping[str, str | None],
    current_champion: str | None,
    evaluated_champion: str | None,
    champion_partition_key: str | None,
    alias: str = "champion",
    approval: Mapping[str, Any] | None = None,
    risk_tier: str | None = None,
    judged_again: str | None = None,
    judged_again_as: str | None = None,
    withdrawn: Withdrawn | None = None,
    required_tags: Sequence[str] = (),
    governance: Mapping[str, str] | None = None,
    force_reason: str | None = None,
    pinned_policy: str | None = None,
    checked: Sequence[Record] = (),
    demanded_checks: str | None = None,
    failed_by_others: bool = False,
) -> Verdict:
    """Decide whether a candidate may take the alias; every rule must pass.

    - ``gate_passed``: a gate record with PASS names this version and this digest, and a human approved that very
      record where it is INCONCLUSIVE or the policy demands it (`approval_rule`); and no human rejected it, and no
      later verdict took it back.
    - ``policy_pinned``: the verdict is by the policy that the promotion goes by, where it goes by one.
    - ``training_data_validated``: every snapshot it was trained on has a validation with PASS.
    - ``training_data_checked``: each check of these very rows passed, and one by the checks that are demanded.
    - ``champion_unchanged``: the alias still stands where it stood at the evaluation, or already on the candidate.
    - ``not_older``: the champion was not promoted for a newer partition, or a reason is given to force it.
    - ``not_withdrawn``: the version was not retired; nor rolled back from, unless a reason is given to force it.
    - ``governance``: the version has every tag that the policy demands.

    :param candidate_version: registry version that asks for the alias.
    :param candidate_digest: canonical digest of that version's model.
    :param partition_key: partition that the candidate is promoted for.
    :param gate: the gate's record as `Record.to_dict` gives it, of the mode of this run; None when there is none.
        Its body holds ``candidate_version`` and ``model_digest``.
    :param validations: outcome of the validation of each training snapshot, by snapshot id; None where none exists.
    :param current_champion: version that holds the alias now; None when no version does.
    :param evaluated_champion: version that the candidate was compared with; None when there was none.
    :param champion_partition_key: partition that the current champion was promoted for; None when no record says so.
    :param alias: the alias, for the reasons.
    :param approval: a human's answer to the gate's verdict as `Record.to_dict` gives it; None when there is none.
    :param risk_tier: the model's risk tier by its governance tags, None when unknown: a policy may demand a human then.
    :param judged_again: hash of a later verdict on this version, which makes an approval void; None when there is none.
    :param judged_again_as: what that verdict says; anything but PASS takes the PASS of before back.
    :param withdrawn: why the version is not to be used again; None when nothing speaks against it.
    :param required_tags: tags that the policy of the gate demands of the version.
    :param governance: the tags that the version has.
    :param force_reason: why an older partition's model, or one that was rolled back from, is promoted nevertheless.
    :param pinned_policy: hash of the policy that the promotion goes by; None to take the verdict of any.
    :param checked: the checks of the training's rows, as `promotion_evidence.checks_of` finds them.
    :param demanded_checks: hash of the checks that there must be a PASS by; None to demand none.
    :param failed_by_others: whether another policy's FAIL on this version is on record.
    :return: PASS or FAIL, with the reason of every rule; marked ``champion_without_record`` when the current champion
        has no record to compare partitions with, ``approved_by_human`` when a human's yes was needed,
        ``failed_by_another_policy`` when one did, ``forced`` when a rule holds only because of ``force_reason``.
    :raises BadInput: when a partition key is not one.
    """
    unrecorded = current_champion not in (None, candidate_version) and champion_partition_key is None
    gated = _gate_passed(gate, candidate_version, candidate_digest, approval, risk_tier, judged_again)
    if gated.outcome is Outcome.PASS and judged_again_as not in (None, Outcome.PASS):
        gated = _taken_back(candidate_version, judged_again, judged_again_as)
    approved = gated.outcome is Outcome.PASS and bool(gated.numbers.get("needed"))
    rules = [
        gated,
        training_data_validated(validations),
        _champion_unchanged(alias, candidate_version, current_champion, evaluated_champion),
        not_older(alias, partition_key, current_champion, champion_partition_key),
        not_withdrawn(candidate_version, withdrawn),
        governance_rule(required_tags, governance or {}, candidate_version),
        policy_pinned(gate, pinned_policy),
        training_data_checked(checked, demanded_checks),
    ]
    retired = withdrawn is not None and withdrawn.for_good
    rules = [forced(rule, force_reason, retired=retired) for rule in rules]
    marks = {
        "champion_without_record": unrecorded,
        "approved_by_human": approved,
        "failed_by_another_policy": failed_by_others,
        "forced": any("forced" in rule.numbers for rule in rules),
    }
    return Verdict.from_rules(
        rules,
        marks=(mark for mark, holds in marks.items() if holds),
    )


def _gate_passed(
    gate: Mapping[str, Any] | None,
    version: str,
    digest: str,
    approval: Mapping[str, Any] | None,
    risk_tier: str | None,
    judged_again: str | None,
) -> RuleResult:
    rule = "gate_passed"
    numbers: dict[str, Any] = {"candidate_version": version, "model_digest": digest}
    if gate is None:
        return _fail(rule, f"Version {version} has no gate record; run the gate on it first.", numbers)
    body = gate.get("body") or {}
    numbers = {**numbers, "gate_record": gate.get("hash"), "outcome": gate.get("outcome")}
    if gate.get("kind") != "gate":
        return _fail(
            rule, f"The record offered as the gate's is a {gate.get('kind')!r} record; pass the gate's.", numbers
        )
    if body.get("candidate_version") != version:
        judged = body.get("candidate_version")
        return _fail(rule, f"The gate judged version {judged}, not {version}; run the gate on {version}.", numbers)
    if body.get("model_digest") != digest:
        return _fail(
            rule,
            f"The gate judged version {version} with the digest {body.get('model_digest')}, the registry now holds "
            f"{digest}; find out who changed it, and register and judge it anew.",
            numbers,
        )
    said = gate.get("outcome")
    if said != Outcome.PASS and (said != Outcome.INCONCLUSIVE or approval is None):
        reason = f"The gate said {said} to version {version}; only PASS is promoted. Its record holds the reasons."
        return _fail(rule, reason, numbers)
    answer = approval_rule(gate, approval, risk_tier=risk_tier, judged_again=judged_again)
    numbers |= answer.numbers
    words = "The gate could not decide" if said == Outcome.INCONCLUSIVE else f"The gate passed version {version}"
    if answer.outcome is not Outcome.PASS:
        return _fail(rule, f"{words}. {answer.reason}", numbers)
    if answer.numbers["needed"]:
        return _pass(rule, f"{words}. {answer.reason}", numbers)
    return _pass(rule, f"{words} with this digest.", numbers)


def _taken_back(version: str, later: str | None, outcome: str | None) -> RuleResult:
    reason = f"Version {version} was judged again since, as {outcome}: promote by the newest verdict, not by an older."
    return _fail("gate_passed", reason, {"candidate_version": version, "gate_record": later, "outcome": outcome})


def _champion_unchanged(alias: str, candidate: str, current: str | None, evaluated: str | None) -> RuleResult:
    rule = "champion_unchanged"
    numbers = {"current": current, "evaluated": evaluated}
    if current == candidate:
        return _pass(rule, f"Alias {alias!r} is already on version {candidate}.", numbers)
    if current == evaluated:
        where = "is on no version" if current is None else f"is on version {current}"
        return _pass(rule, f"Alias {alias!r} {where}, as it was at the evaluation.", numbers)
    return _fail(
        rule,
        f"Alias {alias!r} is on {_version(current)}, but the candidate was compared with {_version(evaluated)}; "
        "evaluate and judge it again.",
        numbers,
    )


def not_older(alias: str, partition_key: str, current: str | None, champion_partition_key: str | None) -> RuleResult:
    """Judge whether a model would replace one of a newer partition.

    :param alias: the alias, for the reason.
    :param partition_key: partition that the model is promoted for.
    :param current: version that holds the alias now; None for none.
    :param champion_partition_key: partition that it was promoted for; None when no record says so.
    :return: PASS or FAIL.
    """
    rule = "not_older"
    numbers = {"partition_key": partition_key, "champion_partition_key": champion_partition_key}
    asked = Partition.parse(partition_key)
    if champion_partition_key is None:
        why = "is on no version" if current is None else f"was given to version {current} outside this ledger"
        return _pass(rule, f"Alias {alias!r} {why}, so there is no partition to be older than.", numbers)
    if asked.end < Partition.parse(champion_partition_key).end:
        return _fail(
            rule,
            f"The champion was promoted for {champion_partition_key}, which is newer than {partition_key}; "
            "train and judge a candidate for a newer partition, or give a force_reason.",
            numbers,
        )
    return _pass(rule, f"{partition_key} is not older than the champion's {champion_partition_key}.", numbers)


def not_withdrawn(version: str, withdrawn: Withdrawn | None) -> RuleResult:
    """Judge whether something speaks against using a version again.

    :param version: the version.
    :param withdrawn: what does; None for nothing.
    :return: PASS or FAIL.
    """
    rule = "not_withdrawn"
    if withdrawn is None:
        return _pass(rule, f"Version {version} was neither retired nor rolled back from.", {})
    numbers = {"record": withdrawn.record.hash, "kind": withdrawn.record.kind}
    way = "promote another one" if withdrawn.for_good else "promote another one, or give a force_reason"
    return _fail(rule, f"Version {version} {withdrawn.why}; {way}.", numbers)


def forced(rule: RuleResult, reason: str | None, *, retired: bool) -> RuleResult:
    """Let a stated reason override the two rules that are about prudence, and nothing else.

    :param rule: what a rule said.
    :param reason: why it is overridden; None or empty to override nothing.
    :param retired: whether the version was retired, which nothing overrides.
    :return: the same, or a PASS that says so.
    """
    forcible = rule.rule == "not_older" or (rule.rule == "not_withdrawn" and not retired)
    if rule.outcome is Outcome.PASS or not forcible or not reason:
        return rule
    return _pass(rule.rule, f"{rule.reason} Forced: {reason}", {**rule.numbers, "forced": reason})


def _version(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _pass(rule: str, reason: str, numbers: Mapping[str, Any]) -> RuleResult:
    return RuleResult(rule=rule, outcome=Outcome.PASS, reason=reason, numbers=numbers)


def _fail(rule: str, reason: str, numbers: Mapping[str, Any]) -> RuleResult:
    return RuleResult(rule=rule, outcome=Outcome.FAIL, reason=reason, numbers=numbers)
