"""Says in a few words what a record is about, from its body; nothing here reads anything else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_mlops.cli import describe_moves, describe_retraining
from airflow_provider_mlops.core.approval_records import described
from airflow_provider_mlops.core.drift_options import DRIFT_WORDS
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.verdict import Outcome, Verdict

# Bodies are sorted by name; a reader wants the ranking first.
_METRICS_FIRST = ("roc_auc", "average_precision", "multiclass_accuracy", "rmse")
_MOST_PARTITIONS = 3
_NOT_REGISTERED = "not registered"


def describe(record: Record) -> str:
    """Say what a record is about.

    :param record: any record, also of a kind or a form that this version does not know.
    :return: a few words or one sentence; empty when the body holds nothing that can be said.
    """
    describer = _DESCRIBERS.get(record.kind)
    try:
        return describer(record.body) if describer else first_reason(record.body)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return first_reason(record.body)


def first_reason(body: Mapping[str, Any]) -> str:
    """Return the first reason of a body's verdict that blocks, else its own reason, else nothing.

    :param body: the body of any record.
    :return: the reason; empty when there is none.
    """
    try:
        reason = next(iter(_verdict(body).reasons), None)
    except (AttributeError, KeyError, TypeError, ValueError):
        reason = None
    return str(reason or body.get("reason") or "")


def snapshot(body: Mapping[str, Any]) -> str:
    """Return how many rows a snapshot holds."""
    return count(body["rows"], "row")


def validation(body: Mapping[str, Any]) -> str:
    """Return how many rules hold, and how many rows were set aside, or the first reason against the snapshot."""
    verdict = _verdict(body)
    aside = body.get("quarantine") or {}
    told = f"; {count(aside['rows'], 'row')} set aside" if aside else ""
    return f"{_hold(verdict)}{told}" if verdict.passed else first_reason(body)


def contract(body: Mapping[str, Any]) -> str:
    """Return the first difference between the columns and their contract."""
    diff = body["diff"]
    more = f" and {count(len(diff) - 1, 'more difference')}" if len(diff) > 1 else ""
    return f"{diff[0]}{more}" if diff else "the columns are those of the contract"


def data_check(body: Mapping[str, Any]) -> str:
    """Return which rows were checked, or the first reason against them."""
    verdict = _verdict(body)
    keys = [item["partition_key"] for item in body["train"]]
    return f"{_hold(verdict)} for {_partitions(keys)}" if verdict.passed else first_reason(body)


def training(body: Mapping[str, Any]) -> str:
    """Return what a model was trained on, or why it was not."""
    if "manifest" not in body:
        return first_reason(body)
    keys = [item["partition_key"] for item in body["manifest"]["train"]["snapshots"]]
    fit = body["manifest"].get("fit")
    on = f", {fit['kind']} on version {fit['base']['version']}" if fit else ""
    return f"{count(body['rows'], 'row')} of {_partitions(keys)}{on}"


def training_start(body: Mapping[str, Any]) -> str:
    """Return which version each alias named."""
    return ", ".join(f"{alias} is version {found or 'none yet'}" for alias, found in body["versions"].items())


def registration(body: Mapping[str, Any]) -> str:
    """Return the version that was made."""
    return f"version {body['version']}"


def evaluation(body: Mapping[str, Any]) -> str:
    """Return one metric of the candidate beside that of the champion, and what was found besides."""
    metrics, champion = body["metrics"], body["champion"]
    order = [name for name in _METRICS_FIRST if name in metrics]
    order += [name for name in metrics if name not in order]
    version = body["candidate"]["version"]
    candidate = _NOT_REGISTERED if version is None else f"version {version}"
    for name in order:
        ours, theirs = _value(metrics[name]["candidate"]), _value(metrics[name]["champion"])
        if ours is None:
            continue
        if champion is None or theirs is None:
            return f"{name} {ours} ({candidate}){_found_besides(body)}"
        return f"{name} {ours} vs {theirs} ({candidate} vs {champion['version']}){_found_besides(body)}"
    return first_reason(body)


def gate(body: Mapping[str, Any]) -> str:
    """Return that all rules hold, with the marks of the verdict, or the first reason that did not pass."""
    verdict = _verdict(body)
    marks = f" [{', '.join(verdict.marks)}]" if verdict.marks else ""
    every = "all " if len(verdict.rules) > 1 else ""
    return f"{every}{_hold(verdict)}{marks}" if verdict.passed else first_reason(body)


def approval_request(body: Mapping[str, Any]) -> str:
    """Return about which version who was asked."""
    approvers = body["approvers"]
    who = "whoever may answer" if approvers is None else ", ".join(member["name"] for member in approvers)
    return f"version {body['version']}: asked {who}"


def approval(body: Mapping[str, Any]) -> str:
    """Return who answered what about which version, and why."""
    return described(body)


def model_card(body: Mapping[str, Any]) -> str:
    """Return of which version the card is."""
    return f"card of version {body['version']}"


def notification(body: Mapping[str, Any]) -> str:
    """Return about which record people were told, or why not."""
    if body["error"]:
        return f"attempt {body['attempt']} to tell about {body['record_hash'][:19]} failed: {body['error']}"
    return f"told about {body['record_hash'][:19]}"


def promotion(body: Mapping[str, Any]) -> str:
    """Return from which to which version the alias moved, or why it did not."""
    if not _verdict(body).passed:
        return first_reason(body)
    version, previous = body["version"] or _NOT_REGISTERED, body["previous_version"]
    return f"{body['alias']}: version {version if previous is None else f'{previous} -> {version}'}"


def profile(body: Mapping[str, Any]) -> str:
    """Return of what a profile is, or in what it differs from the recorded one."""
    if body.get("differs"):
        return f"{body['kind']}: {body['differs'][0]}"
    return f"{body['kind']}: {count(body['rows'], 'row')} by the reference of version {body['champion_version']}"


def drift(body: Mapping[str, Any]) -> str:
    """Return what drifted, or in how many checks nothing did, or why nobody can say."""
    verdict, kind = _verdict(body), DRIFT_WORDS[body.get("kind", "feature")]
    muted = [str(rule.numbers["muted"]) for rule in verdict.rules if "muted" in rule.numbers]
    told = f"; muted: {'; '.join(muted)}" if muted else ""
    if verdict.passed:
        return f"no {kind} in {count(len(verdict.rules) - len(muted), 'check')}{told}"
    failed = [r.rule for r in verdict.rules if r.outcome is Outcome.FAIL and "muted" not in r.numbers]
    return f"{kind}: {', '.join(failed)}{told}" if failed else f"{kind}: {first_reason(body)}"


def retrain_claim(body: Mapping[str, Any]) -> str:
    """Return how many verdicts were claimed."""
    told = [
        count(len(body.get(f"{kind}_record_hashes") or ()), f"{kind} record")
        for kind in ("drift", "performance")
        if body.get(f"{kind}_record_hashes")
    ]
    return " and ".join(told) or "no verdict"


def replay(body: Mapping[str, Any]) -> str:
    """Return the level at which a replay agrees with the record, and the first difference."""
    return ": ".join([body["level"], *body["differences"][:1]])


def pruning(body: Mapping[str, Any]) -> str:
    """Return how many snapshots were removed."""
    scores = f", {count(len(body['scores']), 'file')} of scores" if body["scores"] else ""
    profiles = f", {count(len(body['profiles']), 'profile')}" if body.get("profiles") else ""
    return f"{count(len(body['snapshots']), 'snapshot')}{scores}{profiles} removed"


def erasure(body: Mapping[str, Any]) -> str:
    """Return how many rows were erased, from how much, and why."""
    snapshots, scores = body.get("snapshots", []), body["scores"]
    rows = sum(item["rows_erased"] for item in (snapshots or scores))
    where = count(len(snapshots), "snapshot") if snapshots else f"{count(len(scores), 'file')} of scores"
    return f"{count(rows, 'row')} of {where} erased: {body['reason']}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, e.g. ``26,865 rows`` or ``1 row``.

    :param number: how many.
    :param noun: the singular; its plural is formed with an s.
    :return: both.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _found_besides(body: Mapping[str, Any]) -> str:
    """Name what speaks against a candidate before any policy does."""
    leakage, serving = body.get("leakage") or {}, body.get("infrastructure") or {}
    found = [f"{count(leakage['row_overlap'], 'row')} of the training"] if leakage.get("row_overlap") else []
    found += ["trained on later rows"] if leakage.get("time_ordered") is False else []
    found += ["does not load"] if serving.get("loads") is False else []
    return f"; {', '.join(found)}" if found else ""


def _verdict(body: Mapping[str, Any]) -> Verdict:
    return Verdict.from_dict(body["verdict"])


def _hold(verdict: Verdict) -> str:
    return f"{count(len(verdict.rules), 'rule')} hold{'s' if len(verdict.rules) == 1 else ''}"


def _value(estimate: Mapping[str, Any] | None) -> str | None:
    return None if estimate is None or estimate["value"] is None else f"{estimate['value']:.3f}"


def _partitions(keys: Sequence[str]) -> str:
    if len(keys) > _MOST_PARTITIONS:
        return f"{keys[0]} to {keys[-1]}"
    return ", ".join(keys)


_DESCRIBERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    describer.__name__: describer
    for describer in (
        snapshot,
        contract,
        validation,
        data_check,
        training,
        training_start,
        registration,
        evaluation,
        gate,
        approval_request,
        approval,
        notification,
        model_card,
        promotion,
        describe_moves.rollback,
        describe_moves.retirement,
        describe_moves.adoption,
        describe_moves.transfer,
        describe_moves.reconciliation,
        profile,
        drift,
        describe_retraining.performance,
        retrain_claim,
        describe_retraining.retrain,
        describe_retraining.mute,
        describe_retraining.unmute,
        replay,
        pruning,
        erasure,
    )
}
