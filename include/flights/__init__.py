"""The reference use case: which flights from New York will arrive 15 minutes or more late."""
