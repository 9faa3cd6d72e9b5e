"""The rules of a promotion that are about evidence: data validated and checked, the policy, the stored bytes."""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_mlops.core.errors import Refused
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, RuleResult


def training_data_validated(validations: Mapping[str, str | None]) -> RuleResult:
    """Judge whether every snapshot of a training has a validation with PASS.

    :param validations: outcome of the validation of each training snapshot, by snapshot id; None where none exists.
    :return: PASS or FAIL.
    """
    rule = "training_data_validated"
    numbers = {"validations": dict(validations)}
    if not validations:
        return _fail(rule, "The training names no snapshot, so nothing proves its data; train from snapshots.", numbers)
    bad = {snapshot: outcome for snapshot, outcome in validations.items() if outcome != Outcome.PASS}
    if not bad:
        return _pass(rule, f"All {len(validations)} training snapshots passed validation.", numbers)
    named = ", ".join(f"{snapshot} ({outcome or 'no validation record'})" for snapshot, outcome in bad.items())
    return _fail(
        rule,
        f"{len(bad)} of {len(validations)} training snapshots have no PASS; "
        f"validate them, or train without them: {named}.",
        numbers,
    )


def checks_of(records: Iterable[Record], manifest: Mapping[str, Any], mode: str = "live") -> list[Record]:
    """Find the checks of the very rows that a training took, the newest by each file of checks.

    :param records: records of the dataset's ledger, oldest first.
    :param manifest: the training's manifest.
    :param mode: mode of the run; its own checks count beside the live ones.
    :return: the records ``data_check``; a later one by the same file takes the place of an earlier one.
    """
    train, test = manifest.get("train") or {}, manifest.get("test") or {}
    rows = (train.get("snapshots"), test.get("snapshot_id"), train.get("until"), train.get("since"))
    found: dict[str, Record] = {}
    for record in records:
        body = record.body
        if record.kind == "data_check" and record.mode in ("live", mode):
            checked = (body["train"], body["test"]["snapshot_id"], body.get("cutoff"), body.get("since"))
            if checked == rows:
                found[str(body.get("checks"))] = record
    return list(found.values())


def training_data_checked(checked: Iterable[Record], demanded: str | None) -> RuleResult:
    """Judge whether the checks of a training's rows passed: those that were made, and one that is demanded.

    :param checked: as `checks_of` finds them.
    :param demanded: hash of the checks that there must be a PASS by; None to demand none.
    :return: PASS or FAIL.
    """
    rule, records = "training_data_checked", list(checked)
    numbers = {"checks": {record.hash: record.outcome for record in records}, "demanded": demanded}
    if bad := [record for record in records if record.outcome != Outcome.PASS]:
        named = ", ".join(f"{record.body.get('checks')} said {record.outcome}" for record in bad)
        return _fail(rule, f"The rows that it was trained on did not pass their checks: {named}.", numbers)
    if demanded is not None and demanded not in {record.body.get("checks_hash") for record in records}:
        reason = "The rows that it was trained on have no verdict by the demanded checks; check and train anew."
        return _fail(rule, reason, numbers)
    if not records:
        return _pass(rule, "Nothing demands that the training rows are checked, and no check of them failed.", numbers)
    return _pass(rule, f"The training rows passed their checks ({len(records)}).", numbers)


def policy_pinned(gate: Mapping[str, Any] | None, pinned: str | None) -> RuleResult:
    """Judge whether the verdict was given by the policy that the promotion goes by.

    :param gate: the gate's record as `Record.to_dict` gives it; None when there is none.
    :param pinned: hash of that policy; None to take any.
    :return: PASS or FAIL.
    """
    rule, body = "policy_pinned", (gate or {}).get("body") or {}
    numbers = {"policy_hash": body.get("policy_hash"), "pinned": pinned}
    if pinned is None:
        return _pass(rule, "The promotion goes by no policy of its own.", numbers)
    if body.get("policy_hash") == pinned:
        return _pass(rule, "The verdict was given by the policy that the promotion goes by.", numbers)
    return _fail(
        rule,
        f"The verdict was given by policy {body.get('policy')} {body.get('policy_hash')}, the promotion goes by "
        f"{pinned}: judge the version by that one.",
        numbers,
    )


def check_pinned(gate: Record, pinned: str | None) -> None:
    """Refuse a verdict by another policy before anybody is asked about it.

    :param gate: the gate's record.
    :param pinned: hash of the policy; None to take any.
    :raises Refused: when it was given by another one.
    """
    found = policy_pinned(gate.to_dict(), pinned)
    if found.outcome is not Outcome.PASS:
        raise Refused(found.reason)


def failed_by_others(records: Iterable[Record], gate: Record) -> list[Record]:
    """Find earlier verdicts on a version that were FAIL, by another policy: who promotes should know of them.

    :param records: records of the model's ledger, oldest first.
    :param gate: the gate's record that is gone by.
    :return: the records, the newest by each policy; without those that the same policy took back by a PASS since.
    """
    found: dict[str, Record] = {}
    version = gate.body["candidate_version"]
    for record in records:
        same = (record.kind, record.mode) == ("gate", "live") and record.body.get("candidate_version") == version
        if same and version is not None and record.body.get("policy_hash") != gate.body.get("policy_hash"):
            found[str(record.body.get("policy_hash"))] = record
    return [record for record in found.values() if record.outcome == Outcome.FAIL]


def artifact_unchanged(problem: str | None) -> RuleResult:
    """Judge whether the registry still holds the bytes that were trained, adopted or copied.

    :param problem: which file is another one, as a sentence; None when all are the recorded ones.
    :return: PASS or FAIL.
    """
    rule = "artifact_unchanged"
    if problem is not None:
        return _fail(rule, f"{problem} Find out who changed it, and train anew.", {})
    return _pass(rule, "The stored model has the bytes and the digest of the ledger.", {})


def _pass(rule: str, reason: str, numbers: Mapping[str, Any]) -> RuleResult:
    return RuleResult(rule=rule, outcome=Outcome.PASS, reason=reason, numbers=numbers)


def _fail(rule: str, reason: str, numbers: Mapping[str, Any]) -> RuleResult:
    return RuleResult(rule=rule, outcome=Outcome.FAIL, reason=reason, numbers=numbers)
