"""Saved records come back bit for bit; foreign and damaged files give one clear error."""

import dataclasses

import numpy as np
import pytest
from oracles import circle, line_gaussian, line_tanh

from liouville import (
    MP5,
    RK4,
    SSPRK2,
    Box,
    Characteristics,
    Convolution,
    FiniteVolume,
    Gaussian,
    Graded,
    GradientDescent,
    Initial,
    Minmod,
    Normal,
    Problem,
    SemiLagrangian,
    Solution,
    TrainingSet,
    Uniform,
    make_features,
    solve,
)
from liouville.records.storage import parse_object
from particles import Ensemble, simulate

H, DATA = Convolution(Gaussian(0.5)), TrainingSet([-1.0, 0.0, 1.0])


def assert_same(first, second):
    """Every field equal, arrays bit for bit."""
    for field in dataclasses.fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if field.name in ("problem", "features"):
            continue
        if field.name in ("diagnostics", "grid", "c_axis") and a is not None:
            assert_same(a, b)
        elif field.name == "y_axes":
            for one, other in zip(a, b, strict=True):
                assert_same(one, other)
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.shape == b.shape, field.name
            assert a.tobytes() == b.tobytes(), field.name
        elif isinstance(a, tuple) and a and isinstance(a[0], np.ndarray):
            assert all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True)), field.name
        else:
            assert a == b or (a != a and b != b), field.name


# Toy resolutions: what is stored is looked at, not how good it is.
pytestmark = pytest.mark.filterwarnings("ignore:the estimated error", "ignore:a mass of")

METHODS = [
    FiniteVolume((16, 24), MP5(), window=((-3.5, 3.5), (-8.0, 8.0))),
    FiniteVolume((16, 16), Minmod(), SSPRK2(), c_spacing=Graded(3.0)),
    SemiLagrangian((16, 16), tolerance=1e-4),
    Characteristics(nodes=(12, 12)),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_solution(method, tmp_path):
    solution = solve(line_gaussian(), [0.0, 0.2], method)
    path = solution.save(tmp_path / "solution.nc")
    loaded = Solution.load(path, line_gaussian())
    assert_same(solution, loaded)
    x = np.array([-0.3, 0.7])
    assert np.array_equal(solution.function(x), loaded.function(x))
    assert np.array_equal(solution.density_at(0.2, x, x), loaded.density_at(0.2, x, x))


@pytest.mark.parametrize("keep", ["last", "all", None])
def test_ensemble(keep, tmp_path):
    ensemble = simulate(circle(), 7, [0.0, 0.2], replicates=3, keep=keep, integrator=RK4(0.05))
    loaded = Ensemble.load(ensemble.save(tmp_path / "ensemble.nc"), circle())
    assert_same(ensemble, loaded)
    descent = simulate(line_tanh(), 5, [0.0, 0.2], dynamics=GradientDescent(0.1))
    assert_same(descent, Ensemble.load(descent.save(tmp_path / "descent.nc"), line_tanh()))


def test_settings_may_be_numpy_numbers_and_arrays(tmp_path):
    window = np.array([[-8.0, 8.0]])
    for method, dynamics in (
        (FiniteVolume((np.int64(16), 16), cfl=np.float64(0.3), window=window), None),
        (Characteristics(nodes=(np.int64(8), 8)), GradientDescent(np.float64(0.1))),
    ):
        solution = solve(circle(), [0.0, 0.1], method, dynamics)
        loaded = Solution.load(solution.save(tmp_path / "solution.nc"), circle())
        assert loaded.dynamics == solution.dynamics
        assert np.array_equal(loaded.coefficients, solution.coefficients)
    assert loaded.method == solution.method


def test_walls_are_part_of_the_problem(tmp_path):
    near, far = (Problem(Box(-w, w), H, DATA, np.cos, Initial(Uniform(-1.0, 1.0), Normal())) for w in (1.5, 9.0))
    path = solve(near, [0.0], Characteristics(nodes=(8, 8))).save(tmp_path / "solution.nc")
    with pytest.raises(ValueError, match="problem must be the one"):
        Solution.load(path, far)


def test_foreign_and_damaged_files(tmp_path):
    solution = solve(circle(), [0.1], Characteristics(nodes=(8, 8)))
    path = solution.save(tmp_path / "solution.nc")
    with pytest.raises(ValueError, match=r"must be a saved Ensemble, got .* which holds 'Solution'"):
        Ensemble.load(path, circle())
    with pytest.raises(ValueError, match="problem must be the one"):
        Solution.load(path, line_gaussian())
    with pytest.raises(ValueError, match="problem must be the one"):
        Solution.load(path, circle(), features=make_features(circle(), tolerance=1e-3))
    with pytest.raises(ValueError, match="which is not a file"):
        Solution.load(tmp_path / "nothing.nc", circle())
    half = tmp_path / "half.nc"
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    text = tmp_path / "text.nc"
    text.write_text("not a NetCDF file")
    for broken in (half, text):
        with pytest.raises(ValueError, match="cannot be read as NetCDF"):
            Solution.load(broken, circle())


def test_bad_paths_leave_nothing_behind(tmp_path):
    solution = solve(circle(), [0.1], Characteristics(nodes=(8, 8)))
    with pytest.raises(ValueError, match=r"path must end in .nc, got .*\.txt"):
        solution.save(tmp_path / "solution.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="directory of path"):
        solution.save(tmp_path / "file" / "solution.nc")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("text", ["__import__('os').system('true')", "open('x')", "FiniteVolume.__init__", "solve(1)"])
def test_nothing_in_a_file_is_executed(text):
    with pytest.raises(ValueError, match="a saved record describes"):
        parse_object(text)
