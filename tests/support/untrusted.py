"""A training function whose model holds a type of its own."""

from typing import Any

from sklearn.linear_model import LogisticRegression


class Own(LogisticRegression):
    """A classifier that no list names."""


def fit_untrusted(features: Any, labels: Any, *, seed: int) -> Any:
    """Fit it."""
    return Own(random_state=seed).fit(features, labels)
