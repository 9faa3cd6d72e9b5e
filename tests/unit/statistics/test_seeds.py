"""Seeds that derive from content."""

from airflow_provider_mlops.statistics.seeds import derive_seed


def test_seed_is_a_function_of_evaluation_metric_and_slice() -> None:
    """Each part counts, and parts cannot run into one another."""
    seeds = {derive_seed("e", "f1"), derive_seed("f", "f1"), derive_seed("e", "ap"), derive_seed("e", "f1", "o=JFK")}

    assert len(seeds) == 4
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


def test_seed_is_pinned() -> None:
    """Records of the past replay only if the derivation never changes."""
    assert derive_seed("evaluation", "roc_auc", "origin=JFK") == PINNED
    assert 0 <= PINNED < 2**63


PINNED = 9_117_441_562_181_496_609
