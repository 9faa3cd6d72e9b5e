"""Drift policies from mappings: defaults, overrides, refusals."""

from typing import Any

import pytest

from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.drift_policy import Correction, DriftPolicy
from airflow_provider_mlops.core.errors import BadInput

SHARES = {"missing": 0.05, "new_categories": 0.05, "vanished_categories": 0.05}


def read(**keys: Any) -> DriftPolicy:
    return DriftPolicy.from_mapping({"schema": 1, "name": "d", **keys})


def test_a_bare_policy_has_the_documented_defaults() -> None:
    """Alpha, correction, rows and materiality."""
    policy = read()

    assert (policy.alpha, policy.correction, policy.min_rows) == (0.05, Correction.BONFERRONI, 500)
    assert policy.thresholds == {"ks": 0.1, "cramers_v": 0.1, **SHARES}
    assert (policy.max_drifted_share, policy.ignore) == (0.0, ())
    assert policy.hash == sha256_of({"schema": 1, "name": "d"})


def test_thresholds_of_a_feature_go_over_the_general_ones() -> None:
    """What a feature does not say, the policy says; what that does not say, the default."""
    policy = read(thresholds={"psi": 0.2}, features={"temp": {"ks": 0.4}})

    assert policy.thresholds_of("temp") == {"ks": 0.4, "cramers_v": 0.1, "psi": 0.2, **SHARES}
    assert policy.thresholds_of("wind")["ks"] == 0.1


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"threshold": {}}, "unknown key 'threshold'; valid keys: alpha, calibration"),
        ({"thresholds": {"kl": 0.1}}, "unknown key 'kl'; valid keys: cramers_v"),
        ({"thresholds": {"ks": 0}}, "ks must be above 0"),
        ({"thresholds": [0.1]}, "must be a mapping"),
        ({"features": {"x": {"ks": "big"}}}, "features: x: ks must be a finite number"),
        ({"features": {"x": 0.1}}, "features: x must be a mapping"),
        ({"features": ["x"]}, "must be a mapping of feature"),
        ({"correction": "none"}, "'none'; valid: bonferroni, holm, bh, by"),
        ({"correction": ["bh"]}, "valid: bonferroni"),
        ({"min_rows": 0}, "min_rows must be a whole number"),
        ({"max_drifted_share": 1}, "at least 0 and below 1"),
        ({"ignore": "id"}, "list of column names"),
        ({"ignore": [1]}, "must be a text"),
        ({"alpha": 0}, "above 0 and below 0.5"),
        ({"schema": 0}, "reads schema 1"),
        ({"list_correction": "holm"}, "one of: bh, by"),
        ({"decide": "mean"}, "one of: point, bound"),
        ({"severity": {"weights": "importance"}}, "lacks the key 'max'"),
        ({"severity": {"max": 1}}, "at least 0 and below 1"),
        ({"severity": {"max": 0.1, "weights": {"x": -1}}}, "weights must be 'importance'"),
        ({"severity": {"max": 0.1}, "max_drifted_share": 0.1}, "both severity and max_drifted_share"),
        ({"dependence": {"kind": "clusters"}}, "lacks the key 'column'"),
        ({"dependence": {"kind": "days", "rows": 3}}, "unknown key 'rows'"),
        ({"dependence": {"kind": "blocks", "rows": 0}}, "rows must be a whole number"),
        ({"dependence": {"kind": "days"}, "calibration": {"partitions": 9}}, "both dependence and calibration"),
        ({"dependence": {"kind": "days"}, "slices": ["x"]}, "slices need independent rows"),
        ({"dependence": {"kind": "days"}, "decide": "bound"}, "bound needs independent rows"),
        ({"decide": "bound", "thresholds": {"wasserstein": 0.1}}, "no bound of wasserstein"),
        ({"reference": "golden"}, "one of: training, test, rolling"),
        ({"reference": {"of": "training", "partitions": 3}}, "for a rolling reference only"),
        ({"reference": {"match": "easter"}}, "one of: none, weekday, month_last_year"),
    ],
)
def test_what_is_malformed_is_refused_by_name(keys: dict[str, Any], message: str) -> None:
    """Every error names the key and the way out."""
    with pytest.raises(BadInput, match=message):
        read(**keys)
