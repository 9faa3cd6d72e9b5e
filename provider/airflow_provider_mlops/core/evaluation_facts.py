"""The facts of an evaluation's record in words, for a page."""

from collections.abc import Iterator, Mapping
from typing import Any

_ROLES = ("candidate", "champion", "golden")


def facts_of(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List what a reader wants to know first; what a record does not hold is left out.

    :param body: body of an evaluation's record, of any version.
    :return: name and value of each fact.
    """
    return [(name, value) for name, value in _facts(body) if value is not None]


def _facts(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "Partition", body.get("partition_key")
    yield "Task", body.get("task")
    for role in _ROLES:
        identity = body.get(role) or {}
        if identity.get("version"):
            yield f"Version of the {role}", identity["version"]
        yield f"Digest of the {role}", identity.get("model_digest")
    if not body.get("champion"):
        yield "Champion", "none: nothing to compare with"
    yield "Test rows", body.get("rows")
    if body.get("task", "binary") == "binary":
        yield "Positive rows", body.get("positives")
    yield "Rows without a label, left out", body.get("unlabelled")
    yield "Time of the test rows", " to ".join(map(str, body["time_range"])) if body.get("time_range") else None
    yield "Newest label", body.get("newest_label")
    yield "Test snapshot", (body.get("test") or {}).get("snapshot_id")
    for role, threshold in (body.get("thresholds") or {}).items():
        yield f"Operating threshold of the {role}", threshold
    yield from _infrastructure(body.get("infrastructure"))
    yield from _leakage(body.get("leakage"))
    yield "Evaluation", body.get("evaluation_id")
    yield "Per-row scores", body.get("scores_uri")


def _infrastructure(found: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    if not found:
        return
    checks = {
        "loads": "loads in a clean process",
        "accepts_signature": "accepts its signature",
        "rejects_wrong_signature": "rejects a wrong one",
        "probe_identical": "predicts the probe rows identically",
    }
    words = [f"{'' if found.get(name) else 'NOT: '}{text}" for name, text in checks.items()]
    yield "Serving", "; ".join(words) + (f" ({found['error']})" if found.get("error") else "")
    if found.get("peak_memory_mib") is not None:
        yield "Peak memory while serving, MiB", round(float(found["peak_memory_mib"]))


def _leakage(found: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    if not found:
        return
    yield "Test rows that are training rows too", found.get("row_overlap")
    yield "Entities of the test rows that were trained on", found.get("entity_overlap")
    if found.get("time_ordered") is not None:
        yield "All training rows are older than the test rows", "yes" if found["time_ordered"] else "no"
    single = found.get("single_feature")
    if single:
        yield "Single feature nearest to the label", f"{single.get('feature')} (ROC-AUC {single.get('auc'):.4f})"
