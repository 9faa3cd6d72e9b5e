"""Notifiers: messages about what the ledger records."""
