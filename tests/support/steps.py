"""The steps of the lifecycle as a table: the stage before each, what it works on, its side effects in order."""

from dataclasses import dataclass
from typing import Any

from tests.support.approval import UNDECIDED
from tests.support.lab import Lab
from tests.support.served import days, serve


@dataclass(frozen=True)
class Step:
    """One operator.

    :param stage: the stage of the lab before it.
    :param effects: names of its side effects, as `tests.support.faults` knows them.
    :param tried: at which of them it is killed and overtaken, from 0; None for all. A step whose effects are those of
        another one, and that starts a process of its own each time, is tried at some.
    """

    stage: str
    effects: tuple[str, ...]
    tried: tuple[int, ...] | None = None

    @property
    def points(self) -> list[tuple[int, str]]:
        """Number and name of the side effects at which it is killed and overtaken."""
        return [(n, name) for n, name in enumerate(self.effects) if self.tried is None or n in self.tried]


_TRAIN = (
    "log_batch",
    "log_dict",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "set_terminated",
    "record",
)
_RUN = ("create_experiment", "create_run")
_MOVE = ("record", "set_registered_model_alias", "set_model_version_tag")
STEPS = {
    "snapshot": Step("empty", ("publish", "record")),
    "validate": Step("accepted", ("publish", "record")),
    "quarantine": Step(
        "accepted",
        (
            *("publish", "publish", "publish"),
            *("create_experiment", "create_run", "log_batch", "log_artifacts", "set_terminated"),
            *("record", "record"),
        ),
    ),
    "check": Step("accepted", ("record",)),
    "train": Step("accepted", (*_RUN, *_TRAIN)),
    "search": Step(
        "accepted",
        (
            *_RUN,
            *("log_artifacts", "log_batch"),  # the trials
            *_TRAIN,
        ),
    ),
    "learn_on": Step(
        "learned",
        (
            "record",  # which versions the aliases named when the run began
            *("publish",) * 4,  # two states between three batches, the first removed
            "create_run",
            *_TRAIN,
            *("publish",) * 2,  # the last state is removed
        ),
    ),
    "register": Step(
        "trained", ("create_registered_model", "create_model_version", "set_registered_model_alias", "record")
    ),
    "evaluate": Step("registered", ("publish", "record", "log_batch", "log_artifacts")),
    "gate": Step("evaluated", ("record", "set_model_version_tag", "set_model_version_tag", "log_artifacts")),
    "answer": Step("evaluated", ("record", "record")),
    "card": Step("promoted", ("log_artifacts", "publish", "record", "set_model_version_tag", "update_model_version")),
    "promote": Step("judged", _MOVE),
    "rollback": Step("replaced", _MOVE),
    "retire": Step(
        "replaced",
        (
            "record",
            "record",
            "delete_registered_model_alias",
            "set_model_version_tag",
            "delete_registered_model_alias",
            "set_model_version_tag",
            "set_model_version_tag",
        ),
    ),
    "reconcile": Step("replaced", _MOVE),
    "drift": Step("drifted", ("publish", "record")),
    # The reference, its specification, the partition's profile.
    "profile": Step("drifted", ("publish", "publish", "publish", "record")),
    "performance": Step("promoted", ("record",)),
    "claim": Step("alarmed", ("record",)),
    "breach": Step("replaced", _MOVE),
    "decide": Step("alarmed", ("record", "record")),
    # The log and its record; of a log of several parts test_score tells.
    "score": Step("promoted", ("publish", "record")),
    "labels": Step("scored", ("publish", "record")),
}
# Steps of the table in another way or mode, which kills and meetings concern alone.
MORE = {
    # Trained twice, the second time in a fresh process: how far both agree is logged first.
    "verified": Step("accepted", (*_RUN, "log_batch", *_TRAIN), tried=(1, 6, 9)),
    "elsewhere": Step("accepted", (*_RUN, *_TRAIN), tried=(1, 5, 8)),  # by another interpreter
    # A certificate and the summary of the audit, after the verdict.
    "judged_again": Step("replaced", ("record", "publish", "record", "publish", "record")),
    "replay": Step("promoted", ("publish", "record", "publish", "record")),
}
# Those that tell people, and leave nothing else: they return no record.
TELLING = {
    "ask": Step("evaluated", ("record", "ask", "record", "send")),
    "remind": Step("evaluated", ("record", "ask", "record", "send", "record", "send")),
    "notify": Step("promoted", ("record", "send", "record", "send")),
}


def arguments_of(step: str, lab: Lab) -> dict[str, Any]:
    """Return what a step works on at its stage."""
    facts = lab.facts
    match step:
        case "snapshot":
            return {"partition_key": "2020-05"}
        case "validate":
            # A suite of its own, so that the verdicts of the stage do not count.
            suite = (lab.root / "suite.yaml").read_text()
            (lab.root / "other.yaml").write_text(suite.replace("-9", "-99"))
            return {"partition_key": "2020-02", "snapshot_id": facts["snapshots"]["2020-02"], "suite": "other.yaml"}
        case "quarantine":
            return {"partition_key": "2020-02", "snapshot_id": facts["snapshots"]["2020-02"]}
        case "check" | "train" | "search" | "verified" | "elsewhere":
            return {"partition_key": "2020-02"}
        case "register" | "evaluate":
            return {"manifest_hash": facts["train"]["manifest_hash"]}
        case "gate":
            return {"evaluation_id": facts["evaluate"]["evaluation_id"]}
        case "answer" | "ask" | "remind":
            (lab.root / "undecided.yaml").write_text(UNDECIDED)
            gate = lab.run("gate", evaluation_id=facts["evaluate"]["evaluation_id"], policy="undecided.yaml")
            return {"gate_record": gate["record"]}
        case "card":
            return {"version": facts["promote"]["version"]}
        case "promote":
            return {"gate_record": facts["gate"]["record"]}
    return _of_move(step, lab)


def _of_replay(step: str, lab: Lab) -> dict[str, Any]:
    if step == "replay":
        return {"version": "1", "run_type": "manual", "run_id": "replay"}
    words = {"run_type": "backfill", "run_id": "audit"}
    trained = lab.run("train", partition_key="2020-03", **words)
    evaluated = lab.run("evaluate", manifest_hash=trained["manifest_hash"], **words)
    return {"evaluation_id": evaluated["evaluation_id"], **words}


def _of_move(step: str, lab: Lab) -> dict[str, Any]:
    match step:
        case "replay" | "judged_again":
            return _of_replay(step, lab)
        case "rollback" | "notify":
            return {}
        case "retire":
            return {"version": "2", "drop_champion": True}
        case "reconcile":
            if not lab.records("reconciliation"):
                lab.client.set_registered_model_alias(lab.model, "champion", "1")
            return {}
        case "breach":
            performance(lab, "2020-04", "FAIL")
        case "score" | "labels" | "learn_on":
            return {"partition_key": "2020-03"}
        case "performance":
            keys = days(8)
            for key in keys:
                serve(lab, key, rows=100, labelled=key != keys[-1])
            return {"partition_key": keys[-1], "window": 7}
    return {"partition_key": "2020-04"}


def performance(lab: Lab, key: str, outcome: str, kind: str = "realised", version: str = "2", **more: Any) -> str:
    """Record a performance verdict about a version, as the monitor does; return the hash of its record."""
    rule = {"rule": "auc", "outcome": outcome, "reason": "roc_auc fell by 0.2.", "numbers": {"kind": kind}}
    body = {"partition_key": key, "champion_version": version, "verdict": {"outcome": outcome, "rules": [rule]}}
    record = lab.ledger().append(
        kind="performance", key=f"{key} {outcome} {kind} {version}", body=body, outcome=outcome, **more
    )
    return record.hash
