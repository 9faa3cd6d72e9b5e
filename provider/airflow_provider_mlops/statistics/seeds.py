"""Seeds that derive from content: a retry, a replay and a back-test of a policy draw the same numbers."""

from airflow_provider_mlops.core.canonical import PREFIX, sha256_of

BITS = 63


def derive_seed(evaluation: str, metric: str, slice_name: str = "") -> int:
    """Derive a seed from what is being measured.

    :param evaluation: id of the evaluation.
    :param metric: name of the metric.
    :param slice_name: the slice, empty for all rows.
    :return: a whole number of 63 bits, so that it fits every database's integer.
    """
    digest = sha256_of(["seed", evaluation, metric, slice_name]).removeprefix(PREFIX)
    return int(digest[:16], 16) >> (64 - BITS)
