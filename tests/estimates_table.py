"""Error estimates of solutions against references: python tests/estimates_table.py --seeds 0:60 --methods default.

True errors are L2(mu) distances of f_0 as a function at the nodes of mu. A pair (problem, time) counts where the
reference is ten times as good as the solution; errors and estimates below 1e-10 |f| are taken for that.
"""

import argparse
import signal
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
from independent import points_of, reference
from random_problems import Case, random_case

from liouville import (
    MP5,
    Characteristics,
    FiniteVolume,
    FiPyFiniteVolume,
    Minmod,
    SemiLagrangian,
    Upwind,
    VanLeer,
    solve,
)

METHODS = {
    "default": lambda: None,
    "upwind": lambda: FiniteVolume(reconstruction=Upwind()),
    "minmod": lambda: FiniteVolume(reconstruction=Minmod()),
    "vanleer": lambda: FiniteVolume(reconstruction=VanLeer()),
    "mp5": lambda: FiniteVolume(reconstruction=MP5()),
    "semilagrangian": SemiLagrangian,
    "characteristics": Characteristics,
    "fipy": FiPyFiniteVolume,
}
FIPY_LAST = 0.2  # FiPy takes seconds for what others do in milliseconds: it is given short times
FLOOR = 1e-10  # of |f|, below which nothing is judged
WITHIN, SHARE, ALWAYS, GENEROUS, LONGEST = 3.0, 0.95, 10.0, 10.0, 60.0
NOTHING = np.zeros(0)


@dataclass(frozen=True)
class Record:
    """One problem by one method. Arrays have one entry per output time; `failure` tells why there are none."""

    name: str
    method: str
    seconds: float = np.nan
    norm: float = np.nan
    true: np.ndarray = NOTHING
    reference: np.ndarray = NOTHING
    estimate: np.ndarray = NOTHING
    warned: tuple = ()
    failure: str = ""
    refused: bool = False

    @property
    def counted(self):
        """Where the reference is good enough to judge by."""
        return self.reference <= 0.1 * np.maximum(self.true, FLOOR * self.norm)

    @property
    def ratio(self):
        """True error / estimate; infinite where the estimate is no number."""
        estimate = np.where(np.isfinite(self.estimate), np.maximum(self.estimate, FLOOR * self.norm), 0.0)
        true = np.where(np.isfinite(self.true), np.maximum(self.true, FLOOR * self.norm), np.inf)
        with np.errstate(divide="ignore"):
            return true / estimate

    @property
    def surely_wrong(self):
        """Where the error exceeds ten estimates whatever the reference's own error."""
        return (self.ratio > ALWAYS) & (self.true - self.reference > ALWAYS * self.estimate) | np.isnan(self.estimate)


class OutOfTime(Exception):
    """A solve has taken longer than its limit."""


def _stop(*_):
    raise OutOfTime


def estimate_of(solution):
    """The solution's estimate of its error; nan where it has none."""
    held = getattr(solution, "error_estimate", solution.diagnostics.error_estimate)
    return np.full(solution.times.size, np.nan) if held is None else np.asarray(held, dtype=float)


def measure(case: Case, method="default", tolerance=None, limit=600, budget=45.0) -> Record:
    """Solve a case, warnings and failures caught, and compare with its reference."""
    if method == "fipy":
        longest = FIPY_LAST / max(case.scale, 1.0) ** 2
        factor = min(1.0, longest / case.times[-1])
        case = replace(case, times=tuple(t * factor for t in case.times))
    problem, made = case.problem(), METHODS[method]()
    options = {"method": made} if tolerance is None else {"tolerance": tolerance}
    signal.signal(signal.SIGALRM, _stop)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        signal.alarm(limit)
        try:
            solution = solve(problem, case.times, **options)
            seconds = time.perf_counter() - start
            x, q = points_of(case)
            values = solution.function(x)
        except ValueError as error:
            return Record(case.name, method, failure=str(error), refused=True)
        except OutOfTime:
            return Record(case.name, method, seconds=limit, failure=f"stopped after {limit} s")
        except Exception as error:  # whatever it is, it is what the table is there to show
            return Record(case.name, method, failure=f"{type(error).__name__}: {error}")
        finally:
            signal.alarm(0)
    found = reference(case, budget)
    return Record(
        name=case.name,
        method=method,
        seconds=seconds,
        norm=float(found["norm"]),
        true=np.sqrt((values - found["values"]) ** 2 @ q),
        reference=found["error"],
        estimate=estimate_of(solution),
        warned=tuple(str(w.message) for w in caught),
    )


def summary(records) -> dict:
    """The figures that are judged, over all counted pairs."""
    done = [r for r in records if not r.failure]
    ratios = np.concatenate([r.ratio[r.counted] for r in done]) if done else np.zeros(0)
    return {
        "problems": len(done),
        "pairs": sum(r.true.size for r in done),
        "counted": ratios.size,
        "within": float(np.mean(ratios <= WITHIN)) if ratios.size else np.nan,
        "worst": float(ratios.max()) if ratios.size else np.nan,
        "generosity": float(np.median(1.0 / ratios)) if ratios.size else np.nan,
        "surely_wrong": sum(int(r.surely_wrong.any()) for r in done),
        "slow": sum(r.seconds > LONGEST and not r.warned for r in done),
        "warned": sum(bool(r.warned) for r in done),
        "refused": sum(r.refused for r in records),
        "failed": sum(bool(r.failure) and not r.refused for r in records),
    }


def describe(record) -> str:
    """One line: the errors and estimates that belong together, and what was said."""
    if record.failure:
        return f"{record.name}: {'refused' if record.refused else 'FAILED'}, {record.failure}"
    marks = ["" if c else "*" for c in record.counted]
    pairs = " ".join(f"{t:.1e}/{e:.1e}{m}" for t, e, m in zip(record.true, record.estimate, marks, strict=True))
    counted = record.ratio[record.counted]
    worst = f"{counted.max():.2g}" if counted.size else "-"
    return f"{record.name}: {record.seconds:.1f} s, |f| {record.norm:.1e}, worst {worst}; {pairs}"


def is_offender(record):
    """Whether a record breaks a rule, or might tip the share that must be within."""
    if record.failure:
        return not record.refused
    late = record.seconds > LONGEST and not record.warned
    return bool((record.ratio[record.counted] > WITHIN).any() or record.surely_wrong.any() or late)


def print_estimates(method, records):
    """The table of one method and its offenders."""
    s = summary(records)
    print(f"\n{method}: {s['problems']} solved, {s['refused']} refused, {s['failed']} failed, {s['warned']} warned")
    print(f"  pairs counted {s['counted']} of {s['pairs']}; seconds at most {max(r.seconds for r in records):.1f}")
    print(
        f"  error <= {WITHIN:g} estimates: {s['within']:.1%} (>= {SHARE:.0%}); worst {s['worst']:.3g} (<= {ALWAYS:g})"
    )
    print(f"  median estimate / error {s['generosity']:.3g} (<= {GENEROUS:g}); silent above {LONGEST:g} s: {s['slow']}")
    print(f"  surely above {ALWAYS:g} estimates, or no estimate: {s['surely_wrong']} problems")
    for title, chosen in (
        ("offenders", [r for r in records if is_offender(r)]),
        ("refused", [r for r in records if r.refused]),
    ):
        if chosen:
            print(f"  {title}:", *map(describe, chosen), sep="\n    ")
    for r in records:
        for text in sorted(set(r.warned)):
            print(f"    warned: {r.name}: {text}")


def is_met(record, tolerance, relative):
    """Whether the error is surely not above the tolerance (of |f|, if relative)."""
    bound = tolerance * (record.norm if relative else 1.0)
    return bool((record.true - np.minimum(record.reference, record.true) <= bound).all())


def print_tolerance(tolerance, records, relative):
    """Whether the tolerance was met, or a warning said that it was not."""
    done = [r for r in records if not r.failure]
    met = [is_met(r, tolerance, relative) for r in done]
    silent = [r for r, m in zip(done, met, strict=True) if not m and not r.warned]
    print(f"\ntolerance {tolerance:g}{' of |f|' if relative else ''}: met in {sum(met)} of {len(done)} solved,")
    print(f"  warned in {sum(bool(r.warned) for r in done)}, neither in {len(silent)}", end="; ")
    print(f"seconds {sum(r.seconds for r in done):.0f} in all, at most {max((r.seconds for r in done), default=0):.1f}")
    for title, chosen in (("neither", silent), ("not solved", [r for r in records if r.failure])):
        if chosen:
            print(f"  {title}:", *map(describe, chosen), sep="\n    ")
    for r, m in zip(done, met, strict=True):
        if r.warned:
            print(f"    {'met' if m else 'not met'}, warned: {r.name}: {'; '.join(sorted(set(r.warned)))}")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0:60", help="first:end")
    parser.add_argument("--methods", default="default", help=f"all, or some of {','.join(METHODS)}")
    parser.add_argument("--tolerance", type=float, help="solve(..., tolerance=) instead of by methods")
    parser.add_argument("--relative", action="store_true", help="the tolerance is in units of |f|")
    parser.add_argument("--limit", type=int, default=600, help="seconds after which a solve is stopped")
    parser.add_argument("--budget", type=float, default=45.0, help="seconds for a reference, or so")
    parser.add_argument("--references", action="store_true", help="compute and keep the references alone")
    arguments = parser.parse_args()
    cases = [random_case(seed) for seed in range(*map(int, arguments.seeds.split(":")))]
    if arguments.references:
        for case in cases:
            found = reference(case, arguments.budget)
            own = (found["error"] / found["norm"]).max()
            print(f"{case.name}: own error {own:.1e} |f|, {found['seconds']:.0f} s", flush=True)
        return
    chosen = list(METHODS) if arguments.methods == "all" else arguments.methods.split(",")
    for method in ["default"] if arguments.tolerance else chosen:
        records = []
        for case in cases:
            records.append(measure(case, method, arguments.tolerance, arguments.limit, arguments.budget))
            print(describe(records[-1]), flush=True)
        if arguments.tolerance:
            print_tolerance(arguments.tolerance, records, arguments.relative)
        else:
            print_estimates(method, records)


if __name__ == "__main__":
    main()
