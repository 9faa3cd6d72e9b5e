"""The gate's task: thresholds that were frozen, scores that are what the record says, routes, the verdict's page."""

import json
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.snapshot_manifest import OWN_HASH, manifest_text
from tests.conftest import MakeLab
from tests.support.airflow import fake_context
from tests.support.lab import Lab

POLICY = "schema: 1\nname: tried\n{outcomes}rules:\n  - {rule}\n"
UNDECIDED = "{name: rows, kind: min_rows, rows: 1000000}"
REFUSED = "{name: auc, kind: minimum, metric: roc_auc, value: 0.999}"
HELD = "{name: auc, kind: minimum, metric: roc_auc, value: 0.6}"


def judged(lab: Lab, rule: str, *, outcomes: str = "", **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    """Judge by a policy of one rule; return the XComs and what is skipped of `ask`, `note` and `promote`."""
    said = f"outcomes: {outcomes}\n" if outcomes else ""
    (lab.root / "policy.yaml").write_text(POLICY.format(outcomes=said, rule=rule))
    task = lab.task("gate", evaluation_id=lab.facts["evaluate"]["evaluation_id"], **arguments)
    with DAG("lifecycle", schedule=None) as dag:
        dag.add_task(task)
        task >> [EmptyOperator(task_id=name) for name in ("ask", "note", "promote")]
    context = fake_context(task, lab.root)
    context["ti"].task = task
    skipped: list[Any] = []
    try:
        context["ti"].xcoms["return_value"] = task.execute(context)
    except BaseException as end:
        if type(end).__name__ != "DownstreamTasksSkipped":
            raise
        skipped = list(end.tasks)
    names = [item[0] if isinstance(item, tuple) else item for item in skipped]
    return context["ti"].xcoms, sorted(names)


def test_a_pass_runs_everything_but_the_routes(make_lab: MakeLab) -> None:
    """What a route names is for refusals."""
    xcoms, skipped = judged(make_lab("evaluated"), HELD, routes={"inconclusive": ["ask"], "fail": ["note"]})

    assert xcoms["return_value"]["verdict"]["outcome"] == "PASS"
    assert skipped == ["ask", "note"]


@pytest.mark.parametrize(("rule", "skipped"), [(UNDECIDED, ["note", "promote"]), (REFUSED, ["ask", "promote"])])
def test_each_refusal_has_its_own_route(make_lab: MakeLab, rule: str, skipped: list[str]) -> None:
    """INCONCLUSIVE asks, FAIL notes, and neither promotes; the result is there for the next step."""
    xcoms, found = judged(make_lab("evaluated"), rule, routes={"inconclusive": ["ask"], "fail": ["note"]})

    assert found == skipped
    assert xcoms["return_value"]["record"].startswith("sha256:")


def test_the_policy_may_fail_the_task(make_lab: MakeLab) -> None:
    """FAIL is final, INCONCLUSIVE is skipped: the policy tells them apart."""
    lab = make_lab("evaluated")
    outcomes = "{fail: fail, inconclusive: skip}"

    with pytest.raises(AirflowFailException, match="The gate refuses the candidate"):
        judged(lab, REFUSED, outcomes=outcomes)
    assert judged(lab, UNDECIDED, outcomes=outcomes)[1] == ["ask", "note", "promote"]


def test_a_route_that_the_dag_does_not_have_is_found_before_anything_is_judged(make_lab: MakeLab) -> None:
    """No verdict is spent on a wrong Dag."""
    lab = make_lab("evaluated")

    with pytest.raises(AirflowFailException, match="routes INCONCLUSIVE; give the gate routes"):
        judged(lab, UNDECIDED, outcomes="{inconclusive: route}")
    assert lab.records("gate") == []


def test_the_verdicts_page_is_with_the_candidates_run(make_lab: MakeLab) -> None:
    """A person reads it without the code."""
    lab = make_lab("evaluated")
    judged(lab, HELD)
    run_id = lab.facts["train"]["mlflow_run_id"]

    names = {artifact.path for artifact in lab.client.list_artifacts(run_id, "gate")}
    assert {"gate/verdict.html", "gate/rules.csv", "gate/rules.png"} <= names


def test_a_verdict_stands_without_its_page(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow that cannot be reached costs the picture, not the verdict."""
    lab = make_lab("evaluated")
    lab.connect(monkeypatch, host="http://127.0.0.1:9", extra={"retries": 0, "timeout": 1})

    assert judged(lab, HELD)[0]["return_value"]["verdict"]["outcome"] == "PASS"
    assert len(lab.records("gate")) == 1


def test_a_pass_that_was_taken_back_is_not_promoted(make_lab: MakeLab) -> None:
    """The policy was tightened and the version judged again: the record of the PASS before is no way around it."""
    lab = make_lab("judged")
    (lab.root / "policy.yaml").write_text(POLICY.format(outcomes="", rule=REFUSED))
    lab.run("gate", evaluation_id=lab.facts["evaluate"]["evaluation_id"])
    with pytest.raises(AirflowSkipException, match="judged again since, as FAIL"):
        lab.run("promote", gate_record=lab.facts["gate"]["record"])

    assert "champion" not in lab.aliases()


def test_scores_whose_manifest_was_changed_are_refused(make_lab: MakeLab) -> None:
    """The task stands beside the rows, not among them: it must be the recorded one."""
    lab = make_lab("evaluated")
    (manifest,) = lab.storage.glob("evaluations/*/*/manifest.json")
    changed = {**json.loads(manifest.read_text()), "task": "regression"}
    del changed[OWN_HASH]
    manifest.write_text(manifest_text({**changed, OWN_HASH: sha256_of(changed)}))

    with pytest.raises(AirflowFailException, match="of the task 'regression', the evaluation's record says 'binary'"):
        judged(lab, HELD)


def test_a_frozen_threshold_reaches_the_gate(make_lab: MakeLab) -> None:
    """A rule at the operating threshold is judged at the one that the training chose."""
    lab = make_lab("accepted")
    trained = lab.run("train", partition_key="2020-02", operating_threshold={"metric": "f1"})
    lab.run("register", manifest_hash=trained["manifest_hash"])
    lab.facts["evaluate"] = lab.run("evaluate", manifest_hash=trained["manifest_hash"])

    rule = "{name: f1, kind: minimum, metric: f1, value: 0.2, threshold: operating}"
    judged(lab, rule)

    (found,) = lab.records("gate")[0].body["verdict"]["rules"]
    frozen = lab.records("training")[0].body["operating_threshold"]["value"]
    assert (found["outcome"], found["numbers"]["threshold"]) == ("PASS", {"candidate": frozen})


def test_a_changed_metric_of_ones_own_is_judged_anew(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of the metric belongs to the decision."""
    lab = make_lab("evaluated")
    monkeypatch.syspath_prepend(str(lab.root))
    rule = "{name: own, kind: minimum, metric: 'own_metric:share', value: 0.1, higher_is_better: true}"
    code = (
        "def share(labels, scores, weights):\n    return float((weights * (scores > {least})).sum() / weights.sum())\n"
    )
    for least in (0.0, 0.999):
        (lab.root / "own_metric.py").write_text(code.format(least=least))
        import importlib
        import sys

        importlib.invalidate_caches()
        sys.modules.pop("own_metric", None)
        judged(lab, rule)
    sys.modules.pop("own_metric", None)

    assert [record.outcome for record in lab.records("gate")] == ["PASS", "FAIL"]
