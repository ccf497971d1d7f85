"""The example that reproduces Figure 1, at toy size."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "figure1.py"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(EXAMPLE), run_name="figure1")


def test_slope_and_its_error_on_planted_power_laws(example):
    rng, sizes = np.random.default_rng(0), np.array([100, 200, 400, 800])
    planted = 3.0 * sizes**-1.1 * np.ones((8, 1))
    exponent, error = example["slope"](sizes, planted)
    assert abs(exponent + 1.1) < 1e-12
    assert error < 1e-12
    slopes, errors = zip(
        *(example["slope"](sizes, planted * np.exp(0.1 * rng.standard_normal((8, 4)))) for _ in range(200)), strict=True
    )
    # The standard error by leaving one out against the spread of 200 slopes, itself known to 5 %.
    assert abs(np.mean(errors) / np.std(slopes, ddof=1) - 1.0) < 0.25
    assert abs(np.mean(slopes) + 1.1) < 5.0 * np.std(slopes) / np.sqrt(200)


def test_paper_parameters(example):
    full = example["FULL"]
    assert full[50].batches(10_000) == (50, 2500)
    assert full[50].training(20_000) == (1e-3, 2_000_000)
    assert full[50].training(30_000) == (5e-4, 4_000_000)
    assert full[10].batches(104) == (20, 400)


@pytest.mark.slow
def test_figure_is_drawn_and_finished_runs_are_not_repeated(tmp_path):
    command = [sys.executable, str(EXAMPLE), "--rows", "10", "--steps", "0.0002", "--realisations", "2"]
    command += ["--workers", "1", "--store", str(tmp_path)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "56 runs to go" in first.stdout
    assert (tmp_path / "figure1.png").stat().st_size > 10_000
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(written) == 56
    removed = sorted(written)[0]
    removed.unlink()
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 runs to go" in again.stdout
    assert all(path.stat().st_mtime_ns == at for path, at in written.items() if path != removed)
    assert removed.exists()
