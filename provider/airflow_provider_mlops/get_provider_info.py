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
                "breach",
                "card",
                "check",
                "decide",
                "drift",
                "environment",
                "erase",
                "evaluate",
                "fire_drill",
                "gate",
                "join_labels",
                "mute",
                "notify",
                "performance",
                "profile",
                "promote",
                "reconcile",
                "register",
                "replay",
                "retire",
                "retrain",
                "rollback",
                "score",
                "snapshot",
                "train",
                "validate",
            )
        ],
        "sensors": [_modules("sensors", "dataset", "drift", "labels", "mlflow")],
        "hooks": [_modules("hooks", "ledger", "mlflow")],
        "triggers": [_modules("triggers", "approval", "drift", "labels", "mlflow")],
        "connection-types": [_MLFLOW_CONNECTION, _LEDGER_CONNECTION],
        "extra-links": [
            f"{_PACKAGE}.links.certificate.AuditSummaryLink",
            f"{_PACKAGE}.links.certificate.CertificateLink",
            f"{_PACKAGE}.links.data_docs.DataDocsLink",
            f"{_PACKAGE}.links.drift.DriftReportLink",
            f"{_PACKAGE}.links.drift.EvidentlyReportLink",
            f"{_PACKAGE}.links.storage.SnapshotLink",
            *(
                f"{_PACKAGE}.links.mlflow.{name}"
                for name in ("ExperimentLink", "MlflowRunLink", "ModelCardLink", "ModelVersionLink")
            ),
        ],
        "notifications": [f"{_PACKAGE}.notifications.ledger.LedgerNotifier"],
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

_LEDGER_CONNECTION = {
    "connection-type": "mlops_ledger",
    "hook-class-name": f"{_PACKAGE}.hooks.ledger.LedgerHook",
    "hook-name": "MLOps ledger",
    "conn-fields": {
        "aws_conn_id": {
            "label": "AWS connection",
            "description": "For a root on S3 that names no connection itself; empty: aws_default.",
            "schema": {"type": ["string", "null"]},
        },
        "signing_key_file": {
            "label": "Signing key file",
            "description": "File with the signing key, on every worker; instead of the key itself.",
            "schema": {"type": ["string", "null"]},
        },
        "public_keys": {
            "label": "Public keys",
            "description": "Further trusted keys, PEM, one after the other: those of earlier signing keys.",
            "schema": {"type": ["string", "null"]},
        },
        "sse": {
            "label": "Encryption on S3",
            "description": "aws:kms, aws:kms:dsse or AES256; empty: as the bucket says.",
            "schema": {"type": ["string", "null"]},
        },
        "sse_kms_key_id": {
            "label": "KMS key",
            "description": "Key of AWS KMS that encrypts the records on S3.",
            "schema": {"type": ["string", "null"]},
        },
    },
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port"],
        "relabeling": {"host": "Root", "password": "Signing key"},
        "placeholders": {
            "host": "/mnt/shared/mlops/ledger or s3://aws_default@my-bucket/ledger",
            "password": "Ed25519 private key, PEM",
        },
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
                "description": "Folder of the ledgers, or an address on S3. The root of the ledger's connection wins. "
                "Default: <storage_root>/ledger.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "s3://aws_default@my-bucket/ledger",
                "default": "",
            },
            "ledger_conn_id": {
                "description": "Connection of the ledger, with its root and its signing key. When this is set, the "
                "connection must exist. Default: mlops_ledger_default, if there is one.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "mlops_ledger_production",
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
            "prometheus_textfile_dir": {
                "description": "Folder that the node exporter collects text files from: gauges of each model are "
                "written there after each step. Default: none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "/var/lib/node_exporter/textfile",
                "default": "",
            },
            "prometheus_pushgateway": {
                "description": "HTTP connection of a Pushgateway that gauges are pushed to after each step. "
                "Default: none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "pushgateway_default",
                "default": "",
            },
            "image_digest": {
                "description": "Digest of the container image that tasks run in; it stands in the environment of each "
                "training, and replays compare it. "
                "Default: none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "registry.example.com/airflow@sha256:" + 64 * "0",
                "default": "",
            },
            "reports_url": {
                "description": "Web address under which the storage root can be read; links to Data Docs and drift "
                "reports lead there. "
                "Default: none.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "https://reports.example.com/mlops",
                "default": "",
            },
        },
    }
}
