"""Two processes share the tests, so each keeps to one thread; tests of thread counts set their own."""

import os

import numba
from threadpoolctl import threadpool_limits


def pytest_configure(config):
    if "PYTEST_XDIST_WORKER" in os.environ:
        numba.set_num_threads(1)
        threadpool_limits(limits=1, user_api="blas")
