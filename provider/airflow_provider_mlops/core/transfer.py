"""What goes with a version from one registry to another: its records, proved by their hashes, and who may take it."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_mlops.core.alias_moves import CHAMPION, Withdrawn, deciding_move, withdrawn_versions
from airflow_provider_mlops.core.approval import approval_of
from airflow_provider_mlops.core.canonical import canonical_json
from airflow_provider_mlops.core.errors import EvidenceBroken, Refused
from airflow_provider_mlops.core.evidence import registration_by_version, training_of
from airflow_provider_mlops.core.promotion import forced, not_older, not_withdrawn
from airflow_provider_mlops.core.record import Record, read_record
from airflow_provider_mlops.core.rollback import rollback_targets
from airflow_provider_mlops.core.verdict import Outcome, RuleResult, Verdict

_OWN = ("mlflow_run_id", "mlflow_experiment_id", "logged_model_id", "version", "alias", "previous_version")


def evidence_of(records: Sequence[Record], model: str, version: str, alias: str = CHAMPION) -> list[Record]:
    """Gather the records on which a version's promotion rests.

    :param records: records of the model's ledger, oldest first.
    :param model: name of the model, for the error.
    :param version: the version; empty for the one that the ledger has put the alias on.
    :param alias: the alias that it must have held by a valid record.
    :return: what says what it is (training, adoption or transfer) first, then its registration, evaluation, verdict and
        approval where there are any, and its promotion last.
    :raises Refused: when it never held the alias by a valid record, or was rolled back from or retired since.
    """
    decided = deciding_move(records, alias)
    version = version or str(decided.body["version"] if decided else "")
    if (withdrawn := withdrawn_versions(records).get(version)) is not None:
        raise Refused(f"Version {version} of model {model!r} {withdrawn.why}; it goes nowhere.")
    (move,) = rollback_targets(records, None, target=version, alias=alias)
    registered = registration_by_version(records, model, version)
    made = training_of(records, model, registered.body["manifest_hash"])
    wanted = {move.body.get("gate_record_hash")}
    evaluated = move.body.get("evaluation_id")
    between = [
        record
        for record in records
        if record.hash in wanted
        or (record.kind == "evaluation" and record.mode == "live" and record.body["evaluation_id"] == evaluated)
    ]
    approval = approval_of(records, move.body.get("gate_record_hash") or "")
    found = [made, registered, *between, *([approval] if approval else []), move]
    return list({record.hash: record for record in found}.values())


def copied(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return records in the form that another ledger keeps, each proved against its hash.

    :param records: the records.
    :return: their JSON-safe forms.
    :raises EvidenceBroken: when one is not what was hashed.
    """
    return [check_copy(record.to_dict()).to_dict() for record in records]


def check_copy(data: Mapping[str, Any]) -> Record:
    """Prove the copy of a record against the hash that it states.

    :param data: its JSON-safe form.
    :return: the record.
    :raises EvidenceBroken: when it is not what was hashed.
    """
    try:
        return read_record(canonical_json(dict(data)).encode() + b"\n")
    except EvidenceBroken as err:
        raise EvidenceBroken(f"The copy of record {data.get('seq')} of {data.get('chain')} is {err}") from None


def transfer_body(records: Sequence[Record], version: str, place: Mapping[str, str]) -> dict[str, Any]:
    """Write the record that stands for training and registration in the other ledger.

    :param records: as `evidence_of` gathers them.
    :param version: the version in the other registry.
    :param place: ``logged_model_id``, ``mlflow_run_id`` and ``mlflow_experiment_id`` there.
    :return: the body: what the model is, where it lies there, where it came from, and the records themselves.
    """
    made, move = records[0], records[-1]
    facts = {name: value for name, value in made.body.items() if name not in (*_OWN, "source", "records")}
    source = {"chain": move.chain, "version": move.body["version"], "promotion": move.hash}
    return {
        **facts,
        **place,
        "partition_key": move.body.get("partition_key"),
        "version": version,
        "source": source,
        "records": copied(records),
    }


def decide_transfer(
    *,
    version: str,
    move: Record,
    alias: str,
    current: str | None,
    expected: str | None,
    champion_partition_key: str | None,
    withdrawn: Withdrawn | None,
    force_reason: str | None,
) -> Verdict:
    """Decide whether a copied version may take an alias in the other registry.

    :param version: the version there.
    :param move: the promotion or adoption that it was copied for.
    :param alias: the alias there.
    :param current: version that holds it now; None for none.
    :param expected: version that must hold it; None when that does not matter.
    :param champion_partition_key: partition that the current one was promoted for; None when no record says so.
    :param withdrawn: why the version is not to be used again there; None when nothing speaks against it.
    :param force_reason: why an older partition's model replaces a newer one nevertheless.
    :return: PASS or FAIL, with the reason of every rule.
    """
    came = RuleResult(
        rule="promoted_in_source",
        outcome=Outcome.PASS,
        reason=f"It held its alias in {move.chain} as version {move.body['version']} by a valid record.",
        numbers={"chain": move.chain, "record": move.hash, "kind": move.kind},
    )
    rules = [came, _expected(alias, current, expected, version), not_withdrawn(version, withdrawn)]
    if move.body.get("partition_key") is not None:
        rules.append(not_older(alias, move.body["partition_key"], current, champion_partition_key))
    retired = withdrawn is not None and withdrawn.for_good
    rules = [forced(rule, force_reason, retired=retired) for rule in rules]
    return Verdict.from_rules(rules, ["forced"] if any("forced" in rule.numbers for rule in rules) else [])


def _expected(alias: str, current: str | None, expected: str | None, version: str) -> RuleResult:
    numbers = {"current": current, "expected": expected}
    if expected is None or current in (expected, version):
        reason = f"Alias {alias!r} is on {current or 'no version'}, which this promotion may replace."
        return RuleResult(rule="champion_unchanged", outcome=Outcome.PASS, reason=reason, numbers=numbers)
    reason = f"Alias {alias!r} is on {current or 'no version'}, not on version {expected}; look who moved it."
    return RuleResult(rule="champion_unchanged", outcome=Outcome.FAIL, reason=reason, numbers=numbers)
