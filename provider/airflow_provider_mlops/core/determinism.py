"""What two trainings of one manifest say about it: does it repeat itself, and how far?"""

from collections.abc import Mapping
from typing import Any

from airflow_provider_mlops.core.errors import BadInput, Refused

TRUST, VERIFY, REQUIRE = "trust", "verify", "require"
ASKED = (TRUST, VERIFY, REQUIRE)


def check_asked(value: Any) -> str:
    """Read what a Dag says of determinism.

    :param value: ``trust``, ``verify``, ``require``, or None or empty for ``trust``.
    :return: one of the three.
    :raises BadInput: when it is anything else.
    """
    if (value or TRUST) not in ASKED:
        raise BadInput(f"determinism={value!r} must be one of: {', '.join(ASKED)}.")
    return str(value or TRUST)


def finding(*, parameters: bool, predictions: bool, largest_difference: float, threshold: bool) -> dict[str, Any]:
    """Put together what a second training showed.

    :param parameters: whether the learned parameters agree (canonical digests).
    :param predictions: whether the scores of the probe rows agree bit by bit.
    :param largest_difference: largest absolute difference of a score.
    :param threshold: whether the same operating threshold was chosen.
    :return: ``agrees`` (``parameters``, ``predictions`` or ``neither``), ``largest_difference``, ``threshold`` and
        ``says``, a sentence.
    """
    agrees = "neither" if not predictions else "parameters" if parameters else "predictions"
    says = {
        "parameters": "the same parameters and predictions to the bit",
        "predictions": "the same predictions to the bit, by other parameters",
        "neither": f"other predictions, by {largest_difference:.3g} at the most",
    }[agrees]
    if not threshold:
        says += ", and another operating threshold"
    return {"agrees": agrees, "largest_difference": largest_difference, "threshold": threshold, "says": says}


def repeats(found: Mapping[str, Any]) -> bool:
    """Whether a finding says that the training repeats itself: parameters, predictions and threshold.

    :param found: as `finding` returned it.
    """
    return found["agrees"] == "parameters" and bool(found["threshold"])


def measured_difference(body: Mapping[str, Any]) -> str | None:
    """Say how two trainings differed when a model was recorded.

    :param body: body of the training record.
    :return: a sentence; None where they agreed in their predictions and threshold, or were not compared.
    """
    found = body.get("determinism")
    if found is None or (found["agrees"] != "neither" and found["threshold"]):
        return None
    return f"when it was recorded, a second training gave {found['says']}"


def check_required(asked: str, body: Mapping[str, Any]) -> None:
    """Refuse a training that does not repeat itself, where that was required.

    :param asked: what the Dag asks for.
    :param body: body of the training record.
    :raises Refused: when a second training gave another model.
    """
    found = body.get("determinism")
    if asked == REQUIRE and (found is None or not repeats(found)):
        says = found["says"] if found else "nothing: it was not compared"
        raise Refused(f"The training does not repeat itself: the second one gave {says} (determinism='require').")
