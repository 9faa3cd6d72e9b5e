"""Tests of the facts of an evaluation in words."""

from airflow_provider_mlops.core.evaluation_facts import facts_of


def test_an_old_record_has_the_facts_that_it_holds() -> None:
    """What was not recorded yet is not spoken of."""
    body = {"partition_key": "2013-02", "rows": 10, "positives": 0, "champion": None, "candidate": {"version": "1"}}

    assert facts_of(body) == [
        ("Partition", "2013-02"),
        ("Version of the candidate", "1"),
        ("Champion", "none: nothing to compare with"),
        ("Test rows", 10),
        ("Positive rows", 0),
    ]


def test_a_model_that_does_not_serve_says_so() -> None:
    """What is false, or unknown, is not passed over."""
    serving = {"loads": True, "accepts_signature": False, "error": "boom", "peak_memory_mib": 211.4}

    facts = dict(facts_of({"champion": {}, "infrastructure": serving}))

    assert facts["Serving"] == (
        "loads in a clean process; NOT: accepts its signature; NOT: rejects a wrong one; "
        "NOT: predicts the probe rows identically (boom)"
    )
    assert facts["Peak memory while serving, MiB"] == 211


def test_leaks_are_facts() -> None:
    """Zero overlapping rows are told too."""
    leakage = {"row_overlap": 0, "time_ordered": False, "single_feature": {"feature": "f", "auc": 0.98765}}

    facts = dict(facts_of({"leakage": leakage, "task": "regression", "positives": 0}))

    assert facts["Test rows that are training rows too"] == 0
    assert facts["All training rows are older than the test rows"] == "no"
    assert facts["Single feature nearest to the label"] == "f (ROC-AUC 0.9877)"
    assert "Positive rows" not in facts
