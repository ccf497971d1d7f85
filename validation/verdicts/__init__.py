"""What a study shows: each statement confirmed, contradicted or not resolved, by rules fixed beforehand.

Every rule tests all its points jointly: the bound on the probability of a false alarm, 1 % for each statement, is
shared equally among the points (Bonferroni), or handed down among probabilities (Holm). A statement is contradicted
only where the data exclude it at that level, and confirmed only where they could have excluded it; how small a
deviation they would have excluded is said with it. Statements are judged from `Evidence`, arrays, so the rules can be
tried on data with a planted answer (`tests/false_alarms.py`). One statement a file: its rule and its judge side by
side. What a statement of a user must be is said by `Statement`.
"""

from .central_limit import CENTRAL_LIMIT
from .healing import HEALING
from .large_numbers import LAW_OF_LARGE_NUMBERS
from .one_over_n import REACHES_ONE_OVER_N
from .quench import QUENCH
from .size_power import SIZE_POWER
from .statement import Statement, check_statements, judge_all
from .steepening import STEEPENS
from .theta_power import THETA_POWER
from .verdict import JOINT_LEVEL, RARE_SHARE, Verdict, missed, not_judged, one_sided, two_sided
from .words import CONFIRMED, CONTRADICTED, HEALS, NEEDS, NOT_JUDGED, NOT_RESOLVED, WORDS

STATEMENTS = (LAW_OF_LARGE_NUMBERS, CENTRAL_LIMIT, HEALING, STEEPENS, REACHES_ONE_OVER_N)
NOISE_STATEMENTS = (THETA_POWER, SIZE_POWER, QUENCH)

__all__ = [
    "CONFIRMED",
    "CONTRADICTED",
    "HEALS",
    "JOINT_LEVEL",
    "NEEDS",
    "NOISE_STATEMENTS",
    "NOT_JUDGED",
    "NOT_RESOLVED",
    "RARE_SHARE",
    "STATEMENTS",
    "WORDS",
    "Statement",
    "Verdict",
    "check_statements",
    "judge_all",
    "missed",
    "not_judged",
    "one_sided",
    "two_sided",
]
