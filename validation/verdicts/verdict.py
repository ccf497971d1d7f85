"""One statement and its verdict, and the bounds that hold the joint level."""

from dataclasses import dataclass

import numpy as np

from liouville.inner import checks

from ..statistics.few_replicates import POWER
from ..statistics.rates import MIN_REPLICATES
from .words import NOT_JUDGED, NOT_RESOLVED, WORDS

JOINT_LEVEL = 0.01
RARE_SHARE = 0.5  # of a mean square in a hundredth of the replicates: rare runs rule it, its error is not to be trusted


@dataclass(frozen=True)
class Verdict:
    """One statement.

    Attributes
    ----------
    name : str
    word : str
        One of WORDS: "confirmed", "not resolved", "contradicted", "not judged"; of a quench also "heals by itself" and
        "needs the quench".
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

    def __post_init__(self):
        checks.hold(
            self,
            name=checks.instance("name", self.name, str, "text"),
            word=checks.one_of("word", self.word, WORDS),
            reason=checks.instance("reason", self.reason, str, "text"),
            n_tests=checks.count("n_tests", self.n_tests, 0),
            detectable=float(self.detectable),  # nan where nothing is confirmed
        )


def not_judged(name, why) -> Verdict:
    """A statement that has no test under the dynamics of the study."""
    return Verdict(name, NOT_JUDGED, why, 0)


def too_few_replicates(name, n_replicates, asked=MIN_REPLICATES) -> Verdict:
    """A statement on which so few replicates say nothing."""
    return Verdict(name, NOT_RESOLVED, f"too few replicates: {n_replicates}, and {asked} are asked for", 0)


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
