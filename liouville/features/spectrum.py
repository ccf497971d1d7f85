"""Fourier coefficients of functions on the circle, and what is beyond a mode."""

from dataclasses import replace

import numpy as np

from ..checks import warn_user
from ..circle import MODES, CircleFunction

MATTERS = 1e-6  # relative errors of the loss, or of profile and target in L2, that are worth a word


def spectrum(function: CircleFunction):
    """Fourier coefficients of a function on the circle and what is beyond each of them.

    Returns
    -------
    A, B : arrays, shape (MODES + 1,)
        Means of h cos kz and of h sin kz.
    energy : array, shape (MODES + 2,)
        Parts of ||h||^2 = A_0^2 + 2 sum (A_k^2 + B_k^2) mode by mode; the last is that of all modes beyond.
    tail : array, shape (MODES + 1,)
        L2 norm of what is beyond mode k, relative to ||h||.
    """
    A, B = function.fourier()
    energy = np.where(np.arange(MODES + 1) == 0, 1.0, 2.0) * (A**2 + B**2)
    octaves = energy[MODES // 4 + 1 : MODES // 2 + 1].sum(), energy[MODES // 2 + 1 :].sum()
    ratio = min(0.5, octaves[1] / max(octaves[0], 1e-300))
    # Parseval's difference, unless it is round-off: then by the decay over the last two octaves.
    round_off = 1e-13 * function.norm2
    rest = function.norm2 - energy.sum()
    rest = rest if rest > round_off else min(round_off, octaves[1] * ratio / (1.0 - ratio))
    energy = np.append(energy, rest)
    tail = np.sqrt(np.cumsum(energy[::-1])[::-1][1:] / max(function.norm2, 1e-300))
    return A, B, energy, tail


def modes_for(tail, tolerance) -> int:
    """The first mode beyond which at most `tolerance` is left, MODES if there is none."""
    resolved = tail <= max(tolerance, 1e-14)
    return int(np.argmax(resolved)) if resolved.any() else MODES


def without(features, unresolved, f, what):
    """Fourier features with the coefficients A and B of unresolved modes put to zero; f are the target's sizes there.

    Warns
    -----
    UserWarning
        If units could learn a part of the target that matters with those modes.
    """
    size = np.hypot(features.A, features.B)
    if np.linalg.norm((f * (size / size.max()) ** 2)[unresolved]) > MATTERS * features.size:
        warn_user(
            f"{what} Fourier modes of the profile, and units can learn parts of the target with the others: take more "
            "cells"
        )
    return replace(features, A=np.where(unresolved, 0.0, features.A), B=np.where(unresolved, 0.0, features.B))
