"""The command ``airflow mlops``."""
