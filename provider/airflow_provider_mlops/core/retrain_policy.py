"""The policy of retraining: what calls for it, what forbids it, on which rows it trains, and what is taken back.

Time is the time of the data: a partition's end. A decision is a function of the records then, and a Dag that catches up
decides as it would have decided on the day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_mlops.core import reading
from airflow_provider_mlops.core.base import is_start
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import FITS
from airflow_provider_mlops.core.window import Window

SCHEMA = 1
RETRAIN, WAIT = "retrain", "wait"
DRIFT, PERFORMANCE = "drift", "performance"
SIGNALS = (DRIFT, PERFORMANCE)
REALISED, ESTIMATED = "realised", "estimated"
LEARNABLE = (REALISED, "concept", "calibration", "fairness")
"""Kinds of performance that a retraining can mend, and that are measured on labels: not latency, nor errors."""
MODELS = ("gradient_boosting", "linear")
SINCE_DRIFT = "drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Verdicts that call for a retraining: enough of the newest windows FAIL, and the newest among them.

    :param kinds: kinds that count; None for all.
    :param k: how many windows must FAIL.
    :param n: of how many newest windows.
    :param below: of performance only: a realised metric that is surely below its bound counts like a FAIL.
    """

    kinds: tuple[str, ...] | None = None
    k: int = 1
    n: int = 1
    below: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """A retraining is due after so much time or so many partitions since the last one.

    :param days: days of data time; None for no limit.
    :param partitions: accepted partitions; None for no limit.
    """

    days: float | None = None
    partitions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A retraining is due when so much was accepted since the champion's training.

    :param partitions: accepted partitions; None for no limit.
    :param rows: rows of accepted partitions; None for no limit.
    """

    partitions: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A small model, trained on recent rows and judged on the newest labels against the champion.

    :param days: how many days before the tested ones it is trained on.
    :param test_days: the newest days with labels, which it is judged on.
    :param model: ``gradient_boosting`` or ``linear``.
    :param iterations: of the small model.
    :param max_rows: rows that it is trained on at most, the newest.
    :param metric: what is compared; None for the usual one of the task.
    :param least_gain: by how much the small model must be better; below 0 it may be so much worse.
    :param alpha: one-sided error rate.
    :param block_days: days that are drawn together when the interval is resampled; None for independent rows.
    :param on_inconclusive: what happens when the rows cannot tell: ``retrain`` or ``wait``.
    """

    days: float = 60.0
    test_days: float = 14.0
    model: str = MODELS[0]
    iterations: int = 50
    max_rows: int = 100_000
    metric: str | None = None
    least_gain: float = 0.0
    alpha: float = 0.05
    block_days: float | None = None
    on_inconclusive: str = RETRAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """When a bad performance takes a promotion back.

    :param within: how many performance verdicts after the promotion count as soon after it.
    :param kinds: kinds of performance that take it back.
    """

    within: int
    kinds: tuple[str, ...] = (REALISED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPolicy:
    """When to retrain, on what, and when to go back.

    :param name: name of the policy.
    :param drift: which drift verdicts call for it; None: none do.
    :param performance: which performance verdicts call for it; None: none do.
    :param schedule: how long a model may stand at most; None for ever.
    :param data: how much new data calls for it; None: none does.
    :param cooldown_days: days of data time after a retraining in which there is no other.
    :param budget_per_month: retrainings per calendar month of data time; None for any number.
    :param min_new_rows: rows that must have been accepted since the champion's training.
    :param probe: the small model that is tried first; None tries none.
    :param window: which partitions to train on, as `core.window.Window.parse` reads it; ``since: drift`` for those
        since the drift began.
    :param params_from: version, or ``@alias``, whose recorded parameters the training starts from; None for none.
    :param fit: ``full``, ``warm`` or ``incremental``; None leaves it to the Dag.
    :param rollback: when a breach takes a promotion back; None: never.
    :param hash: hash of the mapping that it was read from.
    :param content: that mapping.
    """

    name: str
    drift: Signal | None = None
    performance: Signal | None = None
    schedule: Every | None = None
    data: Arrival | None = None
    cooldown_days: float = 0.0
    budget_per_month: int | None = None
    min_new_rows: int = 1
    probe: Probe | None = None
    window: Mapping[str, Any] | None = None
    params_from: str | None = None
    fit: str | None = None
    rollback: Breach | None = None
    hash: str
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "RetrainPolicy":
        """Read a retrain policy.

        :param mapping: the loaded file; ``schema``, ``name`` and ``triggers`` are required.
        :return: the policy.
        :raises BadInput: on an unknown, missing or malformed key.
        """
        where, required = "The retrain policy", ("schema", "name", "triggers")
        reading.check_keys(mapping, where, allowed=(*required, *_READERS, "on_breach"), required=required)
        reading.check_schema(mapping, where, SCHEMA)
        values = {key: read(mapping[key], f"{where}'s {key}") for key, read in _READERS.items() if key in mapping}
        triggers = reading.check_keys(mapping["triggers"], f"{where}'s triggers", allowed=_TRIGGERS)
        if not triggers:
            raise BadInput(f"{where}'s triggers name none of: {', '.join(_TRIGGERS)}. Nothing would ever retrain.")
        values |= {key: _TRIGGERS[key](value or {}, f"{where}'s {key} trigger") for key, value in triggers.items()}
        if "on_breach" in mapping:
            values["rollback"] = _breach(mapping["on_breach"], f"{where}'s on_breach")
        name = reading.text(mapping["name"], f"{where}'s name")
        return cls(name=name, hash=sha256_of(mapping), content=mapping, **values)

    @property
    def since_drift(self) -> bool:
        """Whether the window begins where the drift began."""
        return self.window is not None and self.window.get("since") == SINCE_DRIFT

    @property
    def may_be_first(self) -> bool:
        """Whether something other than a verdict calls for a retraining: then the model may have no record yet."""
        return self.schedule is not None or self.data is not None

    def signal(self, kind: str) -> Signal | None:
        """Return which verdicts of a record kind call for a retraining.

        :param kind: ``drift`` or ``performance``.
        """
        return {DRIFT: self.drift, PERFORMANCE: self.performance}[kind]


def _signal(value: Any, where: str) -> Signal:
    reading.check_keys(value, where, allowed=("kinds", "k", "n"))
    return _windows(value, where)


def _performance(value: Any, where: str) -> Signal:
    reading.check_keys(value, where, allowed=("kinds", "k", "n", "below", "estimated"))
    below = reading.numbers(value.get("below") or {}, f"{where}: below")
    return _windows({**value, "kinds": _kinds(value, where, LEARNABLE)}, where, below=below)


def _kinds(value: Mapping[str, Any], where: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds that count; what was estimated without labels only where the policy says so."""
    kinds = reading.texts(value["kinds"], f"{where}: kinds") if "kinds" in value else default
    estimated = reading.yes_no(value.get("estimated", ESTIMATED in kinds), f"{where}: estimated")
    return tuple(dict.fromkeys((*kinds, ESTIMATED) if estimated else [kind for kind in kinds if kind != ESTIMATED]))


def _windows(value: Mapping[str, Any], where: str, **more: Any) -> Signal:
    k = reading.count(value.get("k", 1), f"{where}: k")
    n = reading.count(value.get("n", k), f"{where}: n")
    if k > n:
        raise BadInput(f"{where}: k is {k} and n is {n}; no more than n windows can FAIL.")
    kinds = reading.texts(value["kinds"], f"{where}: kinds") if "kinds" in value else None
    return Signal(kinds=kinds, k=k, n=n, **more)


def _every(value: Any, where: str) -> Every:
    return Every(**_some(value, where, {"days": reading.above_zero, "partitions": reading.count}))


def _arrival(value: Any, where: str) -> Arrival:
    return Arrival(**_some(value, where, {"partitions": reading.count, "rows": reading.count}))


def _some(value: Any, where: str, readers: Mapping[str, Callable[[Any, str], Any]]) -> dict[str, Any]:
    reading.check_keys(value, where, allowed=readers)
    if not value:
        raise BadInput(f"{where} must name at least one of: {', '.join(readers)}.")
    return {key: readers[key](item, f"{where}: {key}") for key, item in value.items()}


def _probe(value: Any, where: str) -> Probe:
    reading.check_keys(value, where, allowed=_PROBE)
    return Probe(**{key: _PROBE[key](item, f"{where}: {key}") for key, item in value.items()})


def _window(value: Any, where: str) -> Mapping[str, Any]:
    reading.check_keys(value, where, allowed=("partitions", "since"))
    plain = {key: item for key, item in value.items() if (key, item) != ("since", SINCE_DRIFT)}
    if plain or not value:
        Window.parse(plain)
    return dict(value)


def _start(value: Any, where: str) -> str:
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else reading.text(value, where)
    if not is_start(found):
        raise BadInput(f"{where} is {found!r}; write a version (7) or an alias behind an @ (@champion).")
    return found


def _breach(value: Any, where: str) -> Breach:
    reading.check_keys(value, where, allowed=("rollback",), required=("rollback",))
    inner = reading.check_keys(
        value["rollback"], f"{where}: rollback", allowed=("within", "kinds", "estimated"), required=("within",)
    )
    kinds = _kinds(inner, f"{where}: rollback", (REALISED,))
    return Breach(within=reading.count(inner["within"], f"{where}: within"), kinds=kinds)


_TRIGGERS: Mapping[str, Callable[[Any, str], Any]] = {
    "drift": _signal,
    "performance": _performance,
    "schedule": _every,
    "data": _arrival,
}
_PROBE: Mapping[str, Callable[[Any, str], Any]] = {
    "days": reading.above_zero,
    "test_days": reading.above_zero,
    "model": reading.one_of(*MODELS),
    "iterations": reading.count,
    "max_rows": reading.count,
    "metric": reading.text,
    "least_gain": reading.number,
    "alpha": reading.alpha,
    "block_days": reading.above_zero,
    "on_inconclusive": reading.one_of(RETRAIN, WAIT),
}
_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "cooldown_days": reading.not_negative,
    "budget_per_month": reading.count,
    "min_new_rows": reading.whole,
    "probe": _probe,
    "window": _window,
    "params_from": _start,
    "fit": reading.one_of(*FITS),
}
