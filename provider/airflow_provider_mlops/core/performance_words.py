"""A performance verdict in words: what a task logs, and what it hands on."""

from collections.abc import Iterator, Mapping
from typing import Any

_MOST_METRICS = 20


def lines_of(body: Mapping[str, Any]) -> Iterator[str]:
    """Write a record of the kind ``performance`` as lines of a log.

    :param body: body of the record.
    :return: what was looked at, what was measured, and what is only estimated.
    """
    rows, keys = body["rows"], body["partitions"]
    mature = f"{keys['mature'][0]} to {keys['mature'][-1]}" if keys["mature"] else "no partition"
    yield (
        f"Labels are mature for {mature}: {rows['labelled']:,} labelled rows, {rows['unlabelled']:,} without a label "
        f"(left out), {rows['failed']:,} of {rows['served']:,} served rows not scored."
    )
    if keys["other_versions"]:
        yield f"Left out, since another version served them: {', '.join(keys['other_versions'][:10])}."
    for name, found in body["realised"].items():
        now, then = (_figure(found[side]) for side in ("now", "promotion"))
        yield f"{name}: {now} now, {then} at promotion."
    if not (estimated := body["estimated"]):
        return
    for name, found in estimated["window"].items():
        yield f"{name} of {len(keys['waiting'])} partitions without mature labels: estimated {_figure(found)}."
    track = estimated["track_record"]
    if track["estimates"]:
        yield f"Track record: {track['inside']} of {track['estimates']} estimates held, {track['level']:.0%} should."
    if (outside := estimated["outside"]) is not None and (most := estimated.get("most_outside")) is not None:
        yield f"Support: {outside:.1%} of their scores are unlike those that were held out, {most:.0%} may be."
    doubt = f"; it is not to be believed: {estimated['problem'].rstrip('.')}" if estimated["problem"] else ""
    if not doubt and not (estimated["assumptions"] or {}).get("labelled_window"):
        doubt = "; no labelled rows have tested it yet"
    yield f"An estimate {estimated['assumes']}{doubt}."


def short_estimate(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what of an estimate travels between tasks.

    :param body: body of the record.
    :return: the assumption, what speaks against it, the estimated metrics, the share of scores unlike those that were
        held out, and how often such estimates held; None where nothing was estimated.
    """
    estimated = body["estimated"]
    if not estimated:
        return None
    track = estimated["track_record"]
    return {
        "assumes": estimated["assumes"],
        "problem": estimated["problem"],
        "outside": estimated["outside"],
        "metrics": dict(list(estimated["window"].items())[:_MOST_METRICS]),
        "inside": track["inside"],
        "estimates": track["estimates"],
    }


def _figure(found: Mapping[str, Any] | None) -> str:
    if not found or "reason" in found:
        return "not measured"
    return f"{found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
