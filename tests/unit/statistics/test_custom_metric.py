"""A metric of one's own: measured like the others, and every way to get it wrong says what is wrong."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.metrics import METRICS, Options, metric_named

RANDOM = np.random.default_rng(21)
LABELS = (RANDOM.random(300) < 0.4).astype(float)
SCORES, OTHERS = (np.clip(0.3 * LABELS + 0.7 * RANDOM.random(300), 0, 1) for _ in range(2))
OPTIONS = Options(level=0.9, seed=2, draws=500)
MODULE = "metrics_of_the_user"


def profit(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    acted = weights * (scores >= 0.5)
    return float((acted * (10 * labels - 3)).sum() / weights.sum())


def _broken(*_: np.ndarray) -> float:
    return 1 / 0


def _writes(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    scores[:] = 0
    return 1.0


@pytest.fixture
def module() -> Iterator[ModuleType]:
    made = ModuleType(MODULE)
    sys.modules[MODULE] = made
    yield made
    del sys.modules[MODULE]


def _offer(module: ModuleType, function: object) -> str:
    module.function = function
    return f"{MODULE}:function"


def test_it_is_measured_compared_and_named(module: ModuleType) -> None:
    """Value, interval and paired difference, under its import path and direction."""
    metric = metric_named(_offer(module, profit), higher_is_better=True)
    ours, difference = metric.measure(LABELS, SCORES, OPTIONS), metric.compare(LABELS, SCORES, OTHERS, OPTIONS)
    ones = np.ones(300)

    assert (metric.name, metric.higher_is_better, metric.task) == (f"{MODULE}:function", True, "any")
    assert ours.value == pytest.approx(profit(LABELS, SCORES, ones))
    assert ours.low < ours.value < ours.high
    assert difference.value == pytest.approx(profit(LABELS, SCORES, ones) - profit(LABELS, OTHERS, ones))
    assert ours.method == difference.method == "bootstrap_bca_500"


def test_a_built_in_metric_written_again_has_the_same_bounds(module: ModuleType, random: np.random.Generator) -> None:
    """The same statistic on the same seed is the same interval, weighted and clustered."""

    def squared_error(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        return float(weights @ np.square(scores - labels) / weights.sum())

    mine = metric_named(_offer(module, squared_error), higher_is_better=False)
    for how in ({"weights": random.random(300)}, {"clusters": np.arange(300) // 5}):
        options = replace(OPTIONS, **how)
        ours = mine.compare(LABELS, SCORES, OTHERS, options)
        theirs = METRICS["brier"].compare(LABELS, SCORES, OTHERS, options)

        assert ours.method == theirs.method
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_it_takes_the_rows_of_any_task(module: ModuleType, random: np.random.Generator) -> None:
    """A row of class probabilities per row, or a predicted value, reaches the function as it is."""

    def rows_and_columns(_: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
        return float(scores.ndim * (weights > 0).mean())

    metric = metric_named(_offer(module, rows_and_columns), higher_is_better=True)

    assert metric.point(random.integers(0, 3, 300), random.random((300, 3)), OPTIONS) == 2
    assert metric.point(random.normal(size=300), random.normal(size=300), OPTIONS) == 1


def test_equal_models_are_not_sure_to_be_equal(module: ModuleType) -> None:
    """A model against itself leaves room in the metric's own unit."""
    metric = metric_named(_offer(module, profit), higher_is_better=True)
    difference = metric.compare(LABELS, SCORES, SCORES, OPTIONS)

    assert difference.low < difference.value == 0 < difference.high


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_not_measurable(module: ModuleType, value: float) -> None:
    """NaN and infinity are no values, so nothing can pass on them."""
    metric = metric_named(_offer(module, lambda *_: value), higher_is_better=True)
    with pytest.raises(NotMeasurable, match=f"{MODULE}:function returned"):
        metric.measure(LABELS, SCORES, OPTIONS)


@pytest.mark.parametrize("value", [None, "0.9", True, np.ones(2)])
def test_something_else_than_a_number_is_refused(module: ModuleType, value: object) -> None:
    """The error names the type."""
    metric = metric_named(_offer(module, lambda *_: value), higher_is_better=True)
    with pytest.raises(BadInput, match=f"must return a number, not {type(value).__name__}"):
        metric.point(LABELS, SCORES, OPTIONS)


@pytest.mark.parametrize(("function", "says"), [(_broken, "ZeroDivisionError"), (_writes, "read-only")])
def test_an_exception_names_the_metric(module: ModuleType, function: Callable[..., float], says: str) -> None:
    """What the function raises is shown, and it cannot change the rows."""
    metric = metric_named(_offer(module, function), higher_is_better=True)
    with pytest.raises(BadInput, match=f"{MODULE}:function raised .*{says}"):
        metric.measure(LABELS, SCORES, OPTIONS)


@pytest.mark.parametrize("function", [lambda labels, scores: 1.0, lambda a, b, c, d: 1.0, lambda *, labels: 1.0])
def test_a_wrong_signature_is_refused(module: ModuleType, function: Callable[..., float]) -> None:
    """It is found before anything is measured."""
    with pytest.raises(BadInput, match="must take labels, scores and weights"):
        metric_named(_offer(module, function), higher_is_better=True)


@pytest.mark.parametrize("path", ["no_such_package.metrics:profit", "math:no_such_function", "math:pi", "a b:c"])
def test_a_path_to_nothing_is_refused(path: str) -> None:
    """A typing error in the path is named."""
    with pytest.raises(BadInput, match=path.partition(":")[0]):
        metric_named(path, higher_is_better=True)


def test_a_module_that_fails_to_import_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of the module is shown with the path."""
    (tmp_path / "broken_metrics_module.py").write_text("import a_library_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(BadInput, match=r"broken_metrics_module:f cannot be imported.*a_library_that_nobody_has"):
        metric_named("broken_metrics_module:f", higher_is_better=True)


def test_its_direction_must_be_said() -> None:
    """Nobody can guess whether more is better."""
    with pytest.raises(BadInput, match="needs its direction"):
        metric_named("math:hypot")


def test_rows_that_are_all_alike_are_not_measurable(module: ModuleType) -> None:
    """One class only, few rows or NaN: the function is not even asked."""
    metric = metric_named(_offer(module, _broken), higher_is_better=True)
    with pytest.raises(NotMeasurable, match="labels of all 300 rows are the same"):
        metric.measure(np.ones(300), SCORES, OPTIONS)
    with pytest.raises(NotMeasurable, match="20 rows"):
        metric.measure(LABELS[:20], SCORES[:20], OPTIONS)
    with pytest.raises(NotMeasurable, match="300 of 300 scores"):
        metric.measure(LABELS, np.full(300, np.nan), OPTIONS)
