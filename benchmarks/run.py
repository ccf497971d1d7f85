"""All benchmarks in one run, one table after the other, each number with its error beside it.

    python benchmarks/run.py [--short] [PART ...]

Parts run one after the other in processes of their own, so that thread pools of one library do not disturb another and
a part that fails is a line that says so. About ten minutes on two cores with all peers, of which most are compilations
of PyMPDATA and PyTorch and FiPy's solution; three or four with --short. What other processes took of the
machine meanwhile is printed under each part: figures with more than a few per cent are noisy.
"""

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# Name, and the options of a short run.
PARTS = {
    "machine": [],
    "rates": ["--short"],
    "grid_peers": ["--short"],
    "three_dimensions": ["--cells", "48"],
    "particle_peers": ["--largest", "100000", "--no-compile"],
    "high_dimension": ["--n", "2000"],
    "footprint": ["--short"],
}
PACKAGES = ("numpy", "scipy", "numba", "fipy", "PyMPDATA", "clawpack", "torch", "jax")
BUSY = 0.05  # share of the machine in other hands above which figures are called noisy


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def versions():
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} absent")
    return ", ".join(found)


def busy_seconds():
    """Seconds that all processors were busy since the start of the machine; None where it does not say."""
    try:
        user, nice, system, _, _, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    spent = os.times()
    return sum(spent[:4])


def run(part, options):
    """One part; returns whether it succeeded."""
    busy, own, start = busy_seconds(), own_seconds(), time.perf_counter()
    print(f"\n== {part} ==", flush=True)
    done = subprocess.run([sys.executable, str(HERE / f"{part}.py"), *options], stderr=subprocess.PIPE, text=True)
    took = time.perf_counter() - start
    if done.returncode:
        print(f"{part} failed:\n{done.stderr.strip()[-2000:]}")
    line = f"-- {took:.0f} s"
    if busy is not None:
        others = max(0.0, (busy_seconds() - busy - (own_seconds() - own)) / (took * os.cpu_count()))
        line += f"; other processes took {100 * others:.0f} % of the machine{': NOISY' if others > BUSY else ''}"
    print(line, flush=True)
    return not done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--short", action="store_true", help="smaller sizes, no compilations of peers")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"PART must be of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    print(f"{processor()}, {os.cpu_count()} processors; Python {platform.python_version()}, {versions()}")
    start = time.perf_counter()
    fine = [run(part, PARTS[part] if arguments.short else []) for part in arguments.parts or PARTS]
    print(f"\nall in {time.perf_counter() - start:.0f} s")
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
