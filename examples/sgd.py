"""Stochastic gradient descent: particles and continuum under the same batches, and what the noise does.

python examples/sgd.py               both studies below, into results/sgd
liouville noise examples/sgd.py --step 0.1 --theta 0.05 --quench 25      the second from the command line
"""

import numpy as np

from liouville import Convolution, Euclidean, Gaussian, Initial, MinibatchSGD, Normal, Problem, TrainingSet, Uniform

problem = Problem(
    domain=Euclidean(1),
    unit=Convolution(Gaussian(variance=0.5)),  # phi(x, y) = h(x - y)
    data=TrainingSet(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])),
    target=np.array([0.3, -0.2, -0.4, 0.2, 0.1]),
    initial=Initial(y=Uniform(-2.0, 2.0), c=Normal(0.0, 1.0)),
)
times = [1.0, 5.0, 25.0, 50.0]
sgd = MinibatchSGD(step=0.1, batch_size=2)  # theta = step / batch_size

if __name__ == "__main__":
    from validation import run_noise_study, run_study

    # Path by path: f_n - f_0 ~ n^(-1/2), f_0 driven by the batches of the particles.
    study = run_study(problem, times, sizes=[30, 100, 300], replicates=100, seed=0, dynamics=sgd)
    print(study.summary())
    for path in study.figures("results/sgd"):
        print(path)

    # Against gradient descent from the same particles: powers of theta and n, and whether a quench matters.
    noise = run_noise_study(problem, times, sgd, n=100, sizes=[30, 100, 300], quench=25.0, replicates=100, seed=0)
    print(noise.summary())
    print(noise.figure("results/sgd/noise.png"))
