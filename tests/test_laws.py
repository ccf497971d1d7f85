"""Laws of the initial particles: density, distribution, quantiles, draws and quadrature agree with each other."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from liouville import Density, Discrete, Initial, Normal, Torus, Uniform
from liouville.flow.quadrature import tensor_nodes
from liouville.streams import of_particles

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
    draws = law.sample(of_particles(1, 0, 0), 20_000)
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


def box(lower, upper):
    return lambda v: np.where((v >= lower) & (v < upper), 1.0, 0.0), lambda v: np.clip(
        (v - lower) / (upper - lower), 0.0, 1.0
    )


def bump(width):
    return lambda v: np.exp(-0.5 * ((v - 2.0) / width) ** 2), lambda v: special.ndtr((v - 2.0) / width)


def steps_cdf(v):
    edges = np.array([0.0, 2.0, 3.0, 4.0, 5.0, 2 * np.pi])
    masses = (1.0 + np.arange(5) % 3) * np.diff(edges)
    return np.interp(v, edges, np.append(0.0, np.cumsum(masses)) / masses.sum())


ROUGH = {
    "half": box(0.0, np.pi),
    "part": box(1.3, 1.7),
    "sliver": box(1.0, 1.0002),
    "to the end": box(6.0, 2 * np.pi),
    "clipped cosine": (
        lambda v: np.maximum(0.0, np.cos(v)),
        lambda v: 0.5 * np.where(v < np.pi / 2, np.sin(v), np.where(v < 3 * np.pi / 2, 1.0, 2.0 + np.sin(v))),
    ),
    "hat": (
        lambda v: np.maximum(0.0, 1.0 - np.abs(v - 3.0) / 0.1),
        lambda v: np.where(
            v < 3.0, 0.5 * np.clip(1 + (v - 3) / 0.1, 0, 1) ** 2, 1 - 0.5 * np.clip(1 - (v - 3) / 0.1, 0, 1) ** 2
        ),
    ),
    "narrow": bump(1e-3),
    "wide": bump(0.2),
    "steps": (lambda v: 1.0 + np.digitize(v, [2.0, 3.0, 4.0, 5.0]) % 3, steps_cdf),
}


@pytest.mark.parametrize("name", ROUGH)
def test_densities_with_zeros_jumps_and_kinks_are_exact(name):
    function, cdf = ROUGH[name]
    law = Density(function)
    v = np.sort(np.concatenate([np.linspace(0.0, 2 * np.pi, 2001), law.quantile(np.linspace(0.0, 1.0, 501))]))
    assert np.abs(law.cdf(v)[:-1] - cdf(v)[:-1]).max() < 1e-10
    assert (np.diff(law.cdf(v)) >= -1e-16).all()
    p = np.random.default_rng(1).random(2000)
    assert np.abs(law.cdf(law.quantile(p)) - p).max() < 1e-10
    draws = law.sample(of_particles(3, 0, 0), 50_000)
    assert (function(draws) > 0).all()
    assert (draws >= 0).all()
    assert (draws < 2 * np.pi).all()
    assert stats.kstest(draws, cdf).pvalue > 1e-6


@pytest.mark.parametrize("name", ROUGH)
def test_quadrature_is_exact_on_the_pieces_of_rough_densities(name):
    function, cdf = ROUGH[name]
    law = Density(function)
    nodes, weights = law.quadrature(64)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert (weights >= 0).all()
    assert (np.diff(nodes) > 0).all()
    edges = np.unique(
        np.concatenate([np.linspace(0.0, 2 * np.pi, 20_001), law.quantile(np.linspace(0.0, 1.0, 20_001))])
    )
    middle = 0.5 * (edges[1:] + edges[:-1])
    for g in (np.cos, lambda v: np.exp(np.sin(v))):  # by the midpoint rule on the exact masses of thousands of parts
        assert weights @ g(nodes) == pytest.approx(np.diff(cdf(edges)) @ g(middle), abs=1e-6)


def test_densities_that_no_samples_resolve_are_refused():
    with pytest.raises(ValueError, match="function must be resolved by"):
        Density(lambda v: 1.0 + np.sin(1e9 * np.sin(v)))
    with pytest.raises(ValueError, match=r"function must map .* np\.where"):
        Density(lambda v: 1.0 if v > 1.0 else 0.0)
    with pytest.raises(ValueError, match=r"positive mass, got minimum 0"):
        Density(np.zeros_like)


def test_atoms_have_the_frequencies_of_their_probabilities():
    law = Discrete((-1.0, 0.5, 2.0), (0.2, 0.5, 0.3))
    draws = law.sample(of_particles(2, 0, 1), 30_000)
    values, counts = np.unique(draws, return_counts=True)
    assert values.tolist() == [-1.0, 0.5, 2.0]
    # Chi-squared; false-alarm rate 1e-6.
    assert stats.chisquare(counts, 30_000 * np.array([0.2, 0.5, 0.3])).pvalue > 1e-6
    nodes, weights = law.quadrature(7)
    assert nodes.tolist() == [-1.0, 0.5, 2.0]
    assert weights.tolist() == [0.2, 0.5, 0.3]


def test_streams_of_coordinates_and_replicates_are_uncorrelated():
    """Correlations of 1e5 pairs have a standard error of 0.0032; six of them: false-alarm rate 2e-9 each."""
    draws = [of_particles(5, r, k).standard_normal(100_000) for r in range(3) for k in range(2)]
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
