"""The page of a drift verdict, also where nothing could be measured."""

from pathlib import Path

from airflow_provider_mlops.core.drift_history import Look
from airflow_provider_mlops.hooks.drift_page import draw_page
from airflow_provider_mlops.hooks.drift_report import Gathered


def test_a_verdict_on_too_few_rows_has_a_page(tmp_path: Path) -> None:
    """There is no effect to draw; the page says so, and the kind of drift."""
    look = Look(partition_key="2013-05-02", outcome="INCONCLUSIVE", sizes={}, failed=frozenset())
    names = ("dataset", "partition_key", "champion_version", "policy_hash")
    content = {
        **dict.fromkeys(names, "2013-05-02"),
        "model": "flights",
        "kind": "prediction",
        "outcome": "INCONCLUSIVE",
        "opinion": None,
        "more_features": 0,
        **{name: [] for name in ("features", "upstream", "events", "snapshot_ids", "reference_snapshot_ids")},
        "history": [look.to_dict()],
    }
    page = draw_page(tmp_path, Gathered(content, [look])).render()

    assert "INCONCLUSIVE: drift of predictions, flights, 2013-05-02" in page
    assert "Nothing is decided in 2013-05-02" in page
    assert "No effect was measured" in page
    assert "<img" not in page
