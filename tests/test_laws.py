"""Laws of the initial particles: density, distribution, quantiles, draws and quadrature agree with each other."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from liouville import Density, Discrete, Initial, Normal, Torus, Uniform
from liouville.trajectories import tensor_nodes
from particles.sampling import stream

PERIODIC_UNIFORM = Initial(y=Uniform(), c=Normal()).laws(Torus(1))[0]
BUMP = Density(lambda v: 3.0 * np.exp(2.0 * np.cos(v - 1.0) + 0.5 * np.sin(2.0 * v)))
LAWS = {
    "uniform": (Uniform(-2.0, 3.5), (-2.0, 3.5)),
    "circle": (PERIODIC_UNIFORM, (0.0, 2 * np.pi)),
    "normal": (Normal(0.7, 1.9), (0.7 - 16.0, 0.7 + 16.0)),
    "density": (BUMP, (0.0, 2 * np.pi)),
}


@pytest.mark.parametrize("name", LAWS)
def test_cdf_is_the_integral_of_the_density(name):
    law, (lower, upper) = LAWS[name]
    nodes, weights = special.roots_legendre(200)
    for end in np.linspace(lower, upper, 9)[1:]:
        half = 0.5 * (end - lower)
        assert float(law.cdf(end)) == pytest.approx(half * weights @ law.density(lower + half * (nodes + 1)), abs=1e-12)
    assert float(law.cdf(upper)) == pytest.approx(1.0, abs=1e-14)
    assert float(law.cdf(lower)) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("name", LAWS)
def test_quantiles_invert_the_cdf(name):
    law, (lower, upper) = LAWS[name]
    p = np.concatenate([[1e-9, 1e-4], np.linspace(0.01, 0.99, 99), [1.0 - 1e-4]])
    v = law.quantile(p)
    assert (np.diff(v) > 0).all()
    assert v.min() >= lower
    assert v.max() <= upper
    assert np.abs(law.cdf(v) - p).max() < 1e-12


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_the_cdf(name):
    """Kolmogorov's test; with a threshold of 1e-6 on p and a fixed seed it fails by chance once in a million."""
    law, _ = LAWS[name]
    draws = law.sample(stream(1, 0, 0), 20_000)
    assert stats.kstest(draws, law.cdf).pvalue > 1e-6
    # Another law would be caught.
    assert stats.kstest(draws + 0.3, law.cdf).pvalue < 1e-6


@pytest.mark.parametrize("name", LAWS)
def test_quadrature_is_exact_for_smooth_functions(name):
    law, (lower, upper) = LAWS[name]
    nodes, weights = law.quadrature(64)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert (weights >= 0).all()
    for function in (np.cos, lambda v: np.sin(2 * v + 0.3), lambda v: np.exp(np.sin(v))):
        expected = integrate.quad(lambda v, f=function: f(v) * law.density(v), lower, upper, epsabs=1e-13, limit=400)[0]
        assert weights @ function(nodes) == pytest.approx(expected, abs=1e-9)


def test_densities_with_zeros_and_jumps_keep_a_monotone_cdf_near_the_truth():
    half = Density(lambda v: np.where(v < np.pi, 1.0, 0.0))
    v = np.linspace(0.0, 2 * np.pi, 1001)
    assert (np.diff(half.cdf(v)) >= 0).all()
    assert np.abs(half.cdf(v) - np.minimum(v / np.pi, 1.0)).max() < 1e-3
    clipped = Density(lambda v: np.maximum(0.0, np.cos(v)))
    assert (np.diff(clipped.cdf(v)) >= 0).all()
    exact = 0.5 * np.where(v < np.pi / 2, np.sin(v), np.where(v < 3 * np.pi / 2, 1.0, 2.0 + np.sin(v)))
    assert np.abs(clipped.cdf(v) - exact).max() < 1e-6


def test_atoms_have_the_frequencies_of_their_probabilities():
    law = Discrete((-1.0, 0.5, 2.0), (0.2, 0.5, 0.3))
    draws = law.sample(stream(2, 0, 1), 30_000)
    values, counts = np.unique(draws, return_counts=True)
    assert values.tolist() == [-1.0, 0.5, 2.0]
    # Chi-squared; false-alarm rate 1e-6.
    assert stats.chisquare(counts, 30_000 * np.array([0.2, 0.5, 0.3])).pvalue > 1e-6
    nodes, weights = law.quadrature(7)
    assert nodes.tolist() == [-1.0, 0.5, 2.0]
    assert weights.tolist() == [0.2, 0.5, 0.3]


def test_streams_of_coordinates_and_replicates_are_uncorrelated():
    """Correlations of 1e5 pairs have a standard error of 0.0032; six of them: false-alarm rate 2e-9 each."""
    draws = [stream(5, r, k).standard_normal(100_000) for r in range(3) for k in range(2)]
    correlation = np.corrcoef(draws) - np.eye(6)
    assert np.abs(correlation).max() < 6 / np.sqrt(100_000)


def test_tensor_nodes_are_the_product_rule():
    from oracles import line_tanh

    nodes, weights = tensor_nodes(line_tanh(), (30, 32, 34))
    assert nodes.shape == (3, 30 * 32 * 34)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert weights @ (nodes[0] ** 2 * nodes[1] ** 2) == pytest.approx(4.0, rel=1e-9)
    assert weights @ (nodes[1] * nodes[2]) == pytest.approx(0.0, abs=1e-12)
    assert weights @ nodes[2] ** 4 == pytest.approx(3.0, rel=1e-9)
