"""All numbers that the project computes, on small problems, to show that a change of the code leaves them bit for bit.

PYTHONPATH=<checkout> python tests/all_numbers.py out.npz [--threads K] [--only PART]
python tests/all_numbers.py --compare old.npz new.npz

The first writes every array under a readable name, through the public interface alone; whatever raises is printed and
its arrays are missing. `--only` keeps the cases whose name contains PART. The second counts the arrays that are equal
bit for bit (nan equals nan) and names every other with its greatest difference, relative to the greatest magnitude of
the old one; status 1 if any differs or is missing. Threads beyond NUMBA_NUM_THREADS cannot be asked for.
"""

import argparse
import dataclasses
import sys
import time
import warnings
from collections import Counter

import numpy as np
from number_cases import THEMES, problems

import liouville as lv
import particles
import validation

VERDICTS = ("confirmed", "contradicted", "not resolved", "not judged", "consistent", "heals by itself", "needs the")
SOLUTION = "times coefficients loss mass size error_estimate density nodes node_weights history seed grid diagnostics"
ENSEMBLE = "times coefficients loss loss_error y c kept_times energy_dissipated wall_mass steps rejected_steps"
FLUCTUATIONS = "times variance feature_covariance error_estimate resolution"
GRID = "y_edges c_edges y c c_widths cell_volume"


# --- arrays of what was computed ------------------------------------------------------------------------------------


def parts(value):
    """(name, value) of what a record holds, or None for what is an array."""
    records = {lv.Solution: SOLUTION, particles.Ensemble: ENSEMBLE, lv.Fluctuations: FLUCTUATIONS, lv.PhaseGrid: GRID}
    if type(value) in records:
        return [(name, getattr(value, name, None)) for name in records[type(value)].split()]
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, (validation.Study, validation.NoiseStudy)):
        lines = [line for line in value.summary().splitlines() if any(word in line.lower() for word in VERDICTS)]
        return [*((name, one.values) for name, one in value.dataset.variables.items()), ("summary", lines)]
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple) and any(isinstance(one, np.ndarray) for one in value):
        return [(str(place), one) for place, one in enumerate(value)]
    return None


def arrays(name, value):
    """(name, array) of all that a record holds, but for what the clock says."""
    held = parts(value)
    if held is not None:
        for part, one in held:
            if one is not None and "seconds" not in part:
                yield from arrays(f"{name}/{part}", one)
    else:
        values = np.asarray(value)
        yield name, values.astype(str) if values.dtype.kind == "O" else values


def compute(wanted):
    """Arrays by name."""
    found, started = {}, time.perf_counter()
    seconds = Counter()
    for theme in THEMES:
        for name, what in theme(problems()):
            if wanted not in name:
                continue
            begin = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found.update(arrays(name, what()))
            except Exception as error:  # what is missing later is named by the comparison
                print(f"{name}: {type(error).__name__}: {error}")
            seconds[name] = time.perf_counter() - begin
        print(f"{theme.__name__}: {len(found)} arrays, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    slowest = ", ".join(f"{name} {s:.1f} s" for name, s in seconds.most_common(5))
    print(f"slowest: {slowest}", file=sys.stderr)
    return dict(sorted(found.items()))


# --- comparison -----------------------------------------------------------------------------------------------------


def same(old, new):
    """Whether two arrays are equal bit for bit, all nan alike and zeros by their sign."""
    if old.shape != new.shape or old.dtype.kind != new.dtype.kind or old.dtype.itemsize != new.dtype.itemsize:
        return old.dtype.kind == new.dtype.kind == "U" and np.array_equal(old, new)
    if old.dtype.kind != "f":
        return np.array_equal(old, new)
    nan = np.isnan(old)
    signs = np.signbit(old) == np.signbit(new)
    return np.array_equal(old, new, equal_nan=True) and bool((signs | nan).all())


def difference(old, new):
    """What differs, in words."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return f"{old.dtype}{old.shape} became {new.dtype}{new.shape}"
    if old.dtype.kind not in "fiu":
        return f"{np.sum(old != new)} of {old.size} entries"
    old, new = old.astype(float), new.astype(float)
    if not np.array_equal(np.isfinite(old), np.isfinite(new)):
        return "other entries are finite"
    finite = np.isfinite(old)
    scale = np.abs(old[finite]).max(initial=0.0)
    return f"{np.abs(new - old)[finite].max(initial=0.0) / (scale or 1.0):.1e}"


def compare(old_path, new_path):
    """Print what differs; gives the exit status."""
    with np.load(old_path) as old_file, np.load(new_path) as new_file:
        old, new = dict(old_file), dict(new_file)
    shared = [name for name in old if name in new]
    differing = [name for name in shared if not same(old[name], new[name])]
    missing = [name for name in old if name not in new]
    print(f"{len(shared) - len(differing)} of {len(old)} arrays are equal bit for bit")
    for name in differing:
        print(f"differs  {name}  {difference(old[name], new[name])}")
    for name in missing:
        print(f"missing  {name}")
    for name in new:
        if name not in old:
            print(f"added    {name}")
    return int(bool(differing or missing))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="npz")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", default="", metavar="PART")
    options = parser.parse_args()
    if len(options.paths) != 1 + options.compare:
        parser.error("give one file to write, or --compare and two to read")
    if options.compare:
        return compare(*options.paths)
    if options.threads is not None:
        import numba

        most = numba.config.NUMBA_NUM_THREADS
        if not 1 <= options.threads <= most:
            parser.error(f"threads must be from 1 to NUMBA_NUM_THREADS = {most}, got {options.threads}")
        numba.set_num_threads(options.threads)
    np.savez_compressed(options.paths[0], **compute(options.only))
    return 0


if __name__ == "__main__":
    sys.exit(main())
