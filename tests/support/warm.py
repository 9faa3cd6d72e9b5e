"""Done once before task processes are forked: the first use of skops and MLflow imports half of what they know."""

import skops.io
from sklearn.linear_model import LogisticRegression

from airflow_provider_mlops.backends.optional import quiet
from tests.support.synthetic import FEATURES, rows_of, train

with quiet():
    rows = rows_of("2020-01").dropna()
    model: LogisticRegression = train(rows[FEATURES], rows["late"].astype(int), seed=1)
    skops.io.dumps(model)
