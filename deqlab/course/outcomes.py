"""What became of one question of one submission: a closed list, each with its explanation."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Outcome of a graded question; the value is its label, ``message`` says what it means."""

    message: str

    OK = "ok", "every value agrees with the reference"
    PARTLY = "partly", "some values agree with the reference, others do not"
    WRONG = "wrong", "no value agrees with the reference"
    RAISED = "raised", "the answer raised an exception"
    TIMED_OUT = (
        "timed-out",
        "the answer did not finish within the time limit: look for a loop without a bound",
    )
    OUT_OF_MEMORY = (
        "out-of-memory",
        "the answer asked for more memory than the limit: look for an array or a list that grows",
    )
    KILLED = (
        "killed",
        "the kernel died while the answer ran (os._exit, a crash in compiled code, a signal)",
    )
    NOT_ATTEMPTED = "not-attempted", "the answer cell is missing or still holds the stub"
    TAMPERED = (
        "tampered",
        "what left the kernel is not what the scored cell sends: nothing in it is counted",
    )
    UNREADABLE = "unreadable", "the submission is not a notebook that can be read"

    def __new__(cls, label: str, message: str) -> Outcome:
        member = str.__new__(cls, label)
        member._value_ = label
        member.message = message
        return member
