"""Which rows a sample holds: a hash of seed and row number decides, so that the same snapshot gives the same rows."""

from airflow_provider_mlops.core.canonical import PREFIX, sha256_of

SAMPLE_ROWS = 100_000
"""Rows of a sample; what has no more rows is looked at whole."""
LEVEL = 0.999
"""Two-sided confidence with which a sample decides."""


def sample_key(seed: str) -> int:
    """Derive the key that a sample's hashes are made with.

    :param seed: any text; the snapshot's id.
    :return: integer within [0, 2**64).
    """
    return int(sha256_of({"sample": seed}).removeprefix(PREFIX)[:16], 16)


def decided(mostly: float, unexpected: int, low: float, high: float) -> bool | None:
    """Say what a sample decides about an expectation that a share of all rows must keep.

    :param mostly: share that must keep it.
    :param unexpected: rows of the sample that break it.
    :param low: lower bound of the share that breaks it, among all rows.
    :param high: its upper bound.
    :return: False when too many break it (one is enough where all must keep it), True when few enough do; else None.
    """
    if low > 1 - mostly or (mostly == 1 and unexpected):
        return False
    return True if high < 1 - mostly else None
