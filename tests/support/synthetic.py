"""What a user brings, in small: partitions of a dataset and a training function that takes milliseconds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from airflow_provider_mlops.core.errors import TransientError
from airflow_provider_mlops.core.partition import Partition

ROWS = 800
FEATURES = ["signal", "noise"]


def rows_of(key: str, rows: int = ROWS) -> pd.DataFrame:
    """Make the rows of a month: the label follows the signal; a tenth of the labels is unknown."""
    rng = np.random.default_rng(int(key.replace("-", "")))
    signal = rng.normal(size=rows)
    late = (rng.random(rows) < 1 / (1 + np.exp(-2 * signal))).astype("float64")
    late[rng.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "row_id": [f"{key}/{number}" for number in range(rows)],
            "time": pd.date_range(f"{key}-01", periods=rows, freq="50min", unit="us", tz="UTC"),
            "signal": signal,
            "noise": rng.normal(size=rows),
            "group": rng.choice(["a", "b"], size=rows),
            "late": late,
        }
    )


def read_partition(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month in two frames."""
    rows = rows_of(partition.key)
    yield rows.iloc[:500]
    yield rows.iloc[500:]


def rows_of_day(key: str) -> pd.DataFrame:
    """Make the rows of a day as those of a month are made, a minute apart."""
    rows = rows_of(key[:7]).assign(time=pd.date_range(key, periods=ROWS, freq="1min", unit="us", tz="UTC"))
    chosen = np.random.default_rng(int(key.replace("-", ""))).permutation(ROWS)
    rows[["signal", "noise", "late"]] = rows.loc[chosen, ["signal", "noise", "late"]].to_numpy()
    return rows.assign(row_id=[f"{key}/{number}" for number in range(ROWS)])


def a_day(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a day."""
    yield rows_of_day(partition.key)


def labels_of_day(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield the labels of a day."""
    yield rows_of_day(partition.key)[["row_id", "time", "late"]]


def corrected(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month of which one value was put right since."""
    yield rows_of(partition.key).assign(noise=lambda frame: frame["noise"].where(frame.index != 7, 0.5))


def drifted(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month whose signal has moved by three of its standard deviations."""
    yield rows_of(partition.key).assign(signal=lambda frame: frame["signal"] + 3)


def empty(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a frame without rows."""
    yield rows_of(partition.key).iloc[:0]


def nothing(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield no frame at all."""
    yield from ()


def fails_half_way(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a frame, then lose the connection."""
    yield rows_of(partition.key).iloc[:500]
    raise TransientError("the database went away")


def other_columns(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a second frame that lacks a column."""
    rows = rows_of(partition.key)
    yield rows.iloc[:500]
    yield rows.iloc[500:].drop(columns="noise")


def without_noise(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month without a feature."""
    yield rows_of(partition.key).drop(columns="noise")


def null_noise(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month whose feature is null throughout."""
    yield rows_of(partition.key).assign(noise=np.nan)


def one_class(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month in which all is well."""
    yield rows_of(partition.key).assign(late=0.0)


def text_label(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with words for labels."""
    yield rows_of(partition.key).assign(late="yes")


def odd_label(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with a third class."""
    yield rows_of(partition.key).assign(late=lambda frame: frame["late"].where(frame.index != 3, 2.0))


def text_feature(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with words where numbers belong."""
    yield rows_of(partition.key).assign(signal="high")


def holes(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month with three rows that a logistic regression refuses."""
    holes = rows_of(partition.key).index.isin([3, 250, 799])
    yield rows_of(partition.key).assign(noise=lambda frame: frame["noise"].where(~holes))


def twice(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month in which a row id stands twice."""
    rows = rows_of(partition.key)
    yield rows.assign(row_id=rows["row_id"].where(rows.index != 700, rows["row_id"][9]))


def nameless(partition: Partition) -> Iterator[pd.DataFrame]:
    """Yield a month in which a row has no id."""
    yield rows_of(partition.key).assign(row_id=lambda frame: frame["row_id"].where(frame.index != 5, None))


def labels(partition: Partition, hours: int = 30, changed: int = 0) -> Iterator[pd.DataFrame]:
    """Yield the labels of a month, each known some hours after its row; the last of them may have changed since."""
    rows = rows_of(partition.key)[["row_id", "time", "late"]]
    yield rows.assign(time=rows["time"] + pd.Timedelta(hours=hours))
    if changed:
        last = rows.dropna().tail(changed)
        yield last.assign(time=last["time"] + pd.Timedelta(hours=hours + 1), late=1 - last["late"])


def odd_labels(partition: Partition, kind: str) -> Iterator[pd.DataFrame]:
    """Yield labels that are wrong in some way."""
    rows = rows_of(partition.key)[["row_id", "late"]].dropna().reset_index(drop=True)
    few = rows.head(20)
    match kind:
        case "repeated":
            yield pd.concat([rows, few])
        case "contradicting":
            yield pd.concat([rows, few.assign(late=1 - few["late"])])
        case "unknown":
            yield pd.concat([rows, few.assign(row_id="x" + few["row_id"])])
        case "nameless":
            yield pd.concat([rows, few.assign(row_id=None)])
        case "third_class":
            yield rows.assign(late=2.0)
        case "half":
            yield rows.head(300)
        case "nothing":
            yield rows.head(0)


def not_frames(partition: Partition) -> Iterator[Any]:
    """Yield what is no frame."""
    yield {"signal": [1.0]}


def train(features: pd.DataFrame, labels: pd.Series, *, seed: int, strength: float = 1.0, sign: int = 1) -> Any:
    """Fit a logistic regression; a sign of -1 gives a model that is always wrong."""
    model = LogisticRegression(C=strength, random_state=seed).fit(features, labels)
    model.coef_ = model.coef_ * sign
    return model


def train_nan(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Any:
    """Fit a model whose scores are not numbers."""
    model = LogisticRegression(random_state=seed).fit(features, labels)
    model.coef_ = model.coef_ * np.nan
    return model


def train_nothing(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Any:
    """Return what is no model."""
    return {"seed": seed}


def train_broken(features: pd.DataFrame, labels: pd.Series, *, seed: int) -> Any:
    """Fail as user code does."""
    raise ZeroDivisionError("user code")
