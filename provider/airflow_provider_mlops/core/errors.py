"""The exception tree.

::

    MLOpsError
    ├── FinalError              the data, the model or the configuration said no: a retry cannot change it
    │   ├── BadInput            an argument, a file or a frame is not what it must be
    │   ├── MissingBackend      an optional library is not installed
    │   ├── EvidenceBroken      bytes, a hash or a chain do not match what was recorded
    │   └── Refused             a rule forbids the act (promotion without a PASS, an older partition, ...)
    └── TransientError          the world broke: a retry may help

The operators turn every `FinalError` into Airflow's ``AirflowFailException``; everything else is retried.
"""


class MLOpsError(Exception):
    """Base of every error this provider raises."""


class FinalError(MLOpsError):
    """Raised when trying again cannot change the outcome."""


class BadInput(FinalError):
    """Raised when an argument, a file or a frame is not what it must be."""


class MissingBackend(FinalError):
    """Raised when an optional library is needed and not installed."""


class EvidenceBroken(FinalError):
    """Raised when bytes, a hash or a chain do not match what was recorded."""


class Refused(FinalError):
    """Raised when a rule forbids the act that was asked for."""


class TransientError(MLOpsError):
    """Raised when the world broke and a retry may help."""
