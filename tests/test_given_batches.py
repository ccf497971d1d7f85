"""MinibatchSGD on the user's own batches."""

import numpy as np
import pytest
from oracles import circle

import liouville as lv
from particles import Ensemble, simulate

X = np.linspace(-1.0, 1.0, 6)
F = np.sin(3.0 * X)
STEP = 0.1
RNG = np.random.default_rng(0)
BATCHES = RNG.integers(0, 6, (20, 4))
Y, C = RNG.normal(size=(15, 2)), RNG.normal(size=15)
PROBLEM = lv.Problem(lv.Euclidean(2), lv.Ridge("tanh"), lv.TrainingSet(X), F, lv.Initial(y=lv.Normal(), c=lv.Normal()))
LINE = lv.Problem(
    lv.Euclidean(1), lv.Convolution(lv.Gaussian(0.5)), lv.TrainingSet(X), F, lv.Initial(y=lv.Normal(), c=lv.Normal())
)


def descended(y, c, batches, step=STEP):
    """Gradient descent on n times half the mean square over each batch."""
    for batch in batches:
        x = X[batch]
        s = np.tanh(np.outer(x, y[:, 0]) + y[:, 1])
        r = ((s * c).mean(axis=1) - F[batch]) / x.size
        slope = (1.0 - s**2) * r[:, None] * c
        dy = np.stack([(x[:, None] * slope).sum(axis=0), slope.sum(axis=0)], axis=1)
        y, c = y - step * dy, c - step * (r @ s)
    return y, c


def test_particles_descend_on_the_batches_given():
    run = simulate(
        PROBLEM, 15, [0.0, 0.5, 2.0], dynamics=lv.MinibatchSGD(STEP, batches=BATCHES), start=(Y, C), keep="all"
    )
    for k, n_steps in ((1, 5), (2, 20)):
        y, c = descended(Y, C, BATCHES[:n_steps])
        assert np.abs(run.y[0, k] - y).max() <= 1e-13
        assert np.abs(run.c[0, k] - c).max() <= 1e-13
    other = simulate(PROBLEM, 15, [0.0, 2.0], seed=9, dynamics=lv.MinibatchSGD(STEP, batches=BATCHES), start=(Y, C))
    assert np.array_equal(other.c[0, 0], run.c[0, 2])  # no seed matters


def test_weights_of_nodes_do_not_matter():
    for weights in (np.full(6, 1.0 / 6), np.arange(1.0, 7.0)):
        problem = lv.Problem(lv.Euclidean(2), lv.Ridge("tanh"), lv.Quadrature(X, weights), F, PROBLEM.initial)
        run = simulate(problem, 15, [2.0], dynamics=lv.MinibatchSGD(STEP, batches=BATCHES), start=(Y, C))
        assert np.abs(run.c[0, 0] - descended(Y, C, BATCHES)[1]).max() <= 1e-13


def test_stretches_of_a_quench_begin_with_their_first_batches():
    second = BATCHES[::-1][:10]
    given, later = lv.MinibatchSGD(STEP, batches=BATCHES), lv.MinibatchSGD(STEP / 2, batches=second)
    dynamics = lv.Quench(lv.Quench(given, 0.5, lv.GradientDescent(STEP)), 1.0, later)
    run = simulate(PROBLEM, 15, [0.3, 0.7, 1.2, 1.5], dynamics=dynamics, start=(Y, C))
    y, c = descended(*descended(Y, C, BATCHES[:5]), [np.arange(6)] * 5)
    y, c = descended(y, c, second, STEP / 2)
    assert np.abs(run.y[0, 0] - y).max() <= 1e-13
    twice = simulate(PROBLEM, 15, [1.0], dynamics=lv.Quench(given, 0.5, given), start=(Y, C))
    y, c = descended(*descended(Y, C, BATCHES[:5]), BATCHES[:5])
    assert np.abs(twice.y[0, 0] - y).max() <= 1e-13


def test_the_continuum_sees_the_batches():
    dynamics, times = lv.MinibatchSGD(STEP, batches=BATCHES), [0.0, 0.5, 2.0]
    network = lv.Problem(lv.Euclidean(2), lv.Ridge("tanh"), lv.TrainingSet(X), F, lv.Initial.empirical(Y, C))
    run = simulate(network, 15, times, dynamics=dynamics, start=(Y, C))
    assert np.abs(lv.solve(network, times, dynamics=dynamics).coefficients - run.coefficients[0]).max() <= 1e-13
    exact = lv.solve(LINE, times, method=lv.Characteristics(nodes=(96, 96)), dynamics=dynamics)
    assert np.abs(lv.solve(LINE, times, lv.SemiLagrangian(), dynamics).coefficients - exact.coefficients).max() <= 1e-5
    volumes = lv.solve(LINE, times, lv.FiniteVolume((96, 96)), dynamics)
    assert np.abs(volumes.coefficients - exact.coefficients).max() <= 5e-3
    end, _ = exact.flow(exact.nodes[1], 0.5, 2.0)
    assert np.abs(end - exact.nodes[2]).max() <= 1e-12


def test_files_hold_the_batches(tmp_path):
    long = lv.MinibatchSGD(1e-3, batches=RNG.integers(0, 6, (3000, 40)))  # more than an attribute can hold
    for dynamics in (
        lv.MinibatchSGD(STEP, batches=BATCHES),
        lv.Quench(long, 0.1, lv.MinibatchSGD(STEP, batches=BATCHES)),
    ):
        lv.solve(LINE, [0.0, 0.3], method=lv.Characteristics(nodes=(16, 16)), dynamics=dynamics).save(tmp_path / "s.nc")
        simulate(LINE, 5, [0.0, 0.3], dynamics=dynamics).save(tmp_path / "e.nc")
        for record in (lv.Solution.load(tmp_path / "s.nc", LINE), Ensemble.load(tmp_path / "e.nc", LINE)):
            assert record.dynamics == dynamics
            for (_, kept), (_, given) in zip(record.dynamics.phases, dynamics.phases, strict=True):
                assert np.array_equal(kept.batches.indices, given.batches.indices)


def test_descriptions_are_short_and_complete():
    one, same, other = (lv.MinibatchSGD(STEP, batches=b) for b in (BATCHES, BATCHES.tolist(), BATCHES[:, ::-1]))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != lv.MinibatchSGD(STEP, 4)
    assert one.batch_size == 4
    assert len(repr(one)) < 150
    assert repr(lv.MinibatchSGD(STEP, 4)) == "MinibatchSGD(step=0.1, batch_size=4)"
    assert lv.MinibatchSGD(STEP, 4, BATCHES) == one


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([0, 1, 2], r"shape \(steps, batch_size\)"),
        ([[0, 1], [2]], r"rows of one length"),
        ([], r"shape \(steps, batch_size\)"),
        (np.empty((0, 3), int), r"shape \(steps, batch_size\)"),
        ([[0.0, 1.0]], "batches must be integers"),
        ([[True, False]], "batches must be integers"),
        ([["a"]], "batches must be integers"),
        ([[0, -1]], "got -1"),
        (5, r"shape \(steps, batch_size\)"),
    ],
)
def test_bad_batches(batches, message):
    with pytest.raises(ValueError, match=message):
        lv.MinibatchSGD(STEP, batches=batches)


def test_what_does_not_fit_is_refused():
    given = lv.MinibatchSGD(STEP, batches=BATCHES)
    with pytest.raises(ValueError, match="batch_size must be that of batches, 4"):
        lv.MinibatchSGD(STEP, 5, BATCHES)
    with pytest.raises(ValueError, match="batch_size must be an integer"):
        lv.MinibatchSGD(STEP)
    for run in (lambda t: simulate(PROBLEM, 3, t, dynamics=given), lambda t: lv.solve(PROBLEM, t, dynamics=given)):
        with pytest.raises(ValueError, match=r"within the 20 steps that batches are given for, up to 2, got 2\.1"):
            run([0.0, 2.1])
    with pytest.raises(ValueError, match="within the 20 steps"):
        simulate(PROBLEM, 3, [0.0, 4.0], dynamics=lv.Quench(given, 3.0, lv.GradientDescent(STEP)))
    with pytest.raises(ValueError, match="places of the 6 nodes of data, from 0 on, got 6"):
        simulate(PROBLEM, 3, [0.1], dynamics=lv.MinibatchSGD(STEP, batches=BATCHES + 1))
    with pytest.raises(ValueError, match="independent_batches must be False"):
        simulate(PROBLEM, 3, [0.1], replicates=2, dynamics=given, independent_batches=True)
    with pytest.raises(ValueError, match="batches can be given for Quadrature or TrainingSet data"):
        simulate(circle(), 3, [0.1], dynamics=given)
    sphere = lv.Problem(
        lv.Euclidean(3),
        lv.Ridge("tanh", bias=False),
        lv.UniformSphere(3, 20),
        lambda x: x[:, 0],
        lv.Initial(y=lv.Normal(), c=lv.Normal()),
    )
    with pytest.raises(ValueError, match="batches can be given for Quadrature or TrainingSet data"):
        simulate(sphere, 3, [0.1], dynamics=given)
    with pytest.raises(ValueError, match="must draw its batches"):
        given.weaker(2)
