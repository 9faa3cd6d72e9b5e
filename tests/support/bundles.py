"""Dag bundles for an embedded Airflow beside the checkout's own."""

import json
from pathlib import Path

LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"


def bundles(**paths: Path) -> dict[str, str]:
    """Return the variable that makes these the Dag bundles.

    :param paths: root of each bundle, by its name.
    """
    listed = [{"name": name, "classpath": LOCAL, "kwargs": {"path": str(path)}} for name, path in paths.items()]
    return {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(listed)}
