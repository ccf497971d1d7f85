"""One statement and its verdict, and the bounds that hold the joint level."""

from dataclasses import dataclass

import numpy as np

from liouville.records.storage import variable

from ..statistics.few_replicates import POWER

CONFIRMED, NOT_RESOLVED, CONTRADICTED = "confirmed", "not resolved", "contradicted"
NOT_JUDGED = "not judged"
JOINT_LEVEL = 0.01
RARE_SHARE = 0.5  # of a mean square in a hundredth of the replicates: rare runs rule it, its error is not to be trusted


@dataclass(frozen=True)
class Verdict:
    """One statement.

    Attributes
    ----------
    name : str
    word : str
        "confirmed", "not resolved", "contradicted" or "not judged".
    reason : str
        With the figures and standard errors that decided.
    n_tests : int
        Points that share the 1 %.
    detectable : float
        What this study would have caught nine times in ten: the smallest deviation of an exponent (LLN, steepens,
        reaches 1/n), or relative one of sigma^2 (CLT) or of a ratio of mean squares (healing); nan unless confirmed.
    """

    name: str
    word: str
    reason: str
    n_tests: int
    detectable: float = np.nan


def not_judged(name, why) -> Verdict:
    """A statement that has no test under the dynamics of the study."""
    return Verdict(name, NOT_JUDGED, why, 0)


def claim_variables(claims) -> dict:
    """Verdicts as variables of a dataset."""
    return {
        "claim": variable("claim", np.array([one.name for one in claims]), "statement"),
        "claim_verdict": variable("claim", np.array([one.word for one in claims]), "verdict on the statement"),
        "claim_reason": variable("claim", np.array([one.reason for one in claims]), "what decided the verdict"),
        "claim_tests": variable("claim", [one.n_tests for one in claims], "points that share the 1 %"),
        "claim_detectable": variable(
            "claim", [one.detectable for one in claims], "smallest deviation caught nine times in ten, where confirmed"
        ),
    }


def two_sided(n_tests, level=JOINT_LEVEL, n_replicates=np.inf):
    """Standard errors within which n_tests normal errors all lie with probability 1 - level or more.

    With `n_replicates`, a number or an array, the standard errors are themselves known from so many: Student's t of one
    degree of freedom less.
    """
    return one_sided(2 * max(1, n_tests), level, n_replicates)


def one_sided(n_tests, level=JOINT_LEVEL, n_replicates=np.inf):
    """The same for errors of one sign."""
    from scipy.stats import t

    bound = t.isf(level / max(1, n_tests), np.subtract(n_replicates, 1))
    return float(bound) if np.ndim(bound) == 0 else bound


def missed(degrees):
    """Standard errors by which an estimate falls short of the truth once in ten times."""
    from scipy.stats import t

    return t.isf(1.0 - POWER, degrees)


def at_time(t, value, error, digits=3):
    """value +- error at t = ..., as in all reasons."""
    return f"{value:.{digits}f} +- {error:.{digits}f} at t = {t:g}"


def change(ratio, form="{:.2f}"):
    """falls to 0.25, or rises to 3.89 times, for the words "of its first value"."""
    text = form.format(ratio)
    return f"falls to {text}" if ratio <= 1.0 else f"rises to {text} times"


def listed(times):
    """Times for a sentence."""
    return ", ".join(f"{t:g}" for t in times)
