"""Triggers: watch the registry over HTTP, without blocking the event loop."""
