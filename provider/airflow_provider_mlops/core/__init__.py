"""Decisions as functions of plain values: standard library only, testable without Airflow."""
