"""Replaying recorded models: certificates that say how far each agrees with its record, and what explains the rest."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.ledger import Ledger
from airflow_provider_mlops.core.record import Record
from tests.conftest import MakeLab
from tests.support.lab import DATASET, Lab


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A lab whose second model has replaced the first."""
    return make_lab("replaced")


def certificates(lab: Lab) -> list[Record]:
    """Return the records of certificates."""
    return lab.records("certificate")


def stored(record: Record) -> dict[str, Any]:
    """Read the certificate that a record names."""
    return json.loads((Path(record.body["uri"]) / "certificate.json").read_text())


def damage(path: Path, old: bytes = b"", new: bytes = b"") -> None:
    """Change a byte of a file, read-only or not."""
    raw = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(raw.replace(old, new, 1) if old else raw[:-5] + bytes([raw[-5] ^ 1]) + raw[-4:])


def test_every_model_is_reproduced_to_the_bit(lab: Lab) -> None:
    """Each training gets a certificate: same model, metrics and verdict; nothing else is new."""
    before = lab.census()
    result = lab.run("replay", run_type="manual")

    assert result["levels"] == {"L0": 2}
    assert result["outcomes"] == {"PASS": 2}
    assert [c["version"] for c in result["certificates"]] == ["1", "2"]
    after = lab.census()
    assert {name: after[name] for name in ("runs", "models", "versions", "aliases", "tags")} == {
        name: before[name] for name in ("runs", "models", "versions", "aliases", "tags")
    }
    assert after["problems"] == []
    certificate = stored(certificates(lab)[-1])
    assert {rule["rule"]: rule["outcome"] for rule in certificate["verdict"]["rules"]} == {
        "reproduced": "PASS",
        f"chain model/{lab.model}": "PASS",
        f"chain dataset/{DATASET}": "PASS",
        "data": "PASS",
        "artifact": "PASS",
        "metrics": "PASS",
        "verdict": "PASS",
    }
    assert certificate["differences"] == []
    assert certificate["figures"]["scores"]["other"] == 0
    assert set(certificate["records"]) == {"training", "registration", "evaluation", "gate", "promotion"}


def test_a_certificate_is_kept_under_its_hash_in_three_forms(lab: Lab) -> None:
    """JSON, Markdown and HTML; two replays of the same give the same certificate, and a record each."""
    lab.run("replay", run_type="manual", run_id="first", version="1")
    lab.run("replay", run_type="manual", run_id="second", version="1")
    first, second = certificates(lab)
    folder = Path(first.body["uri"])

    assert first.body["certificate_hash"] == second.body["certificate_hash"] == sha256_of(stored(first))
    assert first.hash != second.hash
    assert set(first.body["files"]) == {"certificate.json", "certificate.md", "certificate.html"}
    assert "PASS, L0" in (folder / "certificate.md").read_text()
    page = (folder / "certificate.html").read_text()
    assert "What it does not prove" in page
    assert "<script" not in page


def test_a_retry_finds_its_certificate(lab: Lab) -> None:
    """The same run does not replay twice."""
    one = lab.run("replay", run_type="manual", partition_key="2020-03")
    two = lab.run("replay", run_type="manual", partition_key="2020-03")

    assert one == two
    assert len(certificates(lab)) == 1


def test_another_tolerance_is_another_replay(lab: Lab) -> None:
    """Two tasks of a run, or one that was cleared with a stricter Dag, do not share what the lax one found."""
    lab.run("replay", run_type="manual", partition_key="2020-03", require="L2", tolerance=0.5)
    lab.run("replay", run_type="manual", partition_key="2020-03", require="L2")

    assert len(certificates(lab)) == 2


def test_each_certificate_has_the_chain_of_its_own_dataset(lab: Lab) -> None:
    """A model whose dataset was another one before: its chain is verified too."""
    replay = lab.task("replay")._replay()
    found = [[result.rule for result in replay._check_chains(name)] for name in (DATASET, "other", DATASET)]

    model = f"chain model/{lab.model}"
    assert found == [[model, f"chain dataset/{name}"] for name in (DATASET, "other", DATASET)]


def test_a_range_of_partitions(lab: Lab) -> None:
    """Both ends are included."""
    result = lab.run("replay", run_type="manual", since="2020-03", until="2020-03")

    assert [c["partition_key"] for c in result["certificates"]] == ["2020-03"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "9"}, "Version 9 of model"),
        ({"version": "1", "partition_key": "2020-02"}, "one of them"),
        ({"partition_key": "2031-01"}, "no recorded training"),
        ({"require": "L9"}, "L0, L1, L2, L3"),
        ({"tolerance": -1.0}, "small number"),
        ({"on_difference": "shrug"}, "fail or record"),
    ],
)
def test_bad_questions_are_refused(lab: Lab, arguments: dict[str, Any], message: str) -> None:
    """The error names the value and the way out; no certificate is written."""
    with pytest.raises(AirflowFailException, match=message):
        lab.run("replay", run_type="manual", **arguments)

    assert certificates(lab) == []


def test_a_changed_snapshot_is_named(lab: Lab) -> None:
    """One byte of a training snapshot: the task fails, and the certificate names the partition."""
    snapshot = lab.facts["snapshots"]["2020-01"].removeprefix("sha256:")
    (part,) = (lab.storage / "snapshots" / DATASET / snapshot).glob("*.parquet")
    damage(part)

    with pytest.raises(AirflowFailException, match="data missing"):
        lab.run("replay", run_type="manual", version="1")

    (record,) = certificates(lab)
    assert (record.outcome, record.body["level"]) == ("FAIL", "none")
    (broken,) = (r for r in stored(record)["verdict"]["rules"] if r["rule"] == "data 2020-01")
    assert broken["outcome"] == "FAIL"


def test_a_changed_model_is_named(lab: Lab) -> None:
    """One byte of the model in MLflow: what it was is reproduced, and the artifact is FAIL."""
    model_id = lab.records("training")[0].body["logged_model_id"]
    (archive,) = lab.root.glob(f"mlruns/**/{model_id}/artifacts/model.skops")
    damage(archive)

    with pytest.raises(AirflowFailException, match="The model in MLflow is not the recorded one"):
        lab.run("replay", run_type="manual", version="1")

    (record,) = certificates(lab)
    assert (record.outcome, record.body["level"]) == ("FAIL", "L0")


def test_changed_scores_are_named(lab: Lab) -> None:
    """One byte of an evaluation's scores: they cannot be compared, which is FAIL."""
    scores = lab.records("evaluation")[0].body["scores_id"].removeprefix("sha256:")
    (part,) = (lab.storage / "evaluations" / lab.model / scores).glob("*.parquet")
    damage(part)

    with pytest.raises(AirflowFailException, match="scores cannot be compared"):
        lab.run("replay", run_type="manual", version="1")


def test_a_changed_record_is_named(lab: Lab) -> None:
    """One byte of a ledger: nothing is replayed on it."""
    root = lab.storage / "ledger" / f"model/{lab.model}"
    damage(root / "00000001.json", b'"rows":', b'"rowz":')

    with pytest.raises(AirflowFailException, match="00000001"):
        lab.run("replay", run_type="manual", version="1")


def test_other_code_that_gives_another_model_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate says which module changed, and that neither model nor metrics agree."""
    from tests.support import synthetic

    original = synthetic.train

    def other(features: Any, labels: Any, **keywords: Any) -> Any:
        return original(-features, labels, **keywords)

    monkeypatch.setattr(synthetic, "train", other)
    result = lab.run("replay", run_type="manual", version="1", on_difference="record")

    (record,) = certificates(lab)
    assert result["outcomes"] == {"FAIL": 1}
    assert record.body["level"] in {"none", "L3"}
    assert record.body["differences"][0]["cause"] == "code changed"


def test_lawfully_erased_rows_are_no_contradiction(lab: Lab) -> None:
    """Rows that were erased explain another model: INCONCLUSIVE, with the number of rows."""
    keys = lab.root / "keys.txt"
    keys.write_text("2020-01/1\n")
    lab.run("erase", run_type="manual", key_column="row_id", keys_file=str(keys), reason="DSR-1")
    lab.run("replay", run_type="manual", version="1", on_difference="record")

    (record,) = certificates(lab)
    assert record.outcome == "INCONCLUSIVE"
    (difference,) = record.body["differences"]
    assert difference["cause"] == "data erased"
    assert difference["detail"].startswith("differs by 1 lawfully erased rows (record sha256:")


def test_pruned_rows_are_named_as_such(lab: Lab) -> None:
    """Retention removed a snapshot by a recorded decision: that is no tampering, and no proof."""
    snapshot_id = lab.facts["snapshots"]["2020-01"]
    chain = lab.ledger(f"dataset/{DATASET}")
    planned_on = chain.records()[-1].hash
    body = {"planned_on": planned_on, "snapshots": [{"snapshot_id": snapshot_id}]}
    chain.append(kind="pruning", key=sha256_of(body), body=body)
    shutil.rmtree(lab.storage / "snapshots" / DATASET / snapshot_id.removeprefix("sha256:"))
    lab.run("replay", run_type="manual", version="1", on_difference="record")

    (record,) = certificates(lab)
    assert record.outcome == "INCONCLUSIVE"
    assert [item["cause"] for item in record.body["differences"]] == ["data missing (pruned)"]


def test_the_certificate_is_signed_where_the_ledger_is(lab: Lab) -> None:
    """Without a key its record is not signed, and the chain says so."""
    lab.run("replay", run_type="manual", version="1")
    ledger = Ledger(lab.storage / "ledger", f"model/{lab.model}")

    assert ledger.verify() == []
    assert "not signed" in stored(certificates(lab)[0])["verdict"]["rules"][1]["reason"]


def audit(lab: Lab, key: str, run_id: str = "audit") -> None:
    """Audit a partition as a backfill does."""
    keywords: dict[str, Any] = {"run_type": "backfill", "run_id": f"{run_id}-{key}"}
    manifest_hash = lab.run("train", partition_key=key, **keywords)["manifest_hash"]
    evaluation = lab.run("evaluate", manifest_hash=manifest_hash, **keywords)
    lab.run("gate", evaluation_id=evaluation["evaluation_id"], **keywords)


def test_a_backfill_issues_a_certificate_for_each_partition(lab: Lab) -> None:
    """The gate, which judges last, puts it together from the records of its run; a retry finds it."""
    for key in ("2020-02", "2020-03"):
        audit(lab, key)
    audit(lab, "2020-03")

    found = certificates(lab)
    assert [(r.mode, r.outcome, r.body["level"], r.body["version"]) for r in found] == [
        ("audit", "PASS", "L0", "1"),
        ("audit", "PASS", "L0", "2"),
    ]
    assert [rule["rule"] for rule in stored(found[1])["verdict"]["rules"]] == ["reproduced", "scores", "verdict"]


def test_an_audit_that_fails_in_training_has_its_certificate(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later steps do not run; what differs is certified all the same."""
    from tests.support import synthetic

    original = synthetic.train

    def other(features: Any, labels: Any, **keywords: Any) -> Any:
        return original(-features, labels, **keywords)

    monkeypatch.setattr(synthetic, "train", other)
    with pytest.raises(AirflowFailException, match="does not give the recorded model"):
        audit(lab, "2020-02")

    (record,) = certificates(lab)
    assert (record.mode, record.outcome, record.body["level"]) == ("audit", "FAIL", "none")
    assert record.body["differences"][0]["cause"] == "code changed"


def test_an_audit_by_another_policy_says_so(lab: Lab) -> None:
    """The verdict of another policy is no contradiction, and no proof."""
    policy = lab.root / "policy.yaml"
    policy.write_text(policy.read_text().replace("value: 0.6", "value: 0.61"))
    audit(lab, "2020-02")

    (record,) = certificates(lab)
    (verdict,) = (rule for rule in stored(record)["verdict"]["rules"] if rule["rule"] == "verdict")
    assert record.outcome == verdict["outcome"] == "INCONCLUSIVE"
    assert "another one than then" in verdict["reason"]
