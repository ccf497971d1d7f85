"""The command line."""

import subprocess
import sys

import numpy as np
import pytest
from test_validation_study import FIGURES

from liouville import MinibatchSGD, Solution
from particles import Ensemble
from validation import load_study
from validation.cases import built_in_names, find_case
from validation.cli import main

pytestmark = pytest.mark.usefixtures("small_laws")

CASE = '''"""A toy of two modes."""

import numpy as np

from liouville import Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus

problem = Problem(
    domain=Torus(1),
    unit=Convolution(lambda z: 1.0 + np.cos(z)),
    data=UniformTorus(1),
    target=lambda x: 0.5 * np.cos(x),
    initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5]
sizes = [4, 8, 16]
'''


@pytest.fixture
def case(tmp_path):
    path = tmp_path / "toy.py"
    path.write_text(CASE)
    return path


def run(*arguments):
    """Exit status of the command line."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code


def refused(capsys, *arguments):
    """The one line on standard error with which bad input is refused."""
    assert run(*arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    return lines[0]


def test_cases_are_listed_with_a_line_each(capsys):
    assert run("cases") == 0
    lines = capsys.readouterr().out.strip().splitlines()
    names = ["circle", "circle-relu", "five-points", "line", "relu-bias", "tanh", "teacher-student", "torus2"]
    assert [line.split()[0] for line in lines] == names
    assert all(len(line.split()) > 5 for line in lines)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("circle", "circle"),
        ("circle-vonmises", "circle"),
        ("circle_vonmises", "circle"),
        ("five_points", "five-points"),
        ("five-points", "five-points"),
        ("circle-relu-spin", "circle-relu"),
        ("line", "line"),
        ("relu_bias", "relu-bias"),
        ("tanh", "tanh"),
        ("teacher-student", "teacher-student"),
        ("torus2-vonmises", "torus2"),
    ],
)
def test_names_take_dashes_and_underscores(spelled, name):
    found = find_case(spelled)
    assert found.name == name
    assert found.times[0] == 0.0
    assert found.sizes == sorted(found.sizes)


def test_case_targets_are_the_stated_ones():
    assert len(built_in_names()) == 8
    x = np.array([0.3, 2.0])
    point = np.sqrt(2.0) * np.array([np.cos(x), np.sin(x)])
    a = np.array([[[0.30, -0.55], [0.40, 0.15]], [[-0.25, 0.70], [0.10, -0.45]]])
    by_hand = [
        0.5 * sum(a[p, q, r] * v[p] * v[q] * v[r] for p in range(2) for q in range(2) for r in range(2))
        for v in point.T
    ]
    np.testing.assert_allclose(find_case("circle_relu").problem.target(x), by_hand)
    circle = 0.85 * np.cos(x) + 0.42 * np.sin(2 * x) - 0.28 * np.cos(3 * x)
    np.testing.assert_allclose(find_case("circle").problem.target(x), circle)
    for name in ("line", "five-points"):
        # f(0) = 2/3 [N(2; variance 1/2) - N(0; variance 1)]
        by_hand = (2.0 * np.exp(-4.0) / np.sqrt(np.pi) - 2.0 / np.sqrt(2.0 * np.pi)) / 3.0
        assert find_case(name).problem.target(0.0) == pytest.approx(by_hand)


@pytest.mark.parametrize("command", [[], ["study"], ["noise"], ["solve"], ["convergence"], ["simulate"], ["cases"]])
def test_help_teaches(command, capsys):
    assert run(*command, "--help") == 0
    text = capsys.readouterr().out
    assert "Usage: liouville" in text
    if command != ["cases"]:
        assert "Examples:" in text


def test_no_command_shows_the_help(capsys):
    assert run() == 0
    assert "Examples:" in capsys.readouterr().out


def test_study_of_a_users_case(case, tmp_path, capsys):
    out = tmp_path / "results" / "toy"
    status = run("study", case, "--replicates", 10, "--cells", "24,24", "--seed", 5, "--out", out)
    output = capsys.readouterr()
    assert status == 0
    assert "Law of large numbers" in output.out
    assert "100%" in output.err
    assert "particles, n = 16" in output.err
    assert sorted(path.name for path in out.iterdir()) == [*FIGURES, "study.nc"]
    study = load_study(out)
    assert study.dataset["n"].values.tolist() == [4, 8, 16]
    assert study.dataset.attrs["seed"] == 5
    assert study.summary() in output.out


def test_study_takes_sizes_times_and_method(case, capsys):
    options = ["--sizes", "3,6", "--times", "0,0.2", "--replicates", 2, "--method", "characteristics"]
    assert run("study", case, *options) == 0
    text = capsys.readouterr().out
    assert "t = 0.2" in text
    assert text.count("NOT RESOLVED") == 5


def test_study_takes_a_dynamics(case, capsys):
    options = ["--sizes", "4,8,16", "--replicates", 4, "--method", "characteristics", "--step", 0.1]
    for more, dynamics in (
        (["--batch-size", 7], "MinibatchSGD(step=0.1, batch_size=7)"),
        (["--theta", 0.02, "--alpha", 0.5], "DecreasingTheta(step=0.1, a=0.02, alpha=0.5)"),
    ):
        assert run("study", case, *options, *more) == 0
        text = capsys.readouterr().out
        assert f"one stream of batches, under {dynamics}" in text
        assert text.count("NOT JUDGED") == 4
    assert "alpha must come with --theta" in refused(capsys, "study", case, "--step", 0.1, "--alpha", 0.5)
    assert "alpha must come with --step" in refused(capsys, "study", case, "--alpha", 0.5)
    assert "multiples of the step" in refused(capsys, "study", case, "--step", 0.3)


def test_noise_writes_and_draws(case, tmp_path, capsys):
    options = ["-n", 5, "--sizes", "4,8,16", "--replicates", 3, "--times", "0.2,0.4", "--out", tmp_path / "made"]
    assert run("noise", case, "--step", 0.1, "--batch-size", 4, *options) == 0
    output = capsys.readouterr()
    assert "theta = a n^(-2 alpha), alpha = 0.25" in output.out
    assert "quench" in output.err
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["noise.nc", "noise.png"]
    assert "step must come with --batch-size or --theta" in refused(capsys, "noise", case, "--step", 0.1)
    assert "step must be given, with --batch-size or --theta, got none" in refused(capsys, "noise", case, *options[:2])
    assert "quench must be one of" in refused(
        capsys, "noise", case, "--step", 0.1, "--theta", 1, *options, "--quench", 9
    )


def test_solve_writes_coefficients_and_density(case, tmp_path, capsys):
    import xarray as xr

    out = tmp_path / "toy.nc"
    assert run("solve", case, "--cells", "24,32", "--out", out) == 0
    assert "loss" in capsys.readouterr().out
    dataset = xr.load_dataset(out, engine="h5netcdf")
    assert dataset["density"].shape == (2, 24, 32)
    assert dataset["mass_drift"].values == pytest.approx([0.0, 0.0], abs=1e-12)
    assert dataset.attrs["problem"]


@pytest.mark.filterwarnings("default")  # FiPy's own deprecations are not ours to fail on
def test_solve_takes_a_reconstruction_and_fipy(case, capsys):
    assert run("solve", case, "--cells", "16,16", "--reconstruction", "mp5") == 0
    assert "MP5()" in capsys.readouterr().out
    options = ["--method", "fipy", "--cells", "12,12", "--reconstruction", "upwind", "--times", "0,0.05"]
    assert run("solve", case, *options) == 0
    assert "FiPyFiniteVolume" in capsys.readouterr().out


def test_convergence_prints_and_draws_orders(case, tmp_path, capsys):
    out = tmp_path / "made" / "here"
    options = ["--reconstruction", "upwind", "--cells", "16,16", "--refinements", 2, "--times", "0,0.2,0.5"]
    assert run("convergence", case, *options, "--out", out) == 0
    output = capsys.readouterr()
    assert "Upwind()" in output.out
    assert "64 x 64" in output.out
    assert "observed order" in output.out
    assert [path.name for path in out.iterdir()] == ["convergence.png"]
    assert (out / "convergence.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_studies_without_a_prediction(case, capsys):
    options = ["--sizes", "4,8,16", "--replicates", 10, "--no-prediction", "--method", "characteristics"]
    assert run("study", case, *options) == 0
    text = capsys.readouterr().out
    assert "sigma^2 is not predicted" in text
    assert "n times the mean" not in text


def test_simulate_prints_losses_and_memory(case, tmp_path, capsys):
    import xarray as xr

    out = tmp_path / "toy.nc"
    assert run("simulate", case, "-n", 30, "--replicates", 4, "--out", out) == 0
    assert "MiB" in capsys.readouterr().out
    dataset = xr.load_dataset(out, engine="h5netcdf")
    assert dataset["loss"].shape == (4, 2)


def test_solve_and_simulate_take_a_dynamics_and_its_seed(case, tmp_path, capsys):
    noisy = ("--step", 0.1, "--batch-size", 3, "--seed", 5)
    limit, run_, path = tmp_path / "limit.nc", tmp_path / "run.nc", str(case)
    assert run("solve", case, *noisy, "--method", "characteristics", "--out", limit) == 0
    assert run("simulate", case, "-n", 4000, *noisy, "--out", run_) == 0
    problem = find_case(path).problem
    solution, ensemble = Solution.load(limit, problem), Ensemble.load(run_, problem)
    assert solution.dynamics == ensemble.dynamics == MinibatchSGD(0.1, 3)
    assert solution.seed == ensemble.seed == 5
    assert np.linalg.norm(solution.coefficients - ensemble.coefficients[0], axis=1).max() < 10 / np.sqrt(4000)
    assert run("solve", case, "--step", 0.1, "--theta", 0.01, "--cells", "16,16") == 0
    assert "nan" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["study", "nowhere"], ["case must be one of circle", "nowhere"]),
        (["study", "absent.py"], ["case must be", "absent.py"]),
        (["study", "{case}", "--sizes", "10,x"], ["--sizes", "integers", "'10,x'"]),
        (["study", "{case}", "--sizes", "0"], ["sizes must be", "got 0"]),
        (["study", "{case}", "--replicates", "1"], ["replicates must be", "got 1"]),
        (["study", "{case}", "--seed", "-1"], ["seed must be", "got -1"]),
        (["study", "{case}", "--times", "1,0"], ["times must increase", "[1.0, 0.0]"]),
        (["study", "{case}", "--out", "{case}"], ["out must be a directory", "toy.py"]),
        (["study", "{case}", "--out", "{case}/below"], ["out must be a directory", "below"]),
        (["study", "{case}", "--method", "magic"], ["--method", "magic"]),
        (["study", "{case}", "--frobnicate"], ["--frobnicate"]),
        (["study", "{case}", "--method", "characteristics", "--cells", "9,9"], ["cells must be left out"]),
        (
            ["solve", "{case}", "--method", "characteristics", "--reconstruction", "mp5"],
            ["reconstruction must be left"],
        ),
        (["solve", "{case}", "--method", "fipy", "--reconstruction", "mp5"], ["reconstruction must be Upwind()"]),
        (
            ["solve", "{case}", "--method", "semi-lagrangian", "--reconstruction", "mp5"],
            ["reconstruction must be left out with --method semi-lagrangian"],
        ),
        (["convergence", "{case}", "--method", "characteristics"], ["--method", "characteristics"]),
        (["convergence", "{case}", "--refinements", "0"], ["refinements must be", "got 0"]),
        (["convergence", "{case}", "--times", "0"], ["times must hold a time after 0"]),
        (["convergence", "{case}", "--out", "{case}"], ["out must be a directory"]),
        (["solve", "{case}", "--cells", "4,4"], ["cells must be", "(4, 4)"]),
        (["solve", "{case}", "--times", ""], ["--times", "numbers"]),
        (["solve", "{case}", "--out", "{case}"], ["out must end in .nc"]),
        (["simulate", "{case}"], ["-n"]),
        (["solve", "{case}", "--batch-size", "5"], ["batch-size must come with --step, got 5"]),
        (["solve", "{case}", "--step", "0.1", "--batch-size", "5", "--theta", "1"], ["theta must be left out", "1.0"]),
        (["simulate", "{case}", "-n", "0"], ["n must be", "got 0"]),
        (["frobnicate"], ["frobnicate"]),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, parts, case, tmp_path, capsys):
    line = refused(capsys, *[argument.replace("{case}", str(case)) for argument in arguments])
    for part in parts:
        assert part in line
    assert [path.name for path in tmp_path.iterdir()] == ["toy.py"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("problem = 3\ntimes = [0.0]\n", "must be a Problem"),
        ("times = [0.0]\n", "without problem"),
        (CASE.replace("[0.0, 0.5]", "3"), "times of case bad must be a sequence of numbers, got 3"),
        (CASE.replace("0.5]", "'x']"), "times of case bad must be a sequence of numbers, got [0.0, 'x']"),
        (CASE.replace("[4, 8, 16]", "5"), "sizes of case bad must be a sequence of numbers, got 5"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("problem = (\n", "SyntaxError"),
    ],
)
def test_bad_case_files_are_refused_in_one_line(text, part, tmp_path, capsys):
    path = tmp_path / "bad.py"
    path.write_text(text)
    assert part in refused(capsys, "solve", path)


def test_a_computation_that_fails_has_status_one(case, capsys, monkeypatch):
    from liouville import SolveFailed

    def fails(*_, **__):
        raise SolveFailed(0.25, 1e-3, "the state is not finite")

    monkeypatch.setattr("validation.commands.simulate.simulate_particles", fails)
    assert run("simulate", case, "-n", 5) == 1
    assert capsys.readouterr().err == "Error: failed at t = 0.25 with step 0.001: the state is not finite\n"


def test_importing_validation_is_light():
    code = "import sys, validation; print([m for m in ('matplotlib', 'xarray', 'ot') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
