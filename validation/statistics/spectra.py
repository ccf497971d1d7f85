"""Eigenvalues and leading directions of sample covariances, and their law for as many normal vectors."""

from functools import lru_cache

import numpy as np

N_NULL = 999


@lru_cache(maxsize=16)
def null_spectra(relative, R, d, seed):
    """`spectra` of sample covariances of R normal vectors with these variances; kept, for times often share them."""
    return spectra(_null_covariances(np.array(relative), R, np.random.default_rng([seed, 2])), d)


def _null_covariances(values, R, rng):
    """Sample covariances of R normal vectors with these independent variances, shape (N_NULL, P, P).

    By the factor of M. S. Bartlett (1933): a Wishart matrix is A A^T with A lower triangular, normal below the diagonal
    and the root of a chi-square on it.
    """
    P = values.size
    A = np.tril(rng.standard_normal((N_NULL, P, P)), -1)
    places = np.arange(P)
    A[:, places, places] = np.sqrt(rng.chisquare(R - 1.0 - places, size=(N_NULL, P)))
    A *= np.sqrt(values / (R - 1.0))[:, None]
    return A @ A.transpose(0, 2, 1)


def spectra(covariances, d):
    """Eigenvalues, descending, and the greatest angle of the first d modes to the first d axes, of each covariance."""
    values, vectors = np.linalg.eigh(covariances)
    values, vectors = values[:, ::-1], vectors[:, :, ::-1]
    if d >= values.shape[1]:
        return values, np.zeros(values.shape[0])
    cosines = np.linalg.svd(vectors[:, :d, :d], compute_uv=False)[:, -1]
    return values, np.degrees(np.arccos(np.minimum(1.0, cosines)))
