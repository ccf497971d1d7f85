"""What a study shows: each statement confirmed, contradicted or not resolved, by rules fixed beforehand.

Every rule tests all its points jointly: the bound on the probability of a false alarm, 1 % for each statement, is
shared equally among the points (Bonferroni), or handed down among probabilities (Holm). A statement is contradicted
only where the data exclude it at that level, and confirmed only where they could have excluded it; how small a
deviation they would have excluded is said with it. All inputs are arrays, so the rules can be tried on data with a
planted answer (`tests/false_alarms.py`). One statement a file: its rule and its judge side by side.
"""

from .central_limit import RULE as _CLT
from .central_limit import central_limit, limit_regime
from .healing import RULE as _HEALING
from .healing import healing
from .large_numbers import RULE as _LLN
from .large_numbers import law_of_large_numbers
from .one_over_n import RULE as _ONE_OVER_N
from .one_over_n import reaches_one_over_n
from .steepening import RULE as _STEEPENS
from .steepening import steepens
from .verdict import (
    CONFIRMED,
    CONTRADICTED,
    JOINT_LEVEL,
    NOT_JUDGED,
    NOT_RESOLVED,
    Verdict,
    claim_variables,
    missed,
    not_judged,
    one_sided,
    two_sided,
)

RULES = {"LLN": _LLN, "CLT": _CLT, "healing": _HEALING, "steepens": _STEEPENS, "reaches 1/n": _ONE_OVER_N}
GRADIENT_FLOW_ONLY = tuple(RULES)[1:]  # statements that rest on the predicted fluctuations

__all__ = [
    "CONFIRMED",
    "CONTRADICTED",
    "GRADIENT_FLOW_ONLY",
    "JOINT_LEVEL",
    "NOT_JUDGED",
    "NOT_RESOLVED",
    "RULES",
    "Verdict",
    "central_limit",
    "claim_variables",
    "healing",
    "law_of_large_numbers",
    "limit_regime",
    "missed",
    "not_judged",
    "one_sided",
    "reaches_one_over_n",
    "steepens",
    "two_sided",
]
