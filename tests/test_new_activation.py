"""A new activation takes two files: its branches in the kernels and its profile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from liouville.kernels import activations

ROOT = Path(__file__).parent.parent
KERNELS, PROFILES = Path("liouville/kernels/activations.py"), Path("liouville/problem/profiles.py")
# g = 1 / (1 + s^2)
VALUE = """\
    elif code == 11:
        for i in range(m):
            value[i] = one / (one + s[i] * s[i])
"""
SLOPE = """\
    elif code == 11:
        for i in range(m):
            slope[i] = -(s[i] + s[i]) * value[i] * value[i]
"""
PROFILE = """
    "witch": Profile(
        "witch",
        lambda s: 1.0 / (1.0 + s * s),
        lambda s: -2.0 * s / (1.0 + s * s) ** 2,
        lambda s: (6.0 * s * s - 2.0) / (1.0 + s * s) ** 3,
    ),
}
GAUSSIAN ="""
COMPARE = """
import numpy as np
from liouville import *
from particles import simulate


def value(x, y):
    s = x[0] * y[0] + x[1] * y[1]
    return 1.0 / (1.0 + s * s)


def gradient(x, y):
    s = x[0] * y[0] + x[1] * y[1]
    factor = -2.0 * s / (1.0 + s * s) ** 2
    return factor * x[0], factor * x[1]


def problem(unit, data):
    initial = Initial(y=Normal(0.0, 1.0), c=Normal(0.0, 1.0))
    target = lambda x: np.cos(x[:, 0]) + x[:, 1]
    return Problem(domain=Euclidean(2), unit=unit, data=data, target=target, initial=initial)


def close(a, b, to):
    assert np.abs(a - b).max() <= to * np.abs(b).max(), np.abs(a - b).max()


ridge, times = Ridge("witch", bias=False), [0.0, 0.5]
nodes = TrainingSet(np.random.default_rng(1).normal(size=(4, 2)))
own, other = problem(ridge, nodes), problem(Unit(value, gradient), nodes)
for n in (10, 100):  # side by side and in blocks
    close(simulate(own, n, times, 2, seed=3).y, simulate(other, n, times, 2, seed=3).y, 1e-6)
one, two = (solve(p, times, Characteristics(nodes=(8, 8, 6), tolerance=0.5)) for p in (own, other))
close(one.coefficients, two.coefficients, 1e-9)
one, two = (fluctuations(p, times, nodes=(8, 8, 6)) for p in (own, other))
close(one.variance, two.variance, 1e-6)

fresh, dynamics = problem(ridge, UniformSphere(2, test_points=50)), MinibatchSGD(0.1, 7)
for dtype, to in ((np.float64, 1e-13), (np.float32, 1e-5)):
    run = simulate(fresh, 20, [0.0, 0.1], seed=4, dynamics=dynamics, keep="all", dtype=dtype)
    y, c = run.y[0, 0].astype(float), run.c[0, 0].astype(float)
    x = fresh.data.sample(run.features.batches(dynamics, 4).streams[0].at(0), 7)
    phi = np.array([[value(one, unit) for unit in y] for one in x])
    slopes = np.array([[gradient(one, unit) for unit in y] for one in x])
    r = (phi @ c / 20 - fresh.target_values(x)) / 7
    close(run.c[0, 1], c - 0.1 * r @ phi, to)
    close(run.y[0, 1], y - 0.1 * c[:, None] * np.einsum("b,bnd->nd", r, slopes), to)
print("the same")
"""


def copied(folder, *edits):
    """A copy of the packages with (file, old, new) replaced."""
    for package in ("liouville", "particles"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, old, new in edits:
        text = (folder / path).read_text()
        assert text.count(old) == 1, old
        (folder / path).write_text(text.replace(old, new))


def run(folder, code):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)


CODE = (KERNELS, '    "cos": COS,\n}', '    "cos": COS,\n    "witch": 11,\n}')
VALUES = (KERNELS, "\n\n\n@fast\ndef slopes", "\n" + VALUE + "\n\n@fast\ndef slopes")
SLOPES = (KERNELS, "\n\n\n@lru_cache", "\n" + SLOPE + "\n\n@lru_cache")
NAMED = (PROFILES, "\n}\nGAUSSIAN =", PROFILE)


def test_two_files_make_an_activation_of_particles_continuum_fluctuations_and_fresh_batches(tmp_path):
    copied(tmp_path, CODE, VALUES, SLOPES, NAMED)
    done = run(tmp_path, COMPARE)
    assert done.stdout == "the same\n", done.stderr


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ((NAMED,), "activation must be one that kernels know"),
        ((NAMED, CODE), "activation 'witch' must have a branch in values and in slopes"),
        ((NAMED, CODE, SLOPES), "activation 'witch' must have a branch in values and in slopes"),
        ((NAMED, CODE, VALUES), "activation 'witch' must have a branch in values and in slopes"),
    ],
    ids=["no code", "no branch", "no value", "no slope"],
)
def test_one_without_its_branches_is_refused(tmp_path, edits, message):
    copied(tmp_path, *edits)
    code = COMPARE.replace(
        "for n in (10, 100):", "from liouville import make_features\nmake_features(own)\nfor n in ():"
    )
    done = run(tmp_path, code)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(f"ValueError: {message}"), done.stderr


def test_every_code_has_its_branches():
    assert [activations.code_of(name) for name in activations.CODES] == list(range(len(activations.CODES)))
