# ruff: noqa: INP001
"""Every operator of the provider, used one by one. The documentation shows the parts between the markers."""

# [START howto_one_by_one]
from datetime import timedelta

import pendulum
from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import DAG, CronPartitionTimetable, TriggerRule

from airflow_provider_mlops import assets
from airflow_provider_mlops.operators.approve import ModelApprovalOperator
from airflow_provider_mlops.operators.breach import RollbackOnBreachOperator
from airflow_provider_mlops.operators.card import ModelCardOperator
from airflow_provider_mlops.operators.check import CheckTrainingDataOperator
from airflow_provider_mlops.operators.decide import DecideRetrainOperator
from airflow_provider_mlops.operators.drift import DetectDriftOperator
from airflow_provider_mlops.operators.environment import PromoteToEnvironmentOperator
from airflow_provider_mlops.operators.erase import EraseRowsOperator
from airflow_provider_mlops.operators.evaluate import EvaluateModelOperator
from airflow_provider_mlops.operators.fire_drill import DriftFireDrillOperator
from airflow_provider_mlops.operators.gate import GateModelOperator
from airflow_provider_mlops.operators.join_labels import JoinLabelsOperator
from airflow_provider_mlops.operators.mute import MuteDriftOperator
from airflow_provider_mlops.operators.notify import NotifyOperator
from airflow_provider_mlops.operators.performance import MonitorPerformanceOperator
from airflow_provider_mlops.operators.profile import ProfileDatasetOperator
from airflow_provider_mlops.operators.promote import PromoteModelOperator
from airflow_provider_mlops.operators.reconcile import ReconcileRegistryOperator
from airflow_provider_mlops.operators.register import RegisterModelOperator
from airflow_provider_mlops.operators.replay import ReplayModelOperator
from airflow_provider_mlops.operators.retire import RetireModelOperator
from airflow_provider_mlops.operators.retrain import ClaimRetrainingOperator
from airflow_provider_mlops.operators.rollback import RollbackModelOperator
from airflow_provider_mlops.operators.score import ScoreBatchOperator
from airflow_provider_mlops.operators.snapshot import SnapshotDatasetOperator
from airflow_provider_mlops.operators.train import TrainModelOperator
from airflow_provider_mlops.operators.validate import ValidateDatasetOperator
from airflow_provider_mlops.sensors.dataset import AcceptedSnapshotSensor
from airflow_provider_mlops.sensors.drift import DriftSensor
from airflow_provider_mlops.sensors.labels import LabelsMatureSensor
from airflow_provider_mlops.sensors.mlflow import ModelAliasSensor, ModelVersionSensor
from include.flights import spec

MONTHLY = CronPartitionTimetable("0 0 1 * *", timezone="UTC", run_offset=-1, key_format="%Y-%m")
START = pendulum.datetime(2013, 2, 1, tz="UTC")

with DAG(dag_id="flights_one_by_one", schedule=MONTHLY, start_date=START, catchup=False, max_active_runs=1):
    # [START example_snapshot]
    snapshot = SnapshotDatasetOperator(
        task_id="snapshot",
        dataset="flights",
        source="include.flights.source:read_partition",
        time_column="scheduled_departure",
        outlets=[assets.snapshot_alias("flights")],
    )
    # [END example_snapshot]
    # [START example_validate]
    validate = ValidateDatasetOperator(
        task_id="validate",
        dataset="flights",
        snapshot_id="{{ ti.xcom_pull(task_ids='snapshot')['snapshot_id'] }}",
        suite="include/flights/suites/flights.yaml",
        contract="include/flights/contract.yaml",
        mlflow_conn_id="mlflow_default",
    )
    # [END example_validate]
    # [START example_check]
    check = CheckTrainingDataOperator(
        task_id="check",
        dataset="flights",
        checks="include/flights/checks.yaml",
        test_snapshot_id="{{ ti.xcom_pull(task_ids='validate')['snapshot_id'] }}",
        window=2,
    )
    # [END example_check]
    # [START example_train]
    train = TrainModelOperator(
        task_id="train",
        model_name="flight_delays",
        dataset="flights",
        train_function="include.flights.training:train_delay_model",
        train_params={"max_depth": 6},
        features=spec.FEATURES,
        label_column="late",
        time_column="scheduled_departure",
        window=2,
        trusted_types=spec.TRUSTED_TYPES,
    )
    # [END example_train]
    # [START example_register]
    register = RegisterModelOperator(
        task_id="register",
        model_name="flight_delays",
        manifest_hash="{{ ti.xcom_pull(task_ids='train')['manifest_hash'] }}",
        governance=spec.GOVERNANCE,
        outlets=[assets.candidate_alias("flight_delays")],
    )
    # [END example_register]
    # [START example_evaluate]
    evaluate = EvaluateModelOperator(
        task_id="evaluate",
        model_name="flight_delays",
        manifest_hash="{{ ti.xcom_pull(task_ids='register')['manifest_hash'] }}",
        slices=["origin", "carrier"],
        metrics=["roc_auc", "brier"],
        dependence={"time": "scheduled_departure", "block_days": 1},
        stress={"weather_missing": {"kind": "missing", "share": 0.2, "columns": list(spec.WEATHER)}},
    )
    # [END example_evaluate]
    # [START example_gate]
    gate = GateModelOperator(
        task_id="gate",
        model_name="flight_delays",
        evaluation_id="{{ ti.xcom_pull(task_ids='evaluate')['evaluation_id'] }}",
        policy="include/flights/policy.yaml",
        routes={"pass": ["approve"], "inconclusive": ["approve"]},
    )
    # [END example_gate]
    # [START example_approve]
    approve = ModelApprovalOperator(
        task_id="approve",
        model_name="flight_delays",
        gate_record="{{ ti.xcom_pull(task_ids='gate')['record'] }}",
        response_timeout=pendulum.duration(days=2),
    )
    # [END example_approve]
    # [START example_promote]
    promote = PromoteModelOperator(
        task_id="promote",
        model_name="flight_delays",
        gate_record="{{ ti.xcom_pull(task_ids='gate')['record'] }}",
    )
    # [END example_promote]
    # [START example_card]
    card = ModelCardOperator(
        task_id="model_card",
        model_name="flight_delays",
        version="{{ ti.xcom_pull(task_ids='promote')['version'] }}",
    )
    # [END example_card]
    # [START example_notify]
    notify = NotifyOperator(
        task_id="notify",
        model_name="flight_delays",
        notifiers=[SmtpNotifier(to="team@example.com", subject="{{ news.subject }}", html_content="{{ news.html }}")],
        trigger_rule=TriggerRule.ALL_DONE,
    )
    # [END example_notify]
    snapshot >> validate >> check >> train >> register >> evaluate >> gate >> approve >> promote >> card >> notify

with DAG(dag_id="flights_watch", schedule=MONTHLY, start_date=START, catchup=False, max_active_runs=1):
    # [START example_wait]
    data = AcceptedSnapshotSensor(task_id="data", dataset="flights", mode="reschedule", poke_interval=60)
    # [END example_wait]
    # [START example_wait_registry]
    passed = ModelVersionSensor(
        task_id="passed",
        model_name="flight_delays",
        tags={"mlops.verdict": "PASS"},
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(days=7),
    )
    promoted = ModelAliasSensor(
        task_id="promoted",
        model_name="flight_delays",
        alias="champion",
        version="{{ ti.xcom_pull(task_ids='passed')['version'] }}",
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(days=7),
    )
    # [END example_wait_registry]
    # [START example_score]
    score = ScoreBatchOperator(
        task_id="score",
        model_name="flight_delays",
        dataset="flights",
        outlets=[assets.predictions_alias("flight_delays")],
    )
    # [END example_score]
    # [START example_wait_labels]
    due = LabelsMatureSensor(task_id="labels_due", maturity=timedelta(days=1), deferrable=True)
    # [END example_wait_labels]
    # [START example_join_labels]
    labels = JoinLabelsOperator(
        task_id="join_labels",
        model_name="flight_delays",
        labels="include.flights.source:read_partition",
        label_column="late",
        maturity=timedelta(days=1),
    )
    # [END example_join_labels]
    # [START example_detect_drift]
    drift = DetectDriftOperator(
        task_id="detect_drift",
        model_name="flight_delays",
        dataset="flights",
        policy="docs/examples/drift_rows.yaml",
        outlets=[assets.drift_alias("flight_delays")],
    )
    # [END example_detect_drift]
    # [START example_profile]
    profile = ProfileDatasetOperator(
        task_id="profile",
        model_name="flight_delays",
        dataset="flights",
        policy="docs/examples/drift_profiles.yaml",
        window=7,  # what has a profile is not read again: in the end a day
    )
    week_drift = DetectDriftOperator(
        task_id="detect_drift_of_the_week",
        model_name="flight_delays",
        dataset="flights",
        policy="docs/examples/drift_profiles.yaml",  # says data: profile
        window=7,
    )
    profile >> week_drift
    # [END example_profile]

    # [START example_fire_drill]
    drill = DriftFireDrillOperator(
        task_id="fire_drill",
        model_name="flight_delays",
        dataset="flights",
        policy="include/flights/drift.yaml",
        shifts=["nulls", "unit_change"],
        size=0.5,
    )
    # [END example_fire_drill]

    # [START example_drift_kinds]
    score_drift = DetectDriftOperator(
        task_id="detect_score_drift",
        model_name="flight_delays",
        dataset="flights",
        policy="include/flights/drift_scores.yaml",
        kind="prediction",
        window=3,  # the last three partitions, judged together
    )
    # [END example_drift_kinds]
    # [START example_monitor_performance]
    performance = MonitorPerformanceOperator(
        task_id="monitor_performance",
        model_name="flight_delays",
        policy="include/flights/performance.yaml",
        window=14,
        outlets=[assets.performance_alias("flight_delays")],
    )
    # [END example_monitor_performance]

    # [START example_wait_drift]
    judged = DriftSensor(
        task_id="wait_for_drift_verdict",
        model_name="flight_delays",
        outcomes=["FAIL"],
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(days=1),
    )
    # [END example_wait_drift]
    # [START example_breach]
    heal = RollbackOnBreachOperator(
        task_id="roll_back_on_breach",
        model_name="flight_delays",
        policy="include/flights/retrain.yaml",
    )
    # [END example_breach]
    # [START example_claim]
    claim = ClaimRetrainingOperator(task_id="claim", model_name="flight_delays")
    # [END example_claim]
    # [START example_decide]
    decide = DecideRetrainOperator(
        task_id="decide",
        model_name="flight_delays",
        dataset="flights",
        policy="include/flights/retrain.yaml",
    )
    # [END example_decide]
    data >> score >> due >> labels >> [drift, performance] >> decide
    performance >> heal
    drift >> claim

with DAG(dag_id="flights_registry", schedule="@daily", start_date=START, catchup=False, max_active_runs=1):
    # [START example_reconcile]
    reconcile = ReconcileRegistryOperator(task_id="reconcile", model_name="flight_delays", on_difference="heal")
    # [END example_reconcile]

with DAG(
    dag_id="flights_by_hand",
    schedule=None,
    start_date=START,
    params={"version": "", "reason": "", "until": "", "keys_file": ""},
):
    # [START example_rollback]
    rollback = RollbackModelOperator(
        task_id="rollback",
        model_name="flight_delays",
        target_version="{{ params.version }}",
        reason="{{ params.reason }}",
    )
    # [END example_rollback]
    # [START example_mute]
    mute = MuteDriftOperator(
        task_id="mute",
        model_name="flight_delays",
        feature="wind_speed",
        until="{{ params.until }}",
        reason="{{ params.reason }}",
    )
    # [END example_mute]
    # [START example_environment]
    to_production = PromoteToEnvironmentOperator(
        task_id="to_production",
        model_name="flight_delays",
        target_mlflow_conn_id="mlflow_production",
        target_ledger_root="/var/lib/mlops/production/ledger",
    )
    # [END example_environment]
    # [START example_retire]
    retire = RetireModelOperator(
        task_id="retire",
        model_name="flight_delays",
        version="{{ params.version }}",
        reason="{{ params.reason }}",
        retain_until="2035-12-31",
    )
    # [END example_retire]
    # [START example_erase]
    erase = EraseRowsOperator(
        task_id="erase",
        dataset="flights",
        key_column="tailnum",
        keys_file="{{ params.keys_file }}",
        reason="{{ params.reason }}",
    )
    # [END example_erase]
    # [START example_replay]
    replay = ReplayModelOperator(
        task_id="replay",
        model_name="flight_delays",
        version="{{ params.version }}",
        require="L1",
    )
    # [END example_replay]
# [END howto_one_by_one]
