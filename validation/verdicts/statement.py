"""What a statement is, ours or a user's, and how statements are judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from liouville.inner import checks

from .verdict import Verdict, not_judged

PARTS = ("name", "rule", "thresholds", "judge")


@dataclass(frozen=True)
class Statement:
    """A statement about the limit of many particles, with the rule by which it is judged.

    A statement of your own is such a record, or any object with these four attributes; hand it to `run_study` or
    `run_noise_study` as `statements=(mine,)`. It is judged after the built-in ones and saved, loaded and printed like
    them. These are the rules:

    1. `name` is short and unlike those of all other statements of the study.
    2. `rule` says in words when each verdict is reached, with the thresholds in it. It is fixed before the study, saved
       with it, and printed as it was saved, whatever has become of the statement since.
    3. `thresholds` maps the name of each threshold to its number: those with which this study was judged. It may be
       empty.
    4. `judge(evidence)` returns a `Verdict` of that name, with a word out of `validation.verdicts.WORDS` and a reason
       that names the figures and standard errors that decided. `evidence` is the `Evidence` of a study or the
       `NoiseEvidence` of a study of the noise. Its arrays are read-only, and nothing else is to be asked: no clock, no
       file, no random numbers without a seed.
    5. Where the evidence does not suffice the word is "not resolved", and where no test applies, as where
       `evidence.prediction.applies` is false, it is "not judged". Points that are not `resolved` belong in no test.
    6. All its tests together raise a false alarm with a probability of at most `JOINT_LEVEL`, 1 %, for that is what the
       summary says of every statement: share it among `n_tests` points (`two_sided` and `one_sided` do).
    7. It is confirmed only where the data could have excluded it; how small a deviation they would have caught nine
       times in ten is the verdict's `detectable`.

    A user's statement whose judge raises an error, or returns something else, is "not judged" with that as the reason,
    and a warning: it costs no study.

    Attributes
    ----------
    name, rule : str
    judge : callable (evidence)
        Returns a `Verdict`.
    thresholds : mapping of str to float
    """

    name: str
    rule: str
    judge: Callable[[Any], Verdict]
    thresholds: Mapping[str, float] = field(default_factory=dict)


def check_statements(name, statements, own) -> tuple:
    """A user's statements as a tuple, if each follows the rules of `Statement` that can be seen beforehand.

    Raises
    ------
    ValueError
        If one lacks a part or has a wrong one, or shares its name with another or with one of `own`.
    """
    if not isinstance(statements, Sequence) or isinstance(statements, str):
        raise ValueError(f"{name} must be a sequence of statements, got {statements!r}")
    taken = [one.name for one in own]
    for one in statements:
        missing = [part for part in PARTS if not hasattr(one, part)]
        if missing or isinstance(one, type):
            lacking = " and ".join(missing) if missing else "an instance"
            raise ValueError(f"{name} must have {', '.join(PARTS[:-1])} and {PARTS[-1]}, got {one!r} without {lacking}")
        for part in ("name", "rule"):
            if not isinstance(getattr(one, part), str) or not getattr(one, part).strip():
                raise ValueError(f"{part} of a statement must be text, got {getattr(one, part)!r}")
        checks.function(f"judge of the statement {one.name!r}", one.judge)
        if not isinstance(one.thresholds, Mapping) or not all(isinstance(key, str) for key in one.thresholds):
            raise ValueError(
                f"thresholds of the statement {one.name!r} must map names to numbers, got {one.thresholds!r}"
            )
        for key, value in one.thresholds.items():
            checks.number(f"threshold {key!r} of the statement {one.name!r}", value)
        if one.name in taken:
            raise ValueError(f"{name} must have names of their own, got a second {one.name!r}")
        taken.append(one.name)
    return tuple(statements)


def judge_all(own, brought, evidence) -> list:
    """Pairs (statement, verdict) of all statements: `own`, then those `brought` by a user."""
    return [(one, one.judge(evidence)) for one in own] + [(one, _of_user(one, evidence)) for one in brought]


def _of_user(statement, evidence) -> Verdict:
    """The verdict on a user's statement; one that cannot be had is said to be none, for a study costs hours."""
    try:
        verdict = statement.judge(evidence)
    except Exception as error:  # whatever a user's code raises
        why = f"its judge raised {type(error).__name__}: {' '.join(str(error).split())}"
    else:
        if isinstance(verdict, Verdict) and verdict.name == statement.name:
            return verdict
        why = f"its judge must return a Verdict named {statement.name!r}, got {verdict!r}"
    checks.warn_user(f"the statement {statement.name!r} is not judged: {why}")
    return not_judged(statement.name, why)
