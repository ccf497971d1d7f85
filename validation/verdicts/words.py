"""The words of all verdicts, in one place; they are part of saved studies."""

CONFIRMED, NOT_RESOLVED, CONTRADICTED = "confirmed", "not resolved", "contradicted"
NOT_JUDGED = "not judged"  # no test applies, such as a prediction for another dynamics

# On the effect of noise, where there is no statement to confirm, but one of two things to tell apart.
HEALS, NEEDS = "heals by itself", "needs the quench"

WORDS = (CONFIRMED, NOT_RESOLVED, CONTRADICTED, NOT_JUDGED, HEALS, NEEDS)

# On one time of a table: where a slope lies. No statement is confirmed by a single time.
CONSISTENT, STEEPER, SHALLOWER = "consistent", "steeper", "shallower"
