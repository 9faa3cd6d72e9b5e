"""The backends of a drift check: each answers, none hears a null, alibi-detect agrees with us within its float32."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from airflow_provider_mlops.backends import drift_backends
from airflow_provider_mlops.backends.alibi_whole import counted_p_value
from airflow_provider_mlops.backends.evidently import write_report
from airflow_provider_mlops.backends.feature_matrix import matrices
from airflow_provider_mlops.core.errors import BadInput, MissingBackend
from airflow_provider_mlops.statistics import distances
from airflow_provider_mlops.statistics.columns import ColumnSample, paired


def sample(
    random: np.random.Generator, rows: int, shift: float = 0.0, share: float = 0.5, nulls: int = 0
) -> dict[str, ColumnSample]:
    """Draw a side of two columns."""
    values = random.normal(shift, 1, rows)
    values[:nulls] = np.nan
    letters = random.choice(["a", "b"], rows, p=[share, 1 - share]).astype(object)
    return {"x": ColumnSample("numeric", values), "c": ColumnSample("categorical", letters)}


RANDOM = np.random.default_rng(11)
WAS, SAME = sample(RANDOM, 900), sample(RANDOM, 700)
MOVED = sample(RANDOM, 700, shift=1.0, share=0.8, nulls=30)


def test_statistics_equal_those_of_alibi_within_its_float32(random: np.random.Generator) -> None:
    """KS distance and chi-squared statistic are the same numbers."""
    from alibi_detect.cd import ChiSquareDrift, KSDrift

    was, now = (np.sort(side["x"].values) for side in (WAS, SAME))
    theirs = KSDrift(was.reshape(-1, 1)).predict(now.reshape(-1, 1))["data"]["distance"][0]
    assert distances.ks_statistic(was, now) == pytest.approx(float(theirs), abs=1e-7)
    # Three categories: theirs corrects tables of two by two for continuity, ours does not.
    codes = [random.choice(3, rows, p=share) for rows, share in ((900, [0.5, 0.3, 0.2]), (700, [0.4, 0.3, 0.3]))]
    answer = ChiSquareDrift(codes[0].reshape(-1, 1)).predict(codes[1].reshape(-1, 1))["data"]
    counts = [np.bincount(side, minlength=3).astype(float) for side in codes]
    statistic, p_value = distances.chi_squared(counts[0], counts[1])[:2]
    assert statistic == pytest.approx(float(answer["distance"][0]), rel=1e-6)
    assert p_value == pytest.approx(float(answer["p_val"][0]), rel=1e-4)


def test_per_feature_backends_answer_alike() -> None:
    """One TabularDrift says what single detectors say; a column with nulls is tested by itself."""
    single, tabular = (drift_backends.per_feature(name) for name in ("alibi", "alibi_tabular"))
    assert single is not None
    assert tabular is not None

    for now in (SAME, MOVED):
        ours, theirs = single(list(paired(WAS, now))), tabular(list(paired(WAS, now)))
        assert theirs == pytest.approx(ours, rel=1e-5)
    assert drift_backends.per_feature("native") is None


@pytest.mark.filterwarnings("ignore")
def test_a_classifier_gives_an_opinion() -> None:
    """It tells what moved from what did not, nulls or not."""
    same = drift_backends.opinion_of("alibi_classifier", WAS, SAME, alpha=0.01)
    moved = drift_backends.opinion_of("alibi_classifier", WAS, MOVED, alpha=0.01)

    assert same is not None
    assert moved is not None
    assert (same.drift, moved.drift) == (False, True)
    assert moved.to_dict()["rows"] == [900, 700]


@pytest.mark.filterwarnings("ignore")
def test_an_online_detector_counts_its_alarms() -> None:
    """It rings as often as it may where nothing moved, and soon after a change; the same rows give the same answer."""
    same = drift_backends.opinion_of("alibi_online", WAS, SAME, alpha=0.01)
    moved = drift_backends.opinion_of("alibi_online", WAS, MOVED, alpha=0.01)
    again = drift_backends.opinion_of("alibi_online", WAS, MOVED, alpha=0.01)

    assert same is not None
    assert moved is not None
    assert (same.drift, moved.drift, moved) == (False, True, again)
    assert moved.details["alarms"] > 5 * moved.details["alarms_expected"]
    assert set(moved.details["first_alarm"]) == {"x", "c"}
    assert max(moved.details["first_alarm"].values()) <= 200


def test_an_online_detector_needs_rows_to_follow(random: np.random.Generator) -> None:
    """Fewer values than two of its windows are refused: silence would look like no drift."""
    few = sample(random, 50)
    with pytest.raises(BadInput, match="at least 120 values"):
        drift_backends.opinion_of("alibi_online", few, few, alpha=0.01)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not part of the lock: several gigabytes")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["alibi_mmd", "alibi_lsdd"])
def test_kernel_detectors_give_an_opinion(name: str) -> None:
    """They tell what moved from what did not; a permutation test never answers zero."""
    same, moved, again = (drift_backends.opinion_of(name, WAS, now, alpha=0.01) for now in (SAME, MOVED, MOVED))

    assert same is not None
    assert moved is not None
    assert (same.drift, moved.drift, moved) == (False, True, again)
    assert moved.p_value == pytest.approx(1 / 201)


@pytest.mark.parametrize(("extreme", "p_value"), [(0.0, 1 / 201), (0.5, 101 / 201), (1.0, 1.0)])
def test_a_permutation_p_value_counts_the_data_itself(extreme: float, p_value: float) -> None:
    """As many permutations as were more extreme, and the data: (b + 1) / (n + 1)."""
    assert counted_p_value(extreme, 200) == pytest.approx(p_value)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed")
@pytest.mark.parametrize("name", ["alibi_mmd", "alibi_lsdd"])
def test_kernel_detectors_say_what_they_need(name: str) -> None:
    """Without PyTorch the error names it, and no verdict is made without the opinion that was asked for."""
    with pytest.raises(MissingBackend, match="needs 'torch', which no extra brings"):
        drift_backends.backend_named(name)


def test_an_unknown_backend_is_named() -> None:
    """With the ones that there are."""
    with pytest.raises(BadInput, match="backend='spark' must be one of: native, alibi"):
        drift_backends.backend_named("spark")


def test_the_licence_is_told_for_alibi_alone() -> None:
    """Whoever uses it in production must know."""
    assert "needs a contract" in drift_backends.notice_of("alibi_online")
    assert drift_backends.notice_of("native") == drift_backends.notice_of("evidently") == ""


def test_a_matrix_has_no_null() -> None:
    """What is missing becomes the reference's median, and a column of its own that says so."""
    was, now, names = matrices(WAS, MOVED, 500)

    assert names[:2] == ["x", "x is missing"]
    assert set(names[2:]) == {"c=a", "c=b"}
    assert np.isfinite(was).all()
    assert np.isfinite(now).all()
    assert max(len(was), len(now)) <= 500


def test_evidently_writes_a_page_without_telemetry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stands alone, and the environment is as it was."""
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    frames = [pd.DataFrame({name: found.values for name, found in side.items()}) for side in (WAS, MOVED)]

    write_report(tmp_path / "page.html", *frames)

    text = (tmp_path / "page.html").read_text()
    assert "<html" in text
    assert 'src="http' not in text
    import os

    assert "DO_NOT_TRACK" not in os.environ


def test_evidently_refuses_nothing_to_compare(tmp_path: Path) -> None:
    """Columns that are null throughout are no columns to compare."""
    empty = pd.DataFrame({"x": [np.nan, np.nan]})

    with pytest.raises(BadInput, match="no rows of common columns"):
        write_report(tmp_path / "page.html", empty, empty)
