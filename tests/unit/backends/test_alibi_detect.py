"""alibi-detect as a second opinion: the real library, its traps guarded."""

import numpy as np
import pytest
from scipy import stats

from airflow_provider_mlops.backends.alibi_detect import univariate_p_values
from airflow_provider_mlops.core.drift_policy import DriftPolicy
from airflow_provider_mlops.core.verdict import Outcome
from airflow_provider_mlops.statistics.columns import ColumnSample, paired
from airflow_provider_mlops.statistics.drift import detect_drift


def numeric(random: np.random.Generator, shift: float = 0.0, nulls: int = 0) -> ColumnSample:
    values = random.normal(shift, 1, 1_500)
    values[:nulls] = np.nan
    return ColumnSample("numeric", values)


def letters(random: np.random.Generator, share: float) -> ColumnSample:
    return ColumnSample("categorical", random.choice(["a", "b"], 1_500, p=[share, 1 - share]).astype(object))


def test_a_numeric_feature_gets_the_p_value_of_a_ks_test(random: np.random.Generator) -> None:
    """The adapter hands the values on as they are."""
    before, now = numeric(random), numeric(random, 0.1)

    found = univariate_p_values(paired({"x": before}, {"x": now}))

    assert found["x"] == pytest.approx(stats.ks_2samp(before.values, now.values, method="asymp").pvalue, rel=1e-2)


def test_a_category_gets_the_p_value_of_a_chi_squared_test(random: np.random.Generator) -> None:
    """Texts become codes on the way; the counts stay."""
    before, now = letters(random, 0.5), letters(random, 0.55)
    counts = [[(sample.values == letter).sum() for letter in "ab"] for sample in (before, now)]

    found = univariate_p_values(paired({"c": before}, {"c": now}))

    assert found["c"] == pytest.approx(stats.chi2_contingency(counts).pvalue, rel=1e-2)


def test_nulls_do_not_hide_a_shift(random: np.random.Generator) -> None:
    """One NaN turns alibi-detect's answer into no drift; here the shift is found."""
    before, now = {"x": numeric(random, nulls=10)}, {"x": numeric(random, 5.0, nulls=10)}
    policy = DriftPolicy.from_mapping({"schema": 1, "name": "d", "min_rows": 500})

    p_values = univariate_p_values(paired(before, now))

    assert p_values["x"] < 1e-6
    assert detect_drift(paired(before, now), policy, p_values=p_values).outcome is Outcome.FAIL


def test_a_new_category_is_no_error(random: np.random.Generator) -> None:
    """A value that the reference never had gets a code of its own."""
    before = letters(random, 0.5)
    now = ColumnSample("categorical", np.array(["a"] * 700 + ["new"] * 800, dtype=object))

    assert univariate_p_values(paired({"c": before}, {"c": now}))["c"] < 1e-6


def test_what_cannot_be_tested_is_left_out(random: np.random.Generator) -> None:
    """Missing columns, other types and all-null columns have no p-value."""
    null = ColumnSample("numeric", np.full(100, np.nan))
    before = {"b": numeric(random), "c": numeric(random), "d": null}
    now = {"c": letters(random, 0.5), "d": numeric(random)}

    assert univariate_p_values(paired(before, now)) == {}
