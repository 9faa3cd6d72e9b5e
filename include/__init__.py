"""What the reference Dags need, a package per use case."""
