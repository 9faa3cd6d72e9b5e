"""What Airflow learns of this provider."""

from typing import Any

_PACKAGE = "airflow_provider_mlops"
_INTEGRATION = "MLOps"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-mlops",
        "name": "MLOps",
        "description": "The whole life of a model as Airflow tasks, with evidence for every decision.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://mlflow.org/docs/latest/",
                "tags": ["software"],
            }
        ],
        "operators": [
            _modules(
                "operators",
                "approve",
                "drift",
                "evaluate",
                "gate",
                "promote",
                "register",
                "retrain",
                "snapshot",
                "train",
                "validate",
            )
        ],
        "sensors": [_modules("sensors", "dataset", "mlflow")],
        "hooks": [_modules("hooks", "mlflow")],
        "triggers": [_modules("triggers", "approval", "mlflow")],
        "connection-types": [_MLFLOW_CONNECTION],
        "extra-links": [
            f"{_PACKAGE}.links.mlflow.{name}" for name in ("ExperimentLink", "MlflowRunLink", "ModelVersionLink")
        ],
        "task-decorators": [
            # Airflow's schema documents `path`, its code reads `class-name`.
            {"name": "mlops_train", "class-name": f"{_PACKAGE}.decorators.train.mlops_train_task"}
        ],
        "cli": [f"{_PACKAGE}.cli.definition.get_mlops_cli_commands"],
        "config": _CONFIG,
    }


def _modules(folder: str, *names: str) -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": [f"{_PACKAGE}.{folder}.{name}" for name in names]}


_MLFLOW_CONNECTION = {
    "connection-type": "mlflow",
    "hook-class-name": f"{_PACKAGE}.hooks.mlflow.MlflowHook",
    "hook-name": "MLflow",
    "conn-fields": {
        "registry_uri": {
            "label": "Registry URI",
            "description": "Address of the model registry; empty: the tracking URI.",
            "schema": {"type": ["string", "null"]},
        },
        "token": {
            "label": "Token",
            "description": "Bearer token; empty: login and password.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "experiment": {
            "label": "Experiment",
            "description": "Default experiment; empty: the name of the model.",
            "schema": {"type": ["string", "null"]},
        },
        "verify_tls": {
            "label": "Verify TLS",
            "description": "Check the server's certificate.",
            "schema": {"type": ["boolean", "null"], "default": True},
        },
        "timeout": {
            "label": "Timeout",
            "description": "Seconds to wait for one answer.",
            "schema": {"type": ["integer", "null"], "default": 30},
        },
        "retries": {
            "label": "Retries",
            "description": "Further tries on connection errors and HTTP 408, 429, 5xx.",
            "schema": {"type": ["integer", "null"], "default": 3},
        },
    },
    "ui-field-behaviour": {
        "hidden-fields": ["schema"],
        "relabeling": {"host": "Tracking URI"},
        "placeholders": {"host": "http://mlflow.example.com:5000"},
    },
}

_CONFIG = {
    "mlops": {
        "description": "Where the MLOps provider keeps its files.",
        "options": {
            "storage_root": {
                "description": "Where snapshots, evaluations and reports lie: a folder, or an address that "
                "ObjectStoragePath opens. Default: $AIRFLOW_HOME/mlops.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "s3://aws_default@my-bucket/mlops",
                "default": "",
            },
            "ledger_root": {
                "description": "Folder of the ledgers. Default: <storage_root>/ledger.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/lib/mlops/ledger",
                "default": "",
            },
            "approver_groups": {
                "description": "Who may approve: a JSON object from group names to members, each an id as the auth "
                "manager gives it or {id, name, also}; or the absolute path of a YAML file with the same.",
                "version_added": "0.1.0",
                "type": "string",
                "example": '{"model-owners": ["ann", {"id": "4", "name": "bob"}]}',
                "default": "",
            },
        },
    }
}
