"""What a Solution answers after the run, by characteristics and on a grid."""

import numpy as np
import pytest
from oracles import VonMises, circle, five_points, line_gaussian, observed_order
from scipy import stats

from liouville import (
    Characteristics,
    Convolution,
    Density,
    Discrete,
    Euclidean,
    FiniteVolume,
    GradientDescent,
    Initial,
    MinibatchSGD,
    Minmod,
    Normal,
    NotAvailable,
    Problem,
    Ridge,
    SemiLagrangian,
    Torus,
    TrainingSet,
    Uniform,
    solve,
)
from particles import simulate

MIXED = VonMises(0.5, 2.0, 0.7)


@pytest.fixture(scope="module")
def characteristics():
    return solve(
        circle(MIXED, y=Density(lambda v: np.exp(np.cos(v - 1.0)))), [0.0, 0.4, 0.8], Characteristics(nodes=(96, 96))
    )


@pytest.fixture(scope="module")
def grid(characteristics):
    return solve(characteristics.problem, [0.0, 0.4, 0.8], FiniteVolume((128, 128)))


def test_density_by_characteristics_integrates_to_one_and_gives_the_coefficients(characteristics):
    """a = int c Phi rho from the backward density equals a from the forward nodes: two independent ways."""
    c = np.linspace(-9.0, 9.0, 121)
    # Later the density is finer in y where |c| is large. 0.3 is not an output time.
    for t, n_y in ((0.3, 64), (0.8, 128)):
        y = 2 * np.pi * np.arange(n_y) / n_y
        rho = characteristics.density_at(t, *np.meshgrid(y, c, indexing="ij"))
        volume = (2 * np.pi / n_y) * 0.15
        assert rho.sum() * volume == pytest.approx(1.0, abs=1e-7)
        assert rho.min() >= 0.0
    a = (rho @ c) @ characteristics.features.matrix(y[:, None]) * volume
    assert np.abs(a - characteristics.coefficients[2]).max() < 2e-7


def test_density_is_periodic_in_y(characteristics, grid):
    y, c = np.linspace(0.1, 6.0, 7), np.linspace(-1.0, 1.0, 7)
    for solution in (characteristics, grid):
        here = solution.density_at(0.8, y, c)
        for turns in (-2, 1):
            assert np.allclose(solution.density_at(0.8, y + 2 * np.pi * turns, c), here, rtol=1e-8, atol=1e-12)


def test_grid_averages_tend_to_the_density_of_characteristics_at_second_order(characteristics):
    sizes, errors = (32, 64, 128), []
    for n in sizes:
        solution = solve(characteristics.problem, [0.4], FiniteVolume((n, n), window=((-7.5, 7.5),)))
        centres = np.meshgrid(solution.grid.y, solution.grid.c, indexing="ij")
        exact = characteristics.density_at(0.4, *centres)
        errors.append(solution.grid.total(np.abs(solution.density[0] - exact)))
    assert observed_order(1.0 / np.array(sizes), errors) > 1.75
    assert errors[-1] < 6e-3


def test_flow_runs_back_to_where_it_came_from(characteristics):
    rng = np.random.default_rng(0)
    start = np.stack([rng.uniform(0, 6, 50), rng.normal(size=50)])
    end, forth = characteristics.flow(start, 0.1, 0.7)
    back, growth = characteristics.flow(end, 0.7, 0.1)
    assert np.abs(back - start).max() < 1e-8
    assert np.abs(forth + growth).max() < 1e-8
    # Nodes of the run itself lie on the flow.
    nodes = characteristics.nodes[:, :, ::997]
    assert np.abs(characteristics.flow(nodes[0], 0.0, 0.8)[0] - nodes[2]).max() < 1e-6


def test_growth_is_minus_the_divergence_of_the_flow(characteristics):
    point, h = np.array([[1.1], [0.6]]), 1e-4
    columns = [
        (characteristics.flow(point + h * e, 0.0, 0.6)[0] - characteristics.flow(point - h * e, 0.0, 0.6)[0]) / (2 * h)
        for e in (np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]))
    ]
    volume = np.linalg.det(np.hstack(columns))
    assert -np.log(volume) == pytest.approx(characteristics.flow(point, 0.0, 0.6)[1][0], abs=1e-6)


def test_density_of_the_euler_map_is_known_at_the_start_only():
    solution = solve(circle(), [0.0, 0.2], Characteristics(nodes=(32, 32)), GradientDescent(0.1))
    value = solution.density_at(0.0, np.array([1.0]), np.array([0.3]))
    assert value == pytest.approx(stats.norm.pdf(0.3) / (2 * np.pi), rel=1e-12)
    with pytest.raises(NotAvailable, match="backward"):
        solution.density_at(0.2, np.array([1.0]), np.array([0.3]))


def test_the_euler_map_is_known_at_multiples_of_its_step_only():
    solution = solve(circle(), [0.0, 0.3], Characteristics(nodes=(32, 32)), GradientDescent(0.1))
    z = np.array([[1.0], [0.3]])
    half_way = solution.flow(z, 0.0, 0.1 + 0.1)[0]
    whole = solution.flow(z, 0.0, 0.3)[0]
    assert np.array_equal(solution.flow(half_way, 0.2, 0.3)[0], whole)
    for start, end in ((0.0, 0.25), (0.05, 0.3)):
        with pytest.raises(NotAvailable, match=r"multiple of the step of GradientDescent"):
            solution.flow(z, start, end)


def test_the_euler_map_takes_as_many_steps_as_the_time_holds():
    """Here the time is a multiple of the step only up to a part in 10^10."""
    for time in (1.0 + 1e-10, 1.0 - 1e-10):
        run = simulate(circle(), 1, [time], dynamics=GradientDescent(1.0 / 30_000))
        assert run.steps[0] == 30_000


def test_the_euler_map_of_the_continuum_is_that_of_the_particles():
    """With the quadrature nodes' own distribution at hand, n equal-weight particles on them follow the same map."""
    problem = Problem(
        Torus(1), Convolution(MIXED), circle().data, circle().target, Initial(y=Uniform(), c=Discrete((-1.0, 2.0)))
    )
    solution = solve(problem, [0.0, 0.5], Characteristics(nodes=(64, 4)), GradientDescent(0.1))
    z = solution.nodes[0].copy()
    for _ in range(5):
        a = (solution.node_weights * z[1]) @ solution.features.matrix(z[:1].T)
        r = a - solution.features.target
        U = solution.features.matrix(z[:1].T) @ r
        slope = solution.features.gradient(z[:1].T)[:, 0] @ r
        z = z - 0.1 * np.stack([z[1] * slope, U])
    assert np.abs(z - solution.nodes[1]).max() < 1e-12
    carried = solution.flow(solution.nodes[0], 0.0, 0.5)[0]
    assert np.abs(carried - z).max() < 1e-12


def test_function_agrees_with_the_integral_of_the_unit_off_the_nodes():
    x = np.array([-1.37, 0.41, 2.6])
    exact = solve(line_gaussian(), [0.0, 0.5], Characteristics(nodes=(96, 96)))
    f = exact.function(x)
    weighted = exact.nodes[1, 1] * exact.node_weights
    phi = np.exp(-((x[:, None] - exact.nodes[1, 0]) ** 2)) / np.sqrt(np.pi)
    assert np.abs(f[1] - phi @ weighted).max() < 1e-12
    sizes = (48, 96, 192)
    errors = []
    for n in sizes:
        window = ((-3.0, 3.0), (-7.5, 7.5))
        errors.append(
            np.abs(solve(line_gaussian(), [0.5], FiniteVolume((n, n), window=window)).function(x) - f[1]).max()
        )
    assert observed_order(1.0 / np.array(sizes), errors) > 1.7
    # Off the nodes f_0 is as it is on them: here x close to a node against the coefficients.
    coarse = solve(line_gaussian(), [0.5], FiniteVolume((24, 24), window=window))
    node = coarse.problem.data.points[14:15]
    assert abs(coarse.function(node)[0, 0] - coarse.function(node + 1e-9)[0, 0]) < 1e-8
    # At the nodes of mu, from the coefficients alone.
    nodes = exact.problem.data.points[10:14]
    assert np.abs(exact.function(nodes)[1] - exact.coefficients[1, 10:14] / np.sqrt(0.5)).max() < 1e-12


def test_function_on_the_circle_is_the_fourier_series(characteristics, grid):
    x = np.array([0.0, 1.0, 4.5])
    weighted = characteristics.nodes[2, 1] * characteristics.node_weights
    direct = MIXED(x[:, None] - characteristics.nodes[2, 0]) @ weighted
    assert np.abs(characteristics.function(x)[2] - direct).max() < 1e-8
    assert np.abs(grid.function(x)[2] - direct).max() < 1e-3


def test_draws_have_the_law_of_the_density(characteristics, grid):
    """Moments within 5 standard errors (6e-7 each), the c-marginal by Kolmogorov's test (1e-6)."""
    size = 20_000
    for solution in (characteristics, grid):
        z = solution.sample(0.8, size, np.random.default_rng(3))
        nodes, weights = characteristics.nodes[2], characteristics.node_weights
        for function in (lambda z: z[1], lambda z: z[1] ** 2, lambda z: np.cos(z[0]), lambda z: z[1] * np.sin(z[0])):
            values = function(z)
            assert abs(values.mean() - weights @ function(nodes)) < 5 * values.std() / np.sqrt(size)
        order = np.argsort(nodes[1])
        edges, cumulative = nodes[1, order], np.cumsum(weights[order])
        assert stats.kstest(z[1], lambda v: np.interp(v, edges, cumulative)).pvalue > 1e-6  # noqa: B023


def test_diagnostics_of_characteristics_close_the_energy_identity(characteristics):
    found = characteristics.diagnostics
    assert np.abs(found.energy_drop - found.energy_dissipated).max() < 1e-7
    assert found.energy_drop[-1] > 0.01
    assert characteristics.mass.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.filterwarnings("ignore:the estimated error")
def test_error_estimate_of_characteristics_is_honest():
    exact = solve(circle(MIXED), [0.5, 1.0], Characteristics(nodes=(160, 160)))
    for k in (8, 16, 32):
        rough = solve(circle(MIXED), [0.5, 1.0], Characteristics(nodes=(k, k)))
        error = np.linalg.norm(rough.coefficients - exact.coefficients, axis=1)
        assert (error <= 1.2 * rough.diagnostics.error_estimate + 1e-9).all()
    refined = solve(circle(MIXED), [0.5, 1.0], Characteristics(tolerance=1e-5))
    assert (np.linalg.norm(refined.coefficients - exact.coefficients, axis=1) <= 1e-5).all()


def test_too_few_nodes_allowed_is_a_warning_with_the_error():
    with pytest.warns(UserWarning, match="max_nodes"):
        solution = solve(circle(), [2.0], Characteristics(tolerance=1e-9, max_nodes=20_000))
    assert solution.diagnostics.error_estimate[0] > 1e-9


def test_atoms_work_with_characteristics_and_agree_with_many_particles():
    problem = circle(MIXED, c=Discrete((-1.0, 1.0)))
    solution = solve(problem, [0.0, 0.5], Characteristics(nodes=(64, 8)))
    assert (solution.diagnostics.error_estimate < 1e-6).all()
    run = simulate(problem, 40_000, [0.0, 0.5], seed=5)
    # sigma / sqrt(n) with sigma of order one; ten times that.
    assert np.linalg.norm(run.coefficients[0] - solution.coefficients, axis=1).max() < 10 * 1.0 / np.sqrt(40_000)
    with pytest.raises(NotAvailable, match="atoms"):
        solution.density_at(0.5, np.array([1.0]), np.array([0.0]))


def test_nothing_happens_before_time_zero_is_over():
    for method in (FiniteVolume((32, 32), Minmod()), Characteristics(nodes=(32, 32))):
        solution = solve(circle(), [0.0], method)
        assert solution.coefficients.shape[0] == 1
        assert np.abs(solution.coefficients).max() < 1e-12  # E c = 0
        assert solution.diagnostics.steps == 0


def test_output_times_do_not_change_the_answer():
    for method, tolerance in (
        (FiniteVolume((64, 64), window=((-7.5, 7.5),)), 1e-5),
        (Characteristics(nodes=(48, 48)), 1e-6),
    ):
        one = solve(circle(), [1.0], method)
        many = solve(circle(), [0.0, 0.1, 0.11, 0.5, 1.0], method)
        assert np.abs(one.coefficients[-1] - many.coefficients[-1]).max() < tolerance


def test_bits_of_the_continuum_do_not_depend_on_the_number_of_threads():
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread only")
    before = numba.get_num_threads()
    for problem, method, dynamics in (
        (circle(MIXED), FiniteVolume((72, 40)), None),
        (line_gaussian(), FiniteVolume((40, 40)), None),
        (circle(MIXED), FiniteVolume((72, 72)), MinibatchSGD(0.1, 5)),
        (circle(MIXED), Characteristics(nodes=(96, 96)), None),
        (five_points(), Characteristics(nodes=(64, 64)), None),
        (circle(MIXED), SemiLagrangian((120, 120), tolerance=1e-4), None),
        (circle(MIXED), SemiLagrangian((120, 120)), MinibatchSGD(0.1, 5)),
    ):
        runs = []
        try:
            for threads in (1, 2):
                numba.set_num_threads(threads)
                runs.append(solve(problem, [0.2, 0.5], method, dynamics))
        finally:
            numba.set_num_threads(before)
        assert np.array_equal(runs[0].coefficients, runs[1].coefficients)
        if runs[0].density is not None:
            assert np.array_equal(runs[0].density, runs[1].density)
        else:
            assert np.array_equal(runs[0].nodes, runs[1].nodes)


def test_a_finite_training_set_on_the_circle_works_like_the_uniform_measure():
    """32 equispaced points are exact to 1e-9 for the band of this profile and target."""
    x = 2 * np.pi * np.arange(32) / 32
    fourier = circle(MIXED)
    points = Problem(Torus(1), Convolution(MIXED), TrainingSet(x), fourier.target, Initial(y=Uniform(), c=Normal()))
    one = solve(fourier, [0.5], Characteristics(nodes=(32, 32)))
    other = solve(points, [0.5], Characteristics(nodes=(32, 32)))
    assert np.abs(one.function(x) - other.function(x)).max() < 1e-6
    on_grid = solve(points, [0.5], FiniteVolume((64, 64)))
    assert np.abs(on_grid.function(x) - other.function(x)).max() < 5e-3


@pytest.mark.filterwarnings("ignore:the estimated error")
def test_no_characteristic_leads_back_from_a_kink():
    """Units slide along y = 0 and mass gathers there: a density by characteristics would be wrong and say nothing."""
    problem = Problem(
        domain=Euclidean(1),
        unit=Ridge("relu", bias=False),
        data=TrainingSet([-2.0, -1.0, 0.0, 1.0, 2.0]),
        target=np.array([0.3, -0.2, -0.4, 0.2, 0.1]),
        initial=Initial(y=Normal(0.0, 1.0), c=Normal(0.0, 1.0)),
    )
    solution = solve(problem, [0.0, 0.6], Characteristics(nodes=(16, 16)))
    with pytest.raises(NotAvailable, match="no characteristic leads back from kinks"):
        solution.density_at(0.6, 0.01, -0.8)
    forward, _ = solution.flow(np.array([[0.5], [1.0]]), 0.0, 0.6, with_growth=False)
    assert np.isfinite(forward).all()
