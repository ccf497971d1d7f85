"""How often the verdicts are false on planted data: `python tests/false_alarms.py [trials] [cells that contain]`.

A leading ^ is the start of a cell's name: "^t(3), one" or "R = 200".

Every cell is one kind of data. Of the three statements that hold a false alarm is "contradicted". Without b_2 the
error never steepens, and a false alarm of the two statements of the crossover is "confirmed". Under a random scale the
law is not normal: "contradicted" for its normality is right, and counted apart.
"""

import sys
import time
from collections import Counter

import numpy as np
from planted import HEALING, SHARES, SIZES, judge, planted

HELD = ("LLN", "CLT", "healing")
ABSENT = ("steepens", "reaches 1/n")
SCALES = {
    "gauss": lambda R, rng: None,
    "t(3)": lambda R, rng: 1.0 / np.sqrt(rng.chisquare(3, size=R)),  # g times this is Student's t of variance 1
    "scale t(3)": lambda R, rng: rng.standard_t(3, size=R) / np.sqrt(3.0),
}
MODES = {"one": np.array([1.0]), "four": SHARES}
ALL_SIZES, THREE_SIZES = SIZES, SIZES[[1, 3, 5]]


def cells():
    """Name and keywords of every cell."""
    for scale in SCALES:
        for R in (10, 20, 50, 200):
            for modes in MODES:
                for together in (False, True):
                    name = f"{scale}, {modes}, {'equal' if together else 'independent'} times, six n, R = {R}"
                    yield name, {"R": R, "modes": modes, "together": together, "scale": scale, "sizes": ALL_SIZES}
            name = f"{scale}, four, independent times, three n, R = {R}"
            yield name, {"R": R, "modes": "four", "together": False, "scale": scale, "sizes": THREE_SIZES}


def false_word(name, reason, word):
    """What to count a verdict as: a false alarm, normality named, or its own word."""
    if name in HELD and word == "contradicted":
        return "normality" if reason.startswith("normality") else "false alarm"
    if name in ABSENT and word == "confirmed":
        return "false alarm"
    return word


def count(trials, R, modes, together, scale, sizes):
    """Words of each statement over the trials, by name."""
    counts, shares = {name: Counter() for name in HELD + ABSENT}, MODES[modes]
    for seed in range(trials):
        rng = np.random.default_rng([seed, R])
        drawn = SCALES[scale](R, rng)
        d = planted(R, rng, sizes=sizes, shares=shares, independent=not together, scale=drawn)
        for name, one in judge(d, HEALING, sizes=sizes, shares=shares).items():
            counts[name][false_word(name, one.reason, one.word)] += 1
    return counts


def table(trials, part=""):
    """Print the table, then the shares pooled over the cells of each law."""
    pooled = {}
    print(f"{'false alarms, of ' + str(trials):>58}" + "".join(f"{name:>13}" for name in HELD + ABSENT), "  confirmed")
    for name, options in cells():
        if part not in f"^{name}":
            continue
        began = time.perf_counter()
        counts = count(trials, **options)
        row = ""
        for statement, words in counts.items():
            row += f"{words['false alarm'] / trials:>13.2%}"
            pooled.setdefault((options["scale"], statement), []).append(words["false alarm"] / trials)
        right = " ".join(f"{counts[one]['confirmed'] / trials:.2f}" for one in HELD)
        normal = counts["CLT"]["normality"] / trials
        print(f"{name:>58}{row}   {right}  normality {normal:.2%}  [{time.perf_counter() - began:.0f} s]", flush=True)
    for (scale, statement), values in pooled.items():
        print(f"pooled {scale:>12} {statement:>12} {np.mean(values):.2%}, at most {np.max(values):.2%}")


if __name__ == "__main__":
    table(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, sys.argv[2] if len(sys.argv) > 2 else "")
