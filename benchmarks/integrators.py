"""Work of adaptive integrators for the particles: evaluations of the velocity against the error of a(t).

    python benchmarks/integrators.py [--n 300]

This project's Adaptive and RK4 beside SciPy's fifth- and eighth-order pairs on the same initial particles; the
reference is the eighth-order pair at its tightest. An evaluation costs the same in all of them.
"""

import argparse

import numpy as np
from scipy.integrate import solve_ivp

from liouville import RK4, Adaptive, make_features
from particles import simulate
from particles.sampling import draw
from validation.cases import find_case

CASES_SHOWN = (("circle", 8.0), ("line", 10.0), ("five_points", 10.0))
TOLERANCES = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
STEPS = (0.1, 0.05, 0.02, 0.01)


def scipy_run(features, z, t_end, method, tolerance):
    """Coefficients at t_end and the evaluations they took."""
    weights, active = np.array([1.0 / z.shape[2]]), np.arange(1)

    def velocity(t, state):
        here, out = state.reshape(z.shape).copy(), np.empty_like(z)
        a = features.deposit(here, weights, active)
        features.velocity(here, weights, active, a - features.target, out)
        return out.ravel()

    run = solve_ivp(velocity, (0.0, t_end), z.ravel(), method=method, rtol=1e-13, atol=tolerance)
    return features.deposit(run.y[:, -1].reshape(z.shape).copy(), weights, active)[0], run.nfev


def our_run(problem, features, n, t_end, integrator):
    run = simulate(problem, n, [t_end], integrator=integrator, features=features, keep=None)
    steps, rejected = int(run.steps[0]), int(run.rejected_steps[0])
    stages = 4 if isinstance(integrator, RK4) else 6  # the last stage of Adaptive is the first of the next step
    return run.coefficients[0, 0], stages * (steps + rejected) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300, help="particles")
    n = parser.parse_args().n
    for name, t_end in CASES_SHOWN:
        problem = find_case(name).problem
        features = make_features(problem)
        z = draw(problem, n, range(1), 0)
        reference, _ = scipy_run(features, z, t_end, "DOP853", 1e-13)
        print(f"\n{name}, n = {n}, t = {t_end:g}: error of a(t) and evaluations\n{'tolerance':>10}", end="")
        print("".join(f"{label:>22}" for label in ("Adaptive", "SciPy RK45", "SciPy DOP853")))
        for tolerance in TOLERANCES:
            runs = (
                our_run(problem, features, n, t_end, Adaptive(tolerance)),
                scipy_run(features, z, t_end, "RK45", tolerance),
                scipy_run(features, z, t_end, "DOP853", tolerance),
            )
            cells = (f"{np.linalg.norm(a - reference):12.1e}{work:10d}" for a, work in runs)
            print(f"{tolerance:10.0e}" + "".join(cells))
        for step in STEPS:
            a, work = our_run(problem, features, n, t_end, RK4(step))
            print(f"  RK4({step}){np.linalg.norm(a - reference):24.1e}{work:10d}")


if __name__ == "__main__":
    main()
