"""The scores that a rule looks at: whose, on which rows, at which threshold."""

import numpy as np
import pytest

from airflow_provider_mlops.core.measure import NotMeasurable
from airflow_provider_mlops.statistics.metrics import METRICS
from airflow_provider_mlops.statistics.score_table import ScoreTable
from airflow_provider_mlops.statistics.scores import Pair, decisions_of, discordant, scores_of, threshold_of

LABELS = np.array([0.0, 1.0, 1.0, 0.0])
OURS = np.array([0.2, 0.4, 0.9, 0.6])
THEIRS = np.array([0.2, 0.7, 0.3, 0.6])
TABLE = ScoreTable(
    LABELS, OURS, THEIRS, variants={"noise": OURS[::-1]}, thresholds={"candidate": 0.3, "champion": 0.65}
)


def test_scores_are_those_of_the_model_or_of_the_altered_rows() -> None:
    """A number as threshold leaves them as they are."""
    assert np.array_equal(np.asarray(scores_of(TABLE, "champion", 0.3)), THEIRS)
    assert np.array_equal(scores_of(TABLE, "candidate", variant="noise"), OURS[::-1])


def test_an_operating_threshold_turns_scores_into_decisions() -> None:
    """Each model at its own; altered rows at the candidate's."""
    assert scores_of(TABLE, "candidate", "operating").tolist() == [0, 1, 1, 1]
    assert scores_of(TABLE, "champion", "operating").tolist() == [0, 1, 0, 0]
    assert scores_of(TABLE, "candidate", "operating", variant="noise").tolist() == [1, 1, 1, 0]
    assert threshold_of("operating") == threshold_of(None) == 0.5


def test_a_model_that_is_not_there_is_said_with_the_way_out() -> None:
    """Champion, golden and altered rows alike."""
    alone = ScoreTable(LABELS, OURS)
    for model, words in (("champion", "the first version has none"), ("golden", "give the alias golden")):
        with pytest.raises(NotMeasurable, match=words):
            scores_of(alone, model)
    with pytest.raises(NotMeasurable, match="no altered rows 'noise'; it has: none"):
        scores_of(alone, "candidate", variant="noise")


def test_discordant_rows_are_those_that_one_side_gets_right() -> None:
    """At 0.5 the two disagree on two rows; a metric without decisions has none."""
    pair = Pair(OURS, THEIRS)

    assert discordant(TABLE, METRICS["accuracy"], pair, None) == 2
    assert discordant(TABLE, METRICS["roc_auc"], pair, None) is None


def test_the_class_with_the_highest_score_is_the_decision() -> None:
    """With more than two classes there is no threshold."""
    scores = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])

    assert decisions_of("multiclass", scores, 0.9).tolist() == [1, 0]
