"""What a record does not name, mostly one of an earlier release, so that no replay can compare it; it is said."""

from collections.abc import Iterator, Mapping

from airflow_provider_mlops.core.record import Record

_TRAINING = {
    "files": "the hashes of the model's files beside its archive (`MLmodel`, requirements): whether one was changed "
    "cannot be told",
    "data_files": "the files of the bundle that the training function has read: whether one was changed cannot be told",
    "git": "whether the code was committed, and by which commit",
    "dataset_record": "the newest record of the dataset's chain then: whether later ones were cut off is not told by "
    "this training",
}
"""By member of the body: what its record does not name where it is missing."""
_GATE = {"policy_content": "what the policy said: the verdict cannot be judged again"}


def not_on_record(cited: Mapping[str, Record | None]) -> list[str]:
    """List what the records of a replay do not name, and a replay would have compared.

    :param cited: the records that are compared with, by what they are.
    :return: one sentence each, without a full stop; none where all of it is on record.
    """
    training = cited.get("training")
    return [*_missing(training, _TRAINING), *_too_many(training), *_missing(cited.get("gate"), _GATE)]


def _too_many(training: Record | None) -> Iterator[str]:
    if training is not None and training.body.get("data_files", ()) is None:
        yield (
            f"record {training.seq} of {training.chain} does not name the files of the bundle that the training "
            "function has read, which were too many: whether one was changed cannot be told"
        )


def _missing(record: Record | None, names: Mapping[str, str]) -> Iterator[str]:
    if record is None:
        return
    for name, what in names.items():
        if record.body.get(name, ()) in ((), []):  # nothing, where an earlier release has logged the model
            yield f"record {record.seq} of {record.chain}, of an earlier release, does not name {what}"
