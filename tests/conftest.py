"""Two processes share the tests, so each keeps to one thread; tests of thread counts set their own."""

import os

import numba
import pytest
from threadpoolctl import threadpool_limits


def pytest_configure(config):
    if "PYTEST_XDIST_WORKER" in os.environ:
        numba.set_num_threads(1)
        threadpool_limits(limits=1, user_api="blas")


@pytest.fixture(scope="module")
def small_laws():
    """Fewer particles in the density maps of studies and fewer draws for distances of laws."""
    from validation.study import maps, variables

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps.make_maps, "__defaults__", (2000, None))
        patch.setattr(variables, "LAW_DRAWS", 256)
        yield
