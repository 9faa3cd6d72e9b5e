# ruff: noqa: INP001
"""A training function that stands in the Dag file."""

# [START howto_mlops_train]
import pendulum
from airflow.sdk import DAG, CronPartitionTimetable, task

from include.flights import spec

with DAG(
    dag_id="flights_logistic",
    schedule=CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m"),
    start_date=pendulum.datetime(2013, 2, 1, tz="UTC"),
    catchup=False,
):

    @task.mlops_train(
        model_name="flight_delays_logistic",
        dataset="flights",
        features=["minute_of_day", "distance", "temperature"],
        label_column=spec.LABEL,
        window=2,
    )
    def train(features, labels, *, seed, strength):  # noqa: ANN001, ANN201 - as short as people write it
        """Fit a logistic regression."""
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        steps = (SimpleImputer(), StandardScaler(), LogisticRegression(C=strength, random_state=seed))
        return make_pipeline(*steps).fit(features, labels)

    train(strength=0.5)
# [END howto_mlops_train]
