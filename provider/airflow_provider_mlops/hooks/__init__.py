"""Connections to the outside: MLflow, the ledger, the storage of rows."""
