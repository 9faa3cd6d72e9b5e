"""Would retraining help? A small model, trained on recent rows, beside the champion on the newest labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.backends.optional import load
from airflow_provider_mlops.core.canonical import sha256_of
from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.core.manifest import BINARY, MULTICLASS, REGRESSION, task_of
from airflow_provider_mlops.core.measure import Interval, NotMeasurable
from airflow_provider_mlops.core.new_data import training_end
from airflow_provider_mlops.core.partition import Partition
from airflow_provider_mlops.core.record import Record
from airflow_provider_mlops.core.retrain_policy import Probe
from airflow_provider_mlops.core.verdict import Outcome, RuleResult
from airflow_provider_mlops.hooks.mlflow import MlflowHook
from airflow_provider_mlops.hooks.rows import last_time, read_rows
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    import pandas as pd

_METRICS = {BINARY: "roc_auc", MULTICLASS: "multiclass_accuracy", REGRESSION: "mae"}
RULE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried: on which rows, against which champion.

    :param probe: the policy's probe.
    :param champion: record of the champion's training.
    :param dataset: the dataset whose rows are read.
    :param accepted: snapshot id by accepted partition.
    :param newest: the newest partition to read.
    :param time_column: column with the row's time.
    """

    probe: Probe
    champion: Record
    dataset: str
    accepted: Mapping[str, str]
    newest: str
    time_column: str | None


def run_probe(trial: Trial, storage: Storage, hook: MlflowHook, log: Any) -> tuple[RuleResult, dict[str, Any] | None]:
    """Train the small model and compare.

    :param trial: what is tried.
    :param storage: where the snapshots lie.
    :param hook: the MLflow connection.
    :param log: where progress is told.
    :return: the result of the rule, INCONCLUSIVE where the rows cannot answer; and the facts for the record, None
        where no row was looked at.
    :raises EvidenceBroken: when a snapshot or the champion is not the recorded one.
    :raises TransientError: when MLflow cannot be reached.
    """
    try:
        facts = _spans(trial, storage)
    except NotMeasurable as err:
        return _unanswered(err), None
    log.info("Probing: trained from %s on, tested from %s on.", facts["train_since"], facts["test_since"])
    try:
        interval, facts = _compare(trial, facts, storage, hook)
    except (BadInput, NotMeasurable) as err:
        return _unanswered(err), facts
    return _judged(interval, trial.probe, facts), {**facts, "gain": interval.to_dict()}


def _spans(trial: Trial, storage: Storage) -> dict[str, Any]:
    """Say which rows are read, or why none can be."""
    manifest, probe = trial.champion.body.get("manifest") or {}, trial.probe
    if not manifest.get("features") or trial.time_column is None:
        raise NotMeasurable("The champion's features or the time column are not known.")
    newest = datetime.fromisoformat(last_time(storage, trial.dataset, trial.accepted[trial.newest]))
    end = newest.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    test_since = end - timedelta(days=probe.test_days)
    train_since = test_since - timedelta(days=probe.days)
    trained = training_end(manifest)
    if trained is not None and trained > test_since:
        raise NotMeasurable(
            f"The champion was trained on rows up to {trained.date()}, and the newest {probe.test_days:g} days begin "
            f"at {test_since.date()}: on rows that it knows it cannot be compared."
        )

    def within(since: datetime) -> list[dict[str, str]]:
        parts = [Partition.parse(key) for key in trial.accepted]
        upto = Partition.parse(trial.newest).start
        return [
            {"partition_key": part.key, "snapshot_id": trial.accepted[part.key]}
            for part in sorted(parts, key=lambda part: part.start)
            if part.end > since and part.start <= upto
        ]

    facts = {
        "dataset": trial.dataset,
        "train_snapshots": within(train_since),
        "train_since": train_since.isoformat(),
        "test_snapshot_ids": [item["snapshot_id"] for item in within(test_since)],
        "test_since": test_since.isoformat(),
        "champion_manifest_hash": trial.champion.body.get("manifest_hash"),
        "model": probe.model,
        "metric": probe.metric or _METRICS[task_of(manifest)],
    }
    asked = {**facts, "iterations": probe.iterations, "max_rows": probe.max_rows, "block_days": probe.block_days}
    return {**facts, "probe_id": sha256_of(asked)}


def _compare(
    trial: Trial, facts: dict[str, Any], storage: Storage, hook: MlflowHook
) -> tuple[Interval, dict[str, Any]]:
    """Measure by how much the small model is better, whatever the metric's direction."""
    from airflow_provider_mlops.backends import scikit_learn as sk
    from airflow_provider_mlops.backends.probe_model import scores_of_small_model
    from airflow_provider_mlops.hooks.scoring import load_model
    from airflow_provider_mlops.statistics.clusters import clusters_of
    from airflow_provider_mlops.statistics.metric import Options
    from airflow_provider_mlops.statistics.metrics import metric_named
    from airflow_provider_mlops.statistics.seeds import derive_seed

    probe, manifest = trial.probe, trial.champion.body["manifest"]
    task, classes = task_of(manifest), trial.champion.body.get("classes")
    metric = metric_named(facts["metric"])
    train, test = _rows(trial, facts, storage)
    label, features = manifest["label"], manifest["features"]
    inputs, labels, _ = sk.split_features(train, features=features, label=label, task=task, classes=classes)
    probed, truth, _ = sk.split_features(test, features=features, label=label, task=task, classes=classes)
    seed = derive_seed(facts["probe_id"], facts["metric"])
    ours = scores_of_small_model(
        inputs, labels, probed, seed=seed % 2**32, task=task, model=probe.model, iterations=probe.iterations
    )
    theirs = sk.score(load_model(hook, trial.champion), probed, task)
    clusters = None
    if probe.block_days is not None:
        times = [moment.isoformat() for moment in test.loc[probed.index, trial.time_column]]
        clusters = clusters_of(times, block_days=probe.block_days)
    options = Options(level=1 - 2 * probe.alpha, seed=seed, clusters=clusters)
    found = metric.compare(truth.to_numpy(), ours, theirs, options)
    values = {
        "small_model": metric.point(truth.to_numpy(), ours, options),
        "champion": metric.point(truth.to_numpy(), theirs, options),
    }
    more = {"train_rows": len(inputs), "test_rows": len(probed), **values, "seed": seed}
    if not metric.higher_is_better:
        found = Interval(-found.value, -found.high, -found.low, found.n, found.method)
    return found, {**facts, **more}


def _rows(trial: Trial, facts: Mapping[str, Any], storage: Storage) -> tuple[pd.DataFrame, pd.DataFrame]:
    manifest = trial.champion.body["manifest"]
    columns = [*manifest["features"], manifest["label"], str(trial.time_column)]
    frame = read_rows(
        storage,
        trial.dataset,
        facts["train_snapshots"],
        columns=columns,
        time_column=trial.time_column,
        since=facts["train_since"],
    )
    start = load("pandas", "parquet").Timestamp(facts["test_since"])
    times = frame[trial.time_column]
    if times.dt.tz is None:
        start = start.tz_localize(None)
    recent = frame[times < start].sort_values(str(trial.time_column), kind="stable").tail(trial.probe.max_rows)
    newest = frame[times >= start]
    if recent.empty or newest.empty:
        raise NotMeasurable(f"There are {len(recent):,} recent rows and {len(newest):,} newest ones to probe with.")
    return recent, newest


def _judged(gain: Interval, probe: Probe, facts: Mapping[str, Any]) -> RuleResult:
    least = probe.least_gain
    measured = (
        f"A small model of recent rows gains {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] on the champion in "
        f"{facts['metric']} ({facts['small_model']:.4f} and {facts['champion']:.4f} on "
        f"{facts['test_rows']:,} newest rows); {least:g} is asked for"
    )
    if gain.low > least:
        outcome, end = Outcome.PASS, "retraining should help."
    elif gain.high < least:
        outcome, end = Outcome.FAIL, "recent rows teach nothing that the champion does not know."
    else:
        outcome, end = Outcome.INCONCLUSIVE, "these rows cannot tell."
    numbers = {"metric": facts["metric"], "low": gain.low, "high": gain.high, "n": gain.n, "alpha": probe.alpha}
    return RuleResult(rule=RULE, outcome=outcome, reason=f"{measured}: {end}", numbers={**numbers, "gain": gain.value})


def _unanswered(err: Exception) -> RuleResult:
    return RuleResult(rule=RULE, outcome=Outcome.INCONCLUSIVE, reason=f"The probe cannot answer. {err}")
