"""The convergence table against what is known of the schemes."""

import numpy as np
import pytest
from oracles import circle

from liouville import MP5, Characteristics, FiniteVolume
from validation.convergence import Convergence, convergence


@pytest.mark.parametrize(
    ("method", "order"), [(FiniteVolume((32, 32)), 2.0), (FiniteVolume((32, 32), MP5()), 5.0)], ids=["VanLeer", "MP5"]
)
def test_orders(method, order):
    found = convergence(circle(), [0.0, 0.25], method, refinements=2)
    assert found.times.tolist() == [0.25]
    assert found.cells.tolist() == [[32, 32], [64, 64], [128, 128]]
    assert found.orders[-1, 0] == pytest.approx(order, abs=0.35)
    assert "(" in found.summary()


def test_an_order_is_not_read_off_errors_that_the_reference_cannot_resolve():
    found = Convergence(
        FiniteVolume(),
        cells=np.array([[16, 16], [32, 32], [64, 64]]),
        times=np.array([1.0]),
        errors=np.array([[4e-2], [1e-2], [2e-3]]),
        reference_error=np.array([1e-3]),
        seconds=np.ones(3),
    )
    assert found.orders[0, 0] == pytest.approx(2.0)
    assert np.isnan(found.orders[1, 0])
    assert "?" in found.summary()


def test_bad_input():
    with pytest.raises(ValueError, match="method must be a grid method"):
        convergence(circle(), [1.0], Characteristics())
    with pytest.raises(ValueError, match="times must hold a time after 0"):
        convergence(circle(), [0.0], FiniteVolume())
    for refinements in (0, True, 2.0, "2", 10**400):
        with pytest.raises(ValueError, match="refinements must be an integer of at least 1"):
            convergence(circle(), [1.0], FiniteVolume(), refinements=refinements)
