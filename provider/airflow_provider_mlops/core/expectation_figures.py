"""What follows from the counts of an expectation, with the arithmetic of Great Expectations."""

from typing import Any


def holds_mostly(considered: int, unexpected: int, mostly: float) -> bool:
    """Tell whether enough of the values keep an expectation; without any value it holds.

    :param considered: values that the expectation is about.
    :param unexpected: those of them that break it.
    :param mostly: share that must keep it, from 0 to 1.
    :return: whether it holds.
    """
    # The same division, so that a share on the edge rounds to the same side.
    return considered == 0 or (float(considered) - float(unexpected)) / float(considered) >= mostly


def map_numbers(elements: int, unexpected: int, considered: int | None) -> dict[str, Any]:
    """Return the figures of an expectation about values.

    :param elements: all rows.
    :param unexpected: values that break it.
    :param considered: values that it is about; None where it is about missing values, so that none is left out.
    :return: figures by the names of Great Expectations.
    """
    of_all = unexpected / elements * 100 if elements else None
    if considered is None:
        return {"element_count": elements, "unexpected_count": unexpected, "unexpected_percent": of_all}
    of_considered = unexpected / considered * 100 if elements and considered else None
    missing = elements - considered
    return {
        "element_count": elements,
        "missing_count": missing,
        "missing_percent": missing / elements * 100 if elements else None,
        "unexpected_count": unexpected,
        "unexpected_percent": of_considered,
        "unexpected_percent_total": of_all,
        "unexpected_percent_nonmissing": of_considered,
    }


def within(value: Any, low: Any, high: Any, *, strict_low: bool = False, strict_high: bool = False) -> bool:
    """Tell whether a value lies between two limits.

    :param value: the value; None and NaN lie nowhere.
    :param low: lower limit, None for none.
    :param high: upper limit, None for none.
    :param strict_low: whether the lower limit itself is outside.
    :param strict_high: whether the upper limit itself is outside.
    :return: whether it does.
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
        return False
    above = low is None or (value > low if strict_low else value >= low)
    below = high is None or (value < high if strict_high else value <= high)
    return bool(above and below)
