"""A shallow tanh network on a training set, arrays in, compared with characteristics instead of the default grid.

python examples/training_set.py
"""

import numpy as np

from liouville import Euclidean, Initial, Normal, Problem, Ridge, TrainingSet

rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-2.0, 2.0, 12))
f = np.sin(2.0 * x)  # the training values; any array of shape (12,)

problem = Problem(
    domain=Euclidean(2),
    unit=Ridge("tanh"),  # phi(x, (w, b)) = tanh(w x + b)
    data=TrainingSet(x),
    target=f,
    initial=Initial(y=[Normal(0.0, 2.0), Normal(0.0, 1.0)], c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0]

if __name__ == "__main__":
    from liouville import Characteristics
    from validation import run_study

    study = run_study(
        problem, times, sizes=[30, 100, 300], replicates=100, seed=0, method=Characteristics(tolerance=1e-4)
    )
    print(study.summary())
