"""The whole life of a model as Airflow tasks, with evidence for every decision."""

__version__ = "0.1.0"
