"""Peak memory and start: each row in a process of its own.

    python benchmarks/footprint.py [--short]

Asked: 10^7 particles under RK4 in less than 1.5 GB, a 2048 x 2048 grid in less than 0.5 GB (GB = 10^9 bytes, the
interpreter and all libraries counted), the three packages imported in less than 1 s, the first call of what is built in
in less than 1 s where a run before has left its compiled kernels. So every row runs twice and the second run counts.
"""

import argparse
import importlib
import resource
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"


def peak():
    """Most bytes of this process. What getrusage says would include the parent's before it became this process."""
    try:
        status = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


def imports():
    start = time.perf_counter()
    for name in ("liouville", "particles", "validation"):
        importlib.import_module(name)
    return time.perf_counter() - start


def circle():
    sys.path.insert(0, str(TESTS))
    import oracles

    return oracles.circle(), oracles.line_tanh()


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def first(name):
    """Seconds of the first call in a process, the problem's features included."""
    imports()
    from liouville import FiniteVolume, SemiLagrangian, solve
    from particles import simulate

    problem, line = circle()
    calls = {
        "simulate, convolution": lambda: simulate(problem, 1000, [0.0, 0.1]),
        "simulate, convolution, n = 10": lambda: simulate(problem, 10, [0.0, 0.1], 10),
        "simulate, tanh": lambda: simulate(line, 1000, [0.0, 0.1]),
        "solve, SemiLagrangian": lambda: solve(problem, [0.0, 0.1], SemiLagrangian(cells=(64, 64))),
        "solve, FiniteVolume": lambda: solve(problem, [0.0, 0.1], FiniteVolume(cells=(64, 64))),
    }
    return timed(calls[name])


def large(name):
    """Seconds of a large run; its peak is the point."""
    imports()
    from liouville import MP5, RK4, FiniteVolume, SemiLagrangian, solve
    from particles import simulate

    problem, cells = circle()[0], (2048, 2048)
    calls = {
        "particles, n = 10^7, RK4": lambda: simulate(problem, 10**7, [0.0, 0.05], integrator=RK4(0.05)),
        "2048 x 2048, van Leer": lambda: solve(problem, [0.0, 0.005], FiniteVolume(cells), estimate=False),
        "2048 x 2048, MP5": lambda: solve(problem, [0.0, 0.005], FiniteVolume(cells, MP5()), estimate=False),
        "2048 x 2048, SemiLagrangian": lambda: solve(problem, [0.0, 0.1], SemiLagrangian(cells), estimate=False),
    }
    return timed(calls[name])


ROWS = [
    ("import", "the three packages", 1.0, None),
    *[
        ("first", name, 1.0, None)
        for name in (
            "simulate, convolution",
            "simulate, convolution, n = 10",
            "simulate, tanh",
            "solve, SemiLagrangian",
            "solve, FiniteVolume",
        )
    ],
    ("large", "particles, n = 10^7, RK4", None, 1.5e9),
    ("large", "2048 x 2048, van Leer", None, 0.5e9),
    ("large", "2048 x 2048, MP5", None, 0.5e9),
    ("large", "2048 x 2048, SemiLagrangian", None, 0.5e9),
]


def in_its_own_process(kind, name, runs):
    """Seconds and peak bytes: least seconds of all runs but the first, peak of the last."""
    seconds = []
    for _ in range(runs):
        command = [sys.executable, __file__, "--row", kind, name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        took, most = (float(word) for word in done.stdout.split()[-2:])
        seconds.append(took)
    return min(seconds[1:]), most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="leave the large runs out")
    parser.add_argument("--row", nargs=2, metavar=("KIND", "NAME"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        kind, name = arguments.row
        seconds = {"import": lambda _: imports(), "first": first, "large": large}[kind](name)
        print(seconds, peak())
        return
    print(f"{'':42}{'seconds':>9}{'peak GB':>9}  asked")
    for kind, name, most_seconds, most_bytes in ROWS:
        if arguments.short and kind == "large":
            continue
        try:
            seconds, bytes_ = in_its_own_process(kind, name, 2 if kind == "large" else 4)
        except RuntimeError as error:
            print(f"{kind + ': ' + name:42}  failed: {error}")
            continue
        kept = seconds <= most_seconds if most_seconds else bytes_ <= most_bytes
        asked = f"{most_seconds:g} s" if most_seconds else f"{most_bytes / 1e9:g} GB"
        print(
            f"{kind + ': ' + name:42}{seconds:9.2f}{bytes_ / 1e9:9.2f}  < {asked}{'' if kept else '  EXCEEDED'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
