"""MP5: order on a frozen field, transverse terms, conservation, positivity, the reference case."""

import numpy as np
import pytest
from oracles import Saddle, circle, line_gaussian, observed_order, reference_error

from liouville import MP5, FiniteVolume, Graded, solve
from liouville.kernels import fifth_order as kernels

T_END = 0.1


def frozen_error(n, transverse=True):
    """L1 error inside after transport by U = y^2 / 2, whose characteristics are known in closed form."""
    saddle = Saddle()

    def initial(y, c):  # analytic, and empty to round-off at the ends of the grid
        return np.exp(-12.0 * (y - 1.6) ** 2 - 12.0 * (c - 0.2) ** 2)

    y_edges, c_edges = np.linspace(-0.6, 3.8, n + 1), np.linspace(-2.4, 2.4, n + 1)
    y, c = 0.5 * (y_edges[1:] + y_edges[:-1]), 0.5 * (c_edges[1:] + c_edges[:-1])
    dy, dc = y_edges[1] - y_edges[0], c_edges[1] - c_edges[0]
    rho = saddle.averages(initial, y_edges, c_edges)
    average, curvature = 0.5 * y**2 + dy**2 / 24.0, np.ones(n)
    # The third derivative of U vanishes, so the slope at centres needs no correction.
    first, second = (y, curvature) if transverse else (np.zeros(n), np.zeros(n))
    n_steps = int(np.ceil(T_END * (2.4 * 3.8 / dy + 0.5 * 3.8**2 / dc) / 0.4 * (n / 32) ** (2 / 3)))
    dt = T_END / n_steps  # falls like h^(5/3): a step of third order in time then matches fifth order in space
    moments = np.empty((n, 3))
    total = rho.sum()
    for _ in range(n_steps):
        start = current = rho
        for alpha in (0.0, 3 / 4, 1 / 3):
            out = np.empty_like(rho)
            kernels.stage(
                current, start, alpha, dt, average, first, second, y_edges.copy(), c, dy, dc, False, out, moments
            )
            current = out
        rho = current
    assert rho.min() >= 0
    assert abs(rho.sum() / total - 1.0) < 1e-12
    exact = saddle.averages(lambda y, c: saddle.density(initial, y, c, T_END), y_edges, c_edges)
    return np.abs(rho - exact)[n // 8 : -n // 8].mean()


def test_order_on_a_frozen_field_is_five():
    sizes = np.array([96, 144, 216])
    errors = [frozen_error(n) for n in sizes]
    assert observed_order(1.0 / sizes, errors) == pytest.approx(5.0, abs=0.15)


def test_without_transverse_terms_the_order_is_two():
    sizes = np.array([96, 144, 216])
    errors = [frozen_error(n, transverse=False) for n in sizes]
    assert observed_order(1.0 / sizes, errors) == pytest.approx(2.0, abs=0.3)


def test_reconstruction_is_exact_on_quartics_and_bounded_at_jumps():
    n = 40
    edges = np.linspace(-1.0, 1.0, n + 1)
    antiderivative = np.polynomial.Polynomial([0.3, 2.0, 0.4, -0.3, 0.2, 0.1])  # a monotone quartic's
    average = np.diff(antiderivative(edges)) / np.diff(edges)

    def faces(v):
        curve, least, out = np.empty(n - 2), np.empty(n - 3), np.empty(n - 4)
        kernels.curvatures(v, v[1:], v[2:], curve)
        kernels.least_curvatures(curve, curve[1:], least)
        kernels.mp5(v[:-4], v[1:-3], v[2:-2], v[3:-1], v[4:], least[:-1], least[1:], out)
        return out

    assert np.abs(faces(average) - antiderivative.deriv()(edges[3:-2])).max() < 1e-13
    out = faces(np.where(np.arange(n) < 17, 1.0, 0.0))
    assert out.min() >= -1e-15
    assert out.max() <= 1.0 + 1e-15


def test_reference_case():
    """256 x 256 on circle-vonmises: at most 3e-6 at t = 1 and 4e-5 at t = 4, and the reference's own error."""
    solution = solve(circle(), [1.0, 4.0], FiniteVolume((256, 256), MP5()))
    error, own = reference_error(solution, "circle-vonmises")
    assert error[0] <= 3e-6 + own[0]
    assert error[1] <= 4e-5 + own[1]
    diagnostics = solution.diagnostics
    assert diagnostics.least_density >= 0
    assert np.abs(diagnostics.mass_drift).max() <= 1e-13 * max(1.0, diagnostics.steps / 1000)


@pytest.mark.parametrize("problem", [circle, line_gaussian], ids=["circle", "line"])
def test_mass_and_sign_at_a_coarse_resolution_and_late_times(problem):
    solution = solve(problem(), [2.0, 20.0], FiniteVolume((40, 32), MP5(), cfl=0.5))
    diagnostics = solution.diagnostics
    assert diagnostics.least_density >= 0
    assert np.abs(diagnostics.mass_drift).max() <= 1e-13 * max(1.0, diagnostics.steps / 1000)


def test_unequal_spacing_is_refused():
    with pytest.raises(ValueError, match="MP5 needs equal spacing"):
        solve(circle(), [0.1], FiniteVolume((32, 32), MP5(), c_spacing=Graded(3.0)))
