"""The shipped Dags, parsed as the Dag processor does: from a bundle whose root is the repository's."""

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import BundleDagBag

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.dags)


@pytest.fixture(scope="session")
def bag() -> BundleDagBag:
    """Every Dag that the root's .airflowignore lets through."""
    return BundleDagBag(ROOT, bundle_path=ROOT, bundle_name="flights")
