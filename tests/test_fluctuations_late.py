"""The predicted fluctuations at late times, where the steps of the characteristics outgrow the adjoint's stability."""

import numpy as np
import pytest

from liouville import fluctuations
from validation.cases import find_case


def test_late_variance_is_finite_and_does_not_depend_on_what_came_before():
    """Steps of the forward run reach 1 by t = 32; the mobility's greatest rate times that is beyond RK4's stability."""
    problem = find_case("circle").problem
    late = fluctuations(problem, [8.0, 32.0], nodes=(36, 36))
    assert late.variance[0] == pytest.approx(3.38e-3, rel=0.03)
    assert late.variance[1] == pytest.approx(5.8e-4, rel=0.05)
    assert (np.linalg.eigvalsh(late.feature_covariance) > -1e-12).all()
