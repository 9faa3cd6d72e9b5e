"""Sensors: wait for what a ledger or a registry will say."""
