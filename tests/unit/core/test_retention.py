"""What may be pruned, and why everything else stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retention import Rule, Stored, plan_pruning, states, used_by
from airflow_provider_mlops.core.retention_needs import needs_of_model

KEYS = ("2013-01", "2013-02", "2013-03", "2013-04")
IDS = {key: f"sha256:{digit * 64}" for key, digit in zip(KEYS, "abcd", strict=True)}
OTHER, SCORES = f"sha256:{'e' * 64}", f"sha256:{'f' * 64}"


@pytest.fixture
def dataset(tmp_path: Path) -> Ledger:
    """Four partitions, each taken and accepted."""
    ledger = Ledger(tmp_path, "dataset/flights")
    for key, snapshot_id in IDS.items():
        take(ledger, key, snapshot_id)
    return ledger


@pytest.fixture
def model(tmp_path: Path) -> Ledger:
    """An empty chain of a model."""
    return Ledger(tmp_path, "model/delays")


def add(ledger: Ledger, kind: str, outcome: str | None = None, mode: str = "live", **body: Any) -> Record:
    """Append a record."""
    return ledger.append(kind=kind, key=f"{len(ledger.records())}", body=body, outcome=outcome, mode=mode)


def take(ledger: Ledger, key: str, snapshot_id: str, **more: Any) -> None:
    """Record a snapshot and its PASS."""
    add(ledger, "snapshot", partition_key=key, snapshot_id=snapshot_id)
    add(
        ledger,
        "validation",
        "PASS",
        **{"partition_key": key, "snapshot_id": snapshot_id, "accepted_snapshot_id": snapshot_id, **more},
    )


def train(
    ledger: Ledger, version: str, key: str, train: list[str], test: str, promoted: bool = True, base: str | None = None
) -> None:
    """Record a version from training to promotion."""
    manifest: dict[str, Any] = {
        "train": {"snapshots": [{"snapshot_id": IDS[one]} for one in train]},
        "test": {"snapshot_id": test},
    }
    if base:
        manifest["fit"] = {"kind": "incremental", "base": {"manifest_hash": base}}
    made = f"m{version}"
    add(ledger, "training", partition_key=key, manifest=manifest, manifest_hash=made)
    add(ledger, "registration", partition_key=key, version=version, manifest_hash=made)
    add(
        ledger,
        "evaluation",
        partition_key=key,
        evaluation_id=f"e{version}",
        candidate={"manifest_hash": made},
        test={"snapshot_id": test},
        scores_id=SCORES,
    )
    add(ledger, "gate", "PASS" if promoted else "FAIL", partition_key=key, evaluation_id=f"e{version}")
    if promoted:
        before = [r.body["version"] for r in ledger.records("promotion")]
        add(
            ledger,
            "promotion",
            "PASS",
            partition_key=key,
            alias="champion",
            version=version,
            previous_version=before[-1] if before else None,
            manifest_hash=made,
        )


def stored(*ids: str, **more: Any) -> list[Stored]:
    """Snapshots in the storage."""
    return [Stored(snapshot_id=one, **more) for one in ids or IDS.values()]


def removed(found: Any) -> list[str]:
    """The ids that go."""
    return [item.snapshot_id for item in found.remove]


def needs(model: Ledger, aliases: dict[str, str] | None = None, **more: Any) -> Any:
    """What the model needs."""
    return needs_of_model("delays", model.records(), aliases or {}, audit_days=30, **more)


def test_the_newest_partitions_stay(dataset: Ledger) -> None:
    """With keep=2, and nothing that needs the older ones."""
    found = plan_pruning(stored(), dataset.records(), {}, Rule(keep=2))

    assert removed(found) == [IDS["2013-01"], IDS["2013-02"]]
    assert found.kept[IDS["2013-04"]] == ["one of the 2 newest partitions"]


def test_days_count_from_the_last_live_record(dataset: Ledger) -> None:
    """Nothing is older than a day now; tomorrow all are."""
    rule, now = Rule(older_than_days=1), datetime.now(UTC)

    assert removed(plan_pruning(stored(), dataset.records(), {}, rule, now=now)) == []
    assert len(removed(plan_pruning(stored(), dataset.records(), {}, rule, now=now + timedelta(days=2)))) == 4


def test_champion_golden_and_the_champion_before_stay(dataset: Ledger, model: Ledger) -> None:
    """With what they were trained and tested on, and their scores; each says for whom."""
    train(model, "1", "2013-02", ["2013-01"], IDS["2013-02"])
    train(model, "2", "2013-03", ["2013-02"], IDS["2013-03"])
    found = needs(model)
    plan = plan_pruning(stored(), dataset.records(), found.snapshots, Rule(keep=1))

    assert removed(plan) == []
    assert plan.kept[IDS["2013-01"]] == ["golden, champion before of delays (version 1)"]
    assert "champion of delays (version 2)" in plan.kept[IDS["2013-03"]]
    assert set(found.scores) == {SCORES}


def test_the_bases_of_a_kept_version_stay(dataset: Ledger, model: Ledger) -> None:
    """Without the rows that a base has learned, the versions that go on from it cannot be trained again."""
    train(model, "0", "2013-04", ["2013-04"], OTHER)  # the golden one, and needs nothing of this
    train(model, "1", "2013-02", ["2013-01"], IDS["2013-02"], promoted=False)
    for version, base, learned, tested in (("2", "1", "2013-02", "2013-03"), ("3", "2", "2013-03", "2013-04")):
        train(model, version, tested, [learned], IDS[tested], base=f"m{base}")
    for version in ("4", "5"):
        train(model, version, "2013-04", ["2013-04"], OTHER)
    assert IDS["2013-01"] not in needs(model).snapshots
    found = needs(model, {"shadow": "3"}).snapshots
    assert {IDS["2013-01"], IDS["2013-02"], IDS["2013-03"]} <= found.keys()
    assert plan_pruning(stored(), dataset.records(), found, Rule(keep=1)).remove == ()


def test_an_alias_of_the_registry_keeps_its_version(dataset: Ledger, model: Ledger) -> None:
    """Also where somebody moved it by hand, to a version that was refused."""
    train(model, "1", "2013-02", ["2013-01"], IDS["2013-02"], promoted=False)
    assert removed(plan_pruning(stored(), dataset.records(), needs(model).snapshots, Rule(keep=1))) == [
        IDS[key] for key in KEYS[:3]
    ]

    found = needs(model, {"shadow": "1"})

    assert removed(plan_pruning(stored(), dataset.records(), found.snapshots, Rule(keep=1))) == [IDS["2013-03"]]


def test_a_candidate_under_way_stays_until_it_is_refused(dataset: Ledger, model: Ledger) -> None:
    """A training without a verdict may yet be promoted."""
    manifest = {"train": {"snapshots": [{"snapshot_id": IDS["2013-01"]}]}}
    add(model, "training", partition_key="2013-02", manifest=manifest, manifest_hash="m9")

    assert needs(model).snapshots == {IDS["2013-01"]: ["candidate of delays under way (2013-02)"]}


def test_an_audit_keeps_what_it_replays_for_a_while(dataset: Ledger, model: Ledger) -> None:
    """Its partition's trainings and evaluations, whatever became of the candidate; not for ever."""
    train(model, "1", "2013-02", ["2013-01"], IDS["2013-02"], promoted=False)
    add(model, "replay", "PASS", mode="audit", partition_key="2013-02")

    assert set(needs(model).snapshots) == {IDS["2013-01"], IDS["2013-02"]}
    assert needs(model, now=datetime.now(UTC) + timedelta(days=31)).snapshots == {}


def test_pending_drift_keeps_its_snapshot(model: Ledger) -> None:
    """A retraining is about to be claimed for it."""
    add(model, "drift", "FAIL", partition_key="2013-03", snapshot_id=IDS["2013-03"])

    assert needs(model).snapshots == {IDS["2013-03"]: ["drift of delays in 2013-03 waits for a retraining"]}


def test_what_the_champion_has_scored_stays(model: Ledger) -> None:
    """Its prediction log names the features by the id of their snapshot; the log of nobody's version keeps none."""
    train(model, "1", "2013-02", ["2013-01"], IDS["2013-02"])
    add(model, "predictions", partition_key="2013-03", snapshot_id=IDS["2013-03"], manifest_hash="m1")
    add(model, "predictions", partition_key="2013-04", snapshot_id=IDS["2013-04"], manifest_hash="of nobody")

    assert {IDS["2013-01"], IDS["2013-02"], IDS["2013-03"]} == set(needs(model).snapshots)


def test_members_and_siblings_stay_with_what_is_kept(dataset: Ledger) -> None:
    """A window needs its members, an accepted snapshot what was set aside from it."""
    window = Stored(snapshot_id=OTHER, partition_keys=("2013-04",), names=frozenset({IDS["2013-01"]}))
    take(dataset, "2013-05", SCORES, quarantine={"snapshot_id": IDS["2013-02"]})
    add(dataset, "snapshot", partition_key="2013-05", snapshot_id=OTHER)
    add(dataset, "validation", "PASS", partition_key="2013-05", snapshot_id=OTHER, accepted_snapshot_id=OTHER)
    plan = plan_pruning([*stored(*IDS.values(), SCORES), window], dataset.records(), {}, Rule(keep=1))

    assert removed(plan) == [IDS["2013-03"], IDS["2013-04"]]
    assert plan.kept[IDS["2013-01"]] == [f"belongs to {OTHER[:19]}, which stays"]
    assert plan.kept[IDS["2013-02"]] == [f"belongs to {SCORES[:19]}, which stays"]


def test_what_is_not_judged_or_not_recorded_yet_stays(dataset: Ledger) -> None:
    """A task may be at work on it."""
    add(dataset, "snapshot", partition_key="2012-12", snapshot_id=OTHER)
    plan = plan_pruning(stored(OTHER, SCORES), dataset.records(), {}, Rule(older_than_days=0))

    assert plan.kept[OTHER] == ["not validated yet"]
    assert plan.kept[SCORES] == ["no record names it: it may be under way"]


def test_what_a_model_needs_is_what_is_left_of_it(dataset: Ledger) -> None:
    """A champion that was trained on rows that were erased since needs the rewritten snapshot."""
    item = {"snapshot_id": IDS["2013-01"], "replaced_by": OTHER, "rows_erased": 1}
    add(dataset, "erasure", partition_key=None, snapshots=[item])
    needed = {IDS["2013-01"]: ["champion"]}
    plan = plan_pruning(stored(OTHER), dataset.records(), needed, Rule(older_than_days=0))

    assert plan.kept[OTHER] == ["champion"]
    assert used_by(needed, dataset.records()) == {OTHER: ["champion"]}


def test_states_tell_what_the_ledger_knows(dataset: Ledger) -> None:
    """Partition, outcome, and whether it is the accepted one; an unknown snapshot is unknown."""
    take(dataset, "2013-01", OTHER)
    found = states(stored(IDS["2013-01"], OTHER, SCORES), dataset.records())

    assert [found[one]["accepted"] for one in (IDS["2013-01"], OTHER, SCORES)] == [False, True, False]
    assert found[OTHER]["partition_key"] == "2013-01"
    assert found[SCORES] == {"partition_key": None, "recorded": None, "validation": None, "accepted": False}


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"keep": 1, "older_than_days": 1},
        {"keep": 0},
        {"older_than_days": -1},
        {"older_than_days": float("nan")},
        {"keep": 1, "audit_days": 1e9},
    ],
)
def test_a_rule_must_say_one_thing(rule: dict[str, Any]) -> None:
    """Neither, both, none at all, and numbers that are no days."""
    with pytest.raises(BadInput, match=r"keep=|older_than_days=|audit_days="):
        Rule(**rule)


def test_an_empty_dataset_has_nothing_to_remove(dataset: Ledger) -> None:
    """No snapshot, no record."""
    assert removed(plan_pruning([], [], {}, Rule(keep=1))) == []
