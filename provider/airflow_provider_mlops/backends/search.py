"""Searching parameters with scikit-learn: its own searches over a training function, within a budget."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.backends.scikit_learn import score
from airflow_provider_mlops.backends.search_estimator import estimator_class
from airflow_provider_mlops.backends.search_space import distribution
from airflow_provider_mlops.core.errors import BadInput, MLOpsError
from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.core.search import GRID, HALVING, OPTUNA, is_range
from airflow_provider_mlops.statistics.metric import Metric, Options

if TYPE_CHECKING:
    import pandas as pd


@dataclass(slots=True, kw_only=True)
class Search:
    """A search over the parameters of a training function.

    :param function: the training function.
    :param fixed: parameters that are not searched.
    :param space: parameter to a list of values, or to a range of ``low``, ``high``, ``log`` and ``int``.
    :param method: ``grid``, ``random``, ``halving`` or ``optuna``.
    :param metric: what is measured on the rows of a fold that were not fitted on.
    :param metric_params: further numbers of the metric.
    :param task: ``binary``, ``multiclass`` or ``regression``.
    :param training_seed: seed of each fit.
    :param seed: seed of the search.
    :param trials: how many trials at the most; None for the whole grid.
    :param seconds: after how many seconds no further trial begins; None for no limit.
    :param most: how many trials there were when this search was recorded, of which nothing more is tried; or None.
    :param offered: keywords that the function gets where it names them.
    :param log: where progress is told.
    :param stopped: why no more was tried: ``space``, ``trials`` or ``minutes``.
    """

    function: Callable[..., Any]
    fixed: Mapping[str, Any]
    space: Mapping[str, Any]
    method: str
    metric: Metric
    metric_params: Mapping[str, float]
    task: str
    training_seed: int
    seed: int
    trials: int | None
    seconds: float | None
    most: int | None = None
    offered: Mapping[str, Any] = field(default_factory=dict)
    log: Any
    stopped: str = "space"
    _failures: list[str] = field(default_factory=list)
    _reasons: list[str | None] = field(default_factory=list)
    _best: float = math.nan
    _rounds: list[int] = field(default_factory=list)

    def run(
        self, features: pd.DataFrame, labels: pd.Series[Any], folds: Sequence[tuple[Any, Any]]
    ) -> list[dict[str, Any]]:
        """Try parameters until the space or the budget is used up.

        :param features: training rows.
        :param labels: their labels.
        :param folds: positions of the rows to fit on and of those to score.
        :return: every trial in order: ``number``, ``params``, ``scores`` by fold, their mean ``score`` (null where
            it failed), ``seconds``, and ``round`` and ``rows`` where halving gives a trial fewer rows.
        :raises BadInput: when no trial could be measured.
        """
        drawn = {"random_state": self.seed, "return_train_score": False} if self.method == HALVING else {}
        search = _search_class(self)(
            estimator_class()(self.function, self.task, self.training_seed, dict(self.fixed), dict(self.offered)),
            {},
            scoring=self._measure,
            cv=list(folds),
            error_score="raise",
            refit=False,
            **drawn,
        )
        with warnings.catch_warnings():
            # Of trials that failed; they are told one by one.
            warnings.filterwarnings("ignore", message="One or more of the test scores are non-finite")
            search.fit(features, labels)
        trials = list(self._trials(search.cv_results_, len(folds)))
        if all(trial["score"] is None for trial in trials):
            raise BadInput(
                f"None of the {len(trials)} trials of the search could be measured; the first failed with: "
                f"{trials[0]['failed']} Mend the training function, or search.space."
            )
        return trials

    def winner(self, trials: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the best trial: of equally good ones the first, of halving one of the last round that was finished.

        :param trials: as `run` returned them.
        :return: the trial.
        """
        done = [trial for trial in trials if trial["score"] is not None]
        if self.method == HALVING:
            whole = [trial for trial in done if self._finished(trial["round"], trials)] or done
            last = max(trial["round"] for trial in whole)
            done = [trial for trial in whole if trial["round"] == last]
        sign = 1 if self.metric.higher_is_better else -1
        return max(done, key=lambda trial: (sign * trial["score"], -trial["number"]))

    def candidates(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters to try, in order, where results do not decide what comes next."""
        selection = load("sklearn.model_selection", "scikit-learn")
        if self.method == GRID:
            yield from selection.ParameterGrid(dict(self.space))
            return
        size = math.inf if any(map(is_range, self.space.values())) else self._grid_size()
        number = int(min(self.trials or size, size))
        drawn = {name: distribution(values) for name, values in self.space.items()}
        for params in selection.ParameterSampler(drawn, number, random_state=self.seed):
            yield {name: _plain(value) for name, value in params.items()}

    def go_on(self, evaluate: Callable[..., Any], params: Mapping[str, Any], tried: int, started: float) -> Any:
        """Try one set of parameters and tell how it went.

        :param evaluate: what scikit-learn gives a search to try with.
        :param params: the parameters.
        :param tried: how many were tried before.
        :param started: when the search began, of the monotonic clock.
        :return: scikit-learn's results so far; None when the budget is used up.
        """
        if self.trials is not None and tried >= self.trials and self.method != HALVING:
            self.stopped = "trials"
            return None
        if self.most is not None and tried >= self.most:
            return None
        if self.seconds is not None and tried and time.monotonic() - started >= self.seconds:
            self.stopped = "minutes"
            self.log.info("The search has used up its time after %d trials.", tried)
            return None
        results = evaluate([dict(params)])
        self._reasons.append(self._failures[0] if self._failures else None)
        self._failures.clear()
        self._tell(float(results["mean_test_score"][-1]), params, tried + 1)
        return results

    def begin_round(self, trials: int) -> None:
        """Note how many trials a round of halving has.

        :param trials: how many.
        """
        self._rounds.append(trials)

    def _finished(self, number: int, trials: Sequence[Mapping[str, Any]]) -> bool:
        return [trial["round"] for trial in trials].count(number) == self._rounds[number]

    def _grid_size(self) -> int:
        return math.prod(len(values) for values in self.space.values())

    def _tell(self, found: float, params: Mapping[str, Any], number: int) -> None:
        sign = 1 if self.metric.higher_is_better else -1
        value = sign * found
        if not math.isnan(found) and (math.isnan(self._best) or found > sign * self._best):
            self._best = value
        of = f" of {self.trials}" if self.trials is not None and self.method != HALVING else ""
        shown = "failed" if math.isnan(value) else f"{value:.6g}"
        self.log.info(
            "Trial %d%s: %s %s, best %.6g, %s.", number, of, self.metric.name, shown, self._best, dict(params)
        )

    def _measure(self, estimator: Any, features: Any, labels: Any) -> float:
        """Measure a fitted estimator; higher is better, as scikit-learn wants it."""
        try:
            if estimator.failed_ is not None:
                raise BadInput(estimator.failed_)
            scores = score(estimator.model_, features, self.task)
            options = Options(level=0.9, seed=self.seed, params=dict(self.metric_params))
            value = float(self.metric.point(labels.to_numpy(), scores, options))
        except (BadInput, NotMeasurable) as err:
            self._failures.append(str(err)[:300])
            return math.nan
        return value if self.metric.higher_is_better else -value

    def _trials(self, results: Mapping[str, Any], folds: int) -> Iterator[dict[str, Any]]:
        sign = 1 if self.metric.higher_is_better else -1
        for place, params in enumerate(results["params"]):
            found = [float(results[f"split{fold}_test_score"][place]) for fold in range(folds)]
            reason = None if all(map(math.isfinite, found)) else self._reasons[place] or "a score is not a number"
            spent = float(results["mean_fit_time"][place] + results["mean_score_time"][place]) * folds
            halved = {"round": "iter", "rows": "n_resources"} if self.method == HALVING else {}
            yield {
                "number": place + 1,
                "params": {name: _plain(value) for name, value in params.items()},
                "scores": [sign * value if math.isfinite(value) else None for value in found],
                "score": None if reason else sign * math.fsum(found) / folds,
                "seconds": round(spent, 3),
                **{name: int(results[column][place]) for name, column in halved.items()},
                **({"failed": reason} if reason else {}),
            }


def _search_class(search: Search) -> Any:
    """Return scikit-learn's search of the method, that tries one set of parameters after the other."""
    selection = load("sklearn.model_selection", "scikit-learn")
    started = time.monotonic()

    class InOrder(selection.GridSearchCV):  # type: ignore[misc, name-defined]  # it has no types
        def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:
            for tried, params in enumerate(search.candidates()):
                if search.go_on(evaluate_candidates, params, tried, started) is None:
                    return

    class Asking(selection.GridSearchCV):  # type: ignore[misc, name-defined]  # it has no types
        def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:
            from airflow_provider_mlops.backends.optuna import Study

            study, tried = Study(search.space, search.seed), 0
            while True:
                results = search.go_on(evaluate_candidates, study.ask(), tried, started)
                if results is None:
                    return
                study.tell(float(results["mean_test_score"][-1]))
                tried += 1

    if search.method == HALVING:
        return _halving_class(search, started)
    return Asking if search.method == OPTUNA else InOrder


def _halving_class(search: Search, started: float) -> Any:
    load("sklearn.experimental.enable_halving_search_cv", "scikit-learn")
    selection = load("sklearn.model_selection", "scikit-learn")

    class Halving(selection.HalvingGridSearchCV):  # type: ignore[misc, name-defined]  # it has no types
        def _generate_candidate_params(self) -> Any:
            return list(search.candidates())

        def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:
            tried = 0

            def watched(candidates: Any, cv: Any = None, more_results: Any = None, **_: Any) -> Any:
                nonlocal tried
                search.begin_round(len(candidates))
                results = None
                for place, params in enumerate(candidates):
                    more = {name: [values[place]] for name, values in more_results.items()}

                    def one(chosen: Any, more: Any = more) -> Any:
                        return evaluate_candidates(chosen, cv, more_results=more)

                    results = search.go_on(one, params, tried, started)
                    if results is None:
                        raise _UsedUpError
                    tried += 1
                return results

            known = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
            try:
                super()._run_search(watched, **known)
            except _UsedUpError:
                return

    return Halving


class _UsedUpError(MLOpsError):
    """The budget is used up in the middle of a round."""


def _plain(value: Any) -> Any:
    """Return a plain value in place of NumPy's."""
    return value.item() if hasattr(value, "item") else value
