"""Done once before task processes are forked: the first use of skops and MLflow imports half of what they know."""

import sys

import skops.io
from sklearn.linear_model import LogisticRegression

from airflow_provider_mlops.backends.optional import quiet
from tests.support.synthetic import FEATURES, rows_of, train

# pyspark, which skops comes across, takes a process whose main module has no file for its own doctests, and ends it.
vars(sys.modules["__main__"]).setdefault("__file__", __file__)

with quiet():
    rows = rows_of("2020-01").dropna()
    model: LogisticRegression = train(rows[FEATURES], rows["late"].astype(int), seed=1)
    skops.io.dumps(model)
