"""Operators: thin shells that read through a hook, call one function, and write one record."""
