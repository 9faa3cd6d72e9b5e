"""Gauges: read from records, bounded, live ones only; the dashboards and alerts ask for nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_mlops.core.gauges import GAUGES, MAX_FEATURES, samples_of
from airflow_provider_mlops.core.ledger import Ledger

DOCKER = Path(__file__).parents[3] / "docker"


def rule(feature: str, size: float, outcome: str) -> dict[str, Any]:
    numbers = {"feature": feature, "effects": {"ks": size * 0.1}, "thresholds": {"ks": 0.1}}
    return {"rule": feature, "outcome": outcome, "reason": "", "numbers": numbers}


def drift(key: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"partition_key": key, "champion_version": "1", "verdict": {"outcome": "FAIL", "marks": [], "rules": rules}}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path, "model/m")
    move = {"alias": "champion", "version": "7"}
    ledger.append(kind="promotion", key="p", body=move, mode="live", outcome="PASS")
    ledger.append(kind="drift", key="a", body=drift("2013-01", rule("x", 3, "FAIL")), mode="audit", outcome="FAIL")
    body = drift("2013-01", rule("x", 2, "FAIL"), rule("y", 0.5, "PASS"))
    ledger.append(kind="drift", key="b", body=body, mode="live", outcome="FAIL")
    realised = {"roc_auc": {"now": {"value": 0.7, "low": 0.6, "high": 0.8}}, "f1": {"reason": "one class"}}
    performance = {"partition_key": "2013-01", "realised": realised}
    ledger.append(kind="performance", key="c", body=performance, mode="live", outcome="PASS")
    ledger.append(kind="retrain", key="d", body={"partition_key": "2013-01"}, mode="live", outcome="FAIL")
    return ledger


def value(ledger: Ledger, name: str, **labels: str) -> float:
    found = [s for s in samples_of("m", ledger.records()) if s.name == name and labels.items() <= s.labels.items()]
    (sample,) = found
    return sample.value


def test_gauges_say_what_the_newest_live_records_say(ledger: Ledger) -> None:
    """An audit's verdict is none of production."""
    assert value(ledger, "mlops_drift_effect_ratio", feature="x") == pytest.approx(2)
    assert value(ledger, "mlops_drifted_features", kind="feature") == 1
    assert value(ledger, "mlops_verdict_outcome", record="drift", outcome="FAIL") == 1
    assert value(ledger, "mlops_verdicts_total", record="drift", outcome="FAIL") == 1
    assert value(ledger, "mlops_performance", metric="roc_auc", at="now", bound="low") == pytest.approx(0.6)
    assert value(ledger, "mlops_retrain_decisions_total", decision="avoided") == 1
    assert value(ledger, "mlops_alias_version", alias="champion") == 7
    assert value(ledger, "mlops_ledger_records") == 5


def test_labels_are_bounded(ledger: Ledger) -> None:
    """A dataset of a thousand columns makes fifty series, the most drifted ones."""
    rules = [rule(f"f{number:04}", number / 100, "PASS") for number in range(1_000)]
    ledger.append(kind="drift", key="e", body=drift("2013-02", *rules), mode="live", outcome="PASS")

    found = [s.labels["feature"] for s in samples_of("m", ledger.records()) if s.name == "mlops_drift_effect_ratio"]

    assert len(found) == MAX_FEATURES
    assert found[0] == "f0999"


def test_an_empty_ledger_has_gauges_too() -> None:
    """A model that nothing is known about does not stop the others."""
    assert {s.name for s in samples_of("m", [])} >= {"mlops_ledger_records", "mlops_retrainings_claimed_total"}


def test_dashboards_ask_for_gauges_that_there_are() -> None:
    """A panel of a gauge that nobody writes would be empty for ever."""
    for path in sorted((DOCKER / "grafana" / "dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        ids = [panel["id"] for panel in board["panels"]]
        assert board["uid"]
        assert board["title"]
        assert len(ids) == len(set(ids))
        for panel in board["panels"]:
            assert {"title", "type", "gridPos", "targets", "datasource"} <= panel.keys()
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
            for target in panel["targets"]:
                assert names_in(target["expr"])
                assert names_in(target["expr"]) <= set(GAUGES)
                used = set(re.findall(r"(\w+)\s*=~?\s*\"", target["expr"]))
                assert all(used <= set(GAUGES[name][2]) for name in names_in(target["expr"]))


def test_alerts_and_scrapes_are_of_the_form_that_prometheus_reads() -> None:
    """Each alert asks for a gauge that there is, with labels that it has."""
    alerts = yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text())
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())

    for rule_ in (rule_ for group in alerts["groups"] for rule_ in group["rules"]):
        assert rule_.keys() == {"alert", "expr", "labels", "annotations"}
        assert names_in(rule_["expr"]) <= set(GAUGES)
    assert all(re.fullmatch(r"\d+s", seconds) for seconds in config["global"].values())
    jobs = config["scrape_configs"]
    assert len({job["job_name"] for job in jobs}) == len(jobs)
    assert all(target.count(":") == 1 for job in jobs for part in job["static_configs"] for target in part["targets"])


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bmlops_\w+", expression))
