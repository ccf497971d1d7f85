"""Small problems and what is computed of them, for `all_numbers.py`: through the public interface alone."""

import math

import numpy as np

import liouville as lv
import particles
import validation

TIMES = [0.0, 0.2, 0.6]
STEPPED = [0.0, 0.3, 0.6]  # multiples of every step below
POINTS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


# --- problems -------------------------------------------------------------------------------------------------------


def von_mises(z):
    return 2.0 * np.exp(2.0 * (np.cos(z) - 1.0))


def three_modes(x):
    return 0.85 * np.cos(x) + 0.42 * np.sin(2.0 * x) - 0.28 * np.cos(3.0 * x)


def bell(x, y):
    return math.exp(-0.7 * (x - y) ** 2)


def bell_gradient(x, y):
    return 1.4 * (x - y) * math.exp(-0.7 * (x - y) ** 2)


def neuron(x, y):
    return math.tanh(y[0] * x + y[1])


def problems():
    """Problems by name."""
    normal, interval = lv.Normal(0.0, 1.0), lv.Uniform(-2.0, 2.0)
    one, two, three = lv.Euclidean(1), lv.Euclidean(2), lv.Euclidean(3)
    five, values = lv.TrainingSet(POINTS), np.array([0.3, -0.2, -0.4, 0.2, 0.1])
    plane = lv.TrainingSet(np.array([[0.5, -1.0], [1.0, 0.3], [-0.7, 0.2], [0.1, 1.1]]))
    circle = lv.Torus(1), lv.UniformTorus(1), three_modes
    gaussian, around = lv.Convolution(lv.Gaussian(0.5)), lv.Initial(lv.Uniform(), normal)
    uneven = lv.Convolution(lambda z: np.exp(0.5 * np.sin(z) + 0.3 * np.cos(2.0 * z)))
    kinked = lv.Convolution(lambda z: 2.0 * np.maximum(0.0, np.cos(z)))
    density = lv.Initial(lv.Density(lambda y: np.exp(2.0 * np.cos(y - 1.0))), lv.Normal(0.3, 0.8))
    spread, atoms = lv.Initial(interval, normal), lv.Initial(interval, lv.Discrete((-1.0, 1.0)))
    normals = lv.Initial(normal, normal)
    line = lv.Quadrature(np.linspace(-5.0, 5.0, 21), np.full(21, 0.5))
    spin = lv.SphericalSpin(4, seed=1)

    def make(domain, unit, data, target, initial):
        return lv.Problem(domain=domain, unit=unit, data=data, target=target, initial=initial)

    def on_circle(unit, initial):
        return make(circle[0], unit, circle[1], circle[2], initial)

    return {
        "circle": on_circle(lv.Convolution(von_mises), around),
        "uneven circle": on_circle(uneven, density),
        "kinked circle": on_circle(kinked, around),
        "circle, points": make(circle[0], lv.Convolution(von_mises), lv.TrainingSet(POINTS + 3.0), values, around),
        "line": make(one, gaussian, line, lambda x: np.exp(-(x**2)) - 0.3 * np.cos(x), spread),
        "box": make(lv.Box(-2.0, 2.0), gaussian, five, values, lv.Initial(lv.Uniform(), normal)),
        "five points": make(one, gaussian, five, values, spread),
        "atoms": make(one, gaussian, five, values, atoms),
        "tanh": make(one, lv.Ridge("tanh", bias=False), five, values, normals),
        "relu": make(one, lv.Ridge("relu", bias=False), five, values, normals),
        "sigmoid, biased": make(two, lv.Ridge("sigmoid", scale=1.5), five, values, normals),
        "relu, biased": make(two, lv.Ridge("relu"), five, values, normals),
        "erf, plane": make(two, lv.Ridge("erf", bias=False), plane, np.array([0.2, -0.1, 0.4, 0.3]), normals),
        "softplus, 3": make(three, lv.Ridge("softplus"), plane, np.array([0.2, -0.1, 0.4, 0.3]), normals),
        "own unit": make(one, lv.Unit(bell, bell_gradient), five, values, spread),
        "own neuron": make(two, lv.Unit(neuron), five, values, normals),
        "sphere": make(lv.Euclidean(4), lv.Ridge("tanh", bias=False), lv.UniformSphere(4, 200), spin, normals),
        "fresh box": make(two, lv.Ridge("relu"), lv.UniformBox(-1.0, 1.0, 200), np.cos, normals),
    }


def random_dynamics():
    """Discrete dynamics by name."""
    sgd = lv.MinibatchSGD(0.1, 2)
    return {
        "descent": lv.GradientDescent(0.1),
        "minibatch": sgd,
        "diffusion": lv.DiffusionSGD(0.05, 0.02),
        "quench": lv.Quench(sgd, 0.3, lv.MinibatchSGD(0.05, 8)),
        "two quenches": lv.Quench(lv.Quench(sgd, 0.2, lv.GradientDescent(0.1)), 0.3, lv.DiffusionSGD(0.1, 0.01)),
    }


# --- what is computed: every function gives (name, what computes it) ------------------------------------------------


def methods():
    """Methods by name; all take a one-dimensional y."""
    volumes = {
        f"volumes, {name}": lv.FiniteVolume((32, 24), reconstruction=reconstruction)
        for name, reconstruction in (
            ("upwind", lv.Upwind()),
            ("minmod", lv.Minmod()),
            ("van leer", lv.VanLeer()),
            ("mp5", lv.MP5()),
        )
    }
    return volumes | {
        "volumes, ssprk2": lv.FiniteVolume((32, 24), stepper=lv.SSPRK2()),
        "volumes, euler": lv.FiniteVolume((32, 24), lv.MP5(), lv.ForwardEuler(), cfl=0.2, stability=1.5),
        "volumes, graded": lv.FiniteVolume((24, 32), c_spacing=lv.Graded(5.0)),
        "sweeps, 2": lv.SemiLagrangian((32, 24), order=2),
        "sweeps, 4": lv.SemiLagrangian((48, 32)),
        "sweeps, short": lv.SemiLagrangian((32, 24), tolerance=1e-3, max_step=0.05),
        "nodes": lv.Characteristics(nodes=(24, 20)),
        "refined nodes": lv.Characteristics(tolerance=1e-4, max_nodes=20_000),
    }


def solutions(all_problems):
    """Gradient flow by every method on every domain."""
    everything = methods()
    chosen = {"circle": everything, "line": everything}
    some = ("volumes, van leer", "volumes, mp5", "sweeps, 4", "nodes")
    for name in ("uneven circle", "kinked circle", "circle, points", "five points", "tanh", "relu", "own unit"):
        chosen[name] = {one: everything[one] for one in some}
    walled = [one for one in everything if not one.startswith("sweeps")]
    chosen["box"] = {one: everything[one] for one in walled}
    chosen["atoms"] = {"nodes": everything["nodes"]}
    several = lv.Characteristics(nodes=(10, 10, 8)), lv.Characteristics(nodes=(6, 6, 6, 6))
    for name in ("sigmoid, biased", "relu, biased", "erf, plane", "own neuron"):
        chosen[name] = {"nodes": several[0]}
    chosen["softplus, 3"] = {"nodes": several[1]}
    for name, those in chosen.items():
        for one, method in those.items():
            yield f"solve/{name}/{one}", lambda p=all_problems[name], m=method: lv.solve(p, TIMES, m)
    by_default = {"circle": {}, "circle alone": {"estimate": False}, "box": {"tolerance": 1e-3}}
    by_default |= {"circle, met": {"tolerance": 1e-3}, "five points, met": {"tolerance": 1e-2}}
    for name, options in by_default.items():
        problem = all_problems[name.removesuffix(" alone").removesuffix(", met")]
        yield f"solve/default/{name}", lambda p=problem, o=options: lv.solve(p, TIMES[:2], **o)
    fipy = lv.FiPyFiniteVolume((12, 12)), lv.FiPyFiniteVolume((12, 12), reconstruction=lv.Upwind())
    for kind, method in zip(("van leer", "upwind"), fipy, strict=True):
        for name in ("circle", "box"):
            yield f"solve/{name}/fipy, {kind}", lambda p=all_problems[name], m=method: lv.solve(p, [0.0, 0.1], m)


def stepped_solutions(all_problems):
    """The continuum under discrete dynamics."""
    everything = methods()
    some = ("volumes, van leer", "volumes, mp5", "sweeps, 4", "nodes")
    chosen = {"circle": some, "five points": some, "box": (some[0], some[3]), "own unit": some[2:], "relu": some[3:]}
    for name, those in chosen.items():
        for kind, dynamics in random_dynamics().items():
            for one in those:

                def compute(p=all_problems[name], m=everything[one], d=dynamics):
                    return lv.solve(p, STEPPED, m, dynamics=d, seed=5)

                yield f"stepped/{name}/{kind}/{one}", compute


def simulations(all_problems):
    """Particles under every dynamics."""
    flows = {"adaptive": lv.Adaptive(1e-6), "rk4": lv.RK4(0.07)}
    falling = {"falling": lv.DecreasingTheta(0.1, 0.5, 0.5)}
    for name, problem in all_problems.items():
        if name in ("sphere", "fresh box"):
            continue
        for kind, integrator in flows.items():
            for n, replicates in ((7, 5), (400, 2)):

                def compute(p=problem, n=n, R=replicates, i=integrator):
                    return particles.simulate(p, n, TIMES, R, seed=3, integrator=i, keep="all")

                yield f"simulate/{name}/{kind}/{n}", compute
        noisy = random_dynamics() | falling if name != "line" else {}  # weights that sum to more than 1
        for kind, dynamics in noisy.items():
            for own in (False, True):

                def compute(p=problem, d=dynamics, own=own):
                    return particles.simulate(p, 30, STEPPED, 3, 4, d, independent_batches=own)

                yield f"simulate/{name}/{kind}/{'own' if own else 'shared'} batches", compute


def online_simulations(all_problems):
    """Batches drawn afresh at every step, in both precisions."""
    for name in ("sphere", "fresh box"):
        for dtype in (np.float64, np.float32):
            for n, batch in ((9, 3), (700, 50)):
                for own in (False, True):

                    def compute(p=all_problems[name], n=n, b=batch, dtype=dtype, own=own):
                        sgd = lv.MinibatchSGD(0.1, b)
                        options = {"dtype": dtype, "independent_batches": own}
                        return particles.simulate(p, n, STEPPED, 3, 2, sgd, keep="all", **options)

                    kind = f"{np.dtype(dtype)}/{'own' if own else 'shared'} batches"
                    yield f"simulate/{name}/online/{n}/{kind}", compute
        whole = {"descent": lv.GradientDescent(0.1), "quench": random_dynamics()["quench"]}
        for kind, dynamics in whole.items():
            yield (
                f"simulate/{name}/{kind}",
                lambda p=all_problems[name], d=dynamics: particles.simulate(p, 30, STEPPED, 2, 2, d),
            )


def large_runs(all_problems):
    """Enough work that kernels use all threads."""
    large = {
        "volumes": lv.FiniteVolume((192, 160)),
        "volumes, mp5": lv.FiniteVolume((192, 160), lv.MP5(), lv.SSPRK2()),
        "sweeps": lv.SemiLagrangian((256, 160)),
        "nodes": lv.Characteristics(nodes=(160, 128)),
    }
    for name, method in large.items():
        for kind, dynamics in {"flow": lv.GradientFlow(), "minibatch": lv.MinibatchSGD(0.1, 2)}.items():
            for one in ("circle", "five points"):

                def compute(p=all_problems[one], m=method, d=dynamics):
                    return lv.solve(p, [0.1], m, dynamics=d)

                yield f"large/{one}/{kind}/{name}", compute
    runs = {"many units": (30_000, 1), "many replicates": (10, 2000)}
    for one in ("circle", "five points", "relu, biased", "own neuron", "sphere"):
        for name, (n, replicates) in runs.items():
            for dynamics in (lv.GradientFlow(), lv.MinibatchSGD(0.1, 20)):

                def compute(p=all_problems[one], n=n, R=replicates, d=dynamics):
                    return particles.simulate(p, n, [0.2], R, dynamics=d, integrator=lv.RK4(0.1), keep=None)

                yield f"large/{one}/{name}/{type(dynamics).__name__}", compute


def solution_tools(all_problems):
    """What a finished Solution and Ensemble are asked."""
    for name, one in (("circle", "nodes"), ("circle", "volumes, mp5"), ("line", "nodes"), ("tanh", "sweeps, 4")):
        method = methods()[one]
        yield f"tools/{name}/{one}", lambda p=all_problems[name], m=method: asked(lv.solve(p, TIMES, m))
    box = lambda: forward(lv.solve(all_problems["box"], TIMES, methods()["nodes"]))  # noqa: E731
    yield "tools/box", box
    steps = lambda: forward(  # noqa: E731
        lv.solve(all_problems["circle"], STEPPED, methods()["nodes"], lv.MinibatchSGD(0.1, 2))
    )
    yield "tools/minibatch", steps
    for name in ("circle", "tanh", "own neuron"):

        def particle_function(p=all_problems[name]):
            ensemble = particles.simulate(p, 20, TIMES, 2, keep="all")
            return {"function": ensemble.function(np.linspace(0.1, 1.7, 5))}

        yield f"tools/{name}/particles", particle_function

    def distance(p=all_problems["circle"]):
        run = particles.simulate(p, 20, TIMES, 4)
        return validation.l2_discrepancy(run, lv.solve(p, TIMES, methods()["nodes"]))

    yield "tools/l2 discrepancy", distance
    yield "tools/laws", laws


def points():
    """Places (y, c)."""
    return np.stack([np.linspace(0.1, 1.9, 6), np.linspace(-1.0, 1.2, 6)])


def forward(solution):
    """Points carried along a solution, and draws."""
    flown, growth = solution.flow(points(), 0.0, solution.times[-1])
    return {"flow": flown, "growth": growth, "sample": solution.sample(0.3, 7, np.random.default_rng(1))}


def asked(solution):
    """The same with flow back, the density and the function."""
    flown, growth = solution.flow(points(), 0.6, 0.2)
    found = forward(solution) | {"back": flown, "growth back": growth}
    found["density"] = solution.density_at(0.2, *points())
    return found | {"function": solution.function(np.array([-2.0, -1.0, 0.0, 1.0]))}


def laws():
    """Distances of samples, and rates."""
    rng = np.random.default_rng(2)
    u, v = rng.normal(size=(2, 2, 40))
    found = {"w1": validation.w1(u[0], v[0]), "w1 circle": validation.w1_circle(u[0], v[0])}
    for kind, periodic in (("line", False), ("circle", True)):
        found[f"sliced {kind}"] = validation.sliced_w1(u, v, periodic)
        found[f"energy {kind}"] = validation.energy_distance(u, v, periodic)
    sizes = np.array([10, 30, 100, 300])
    sample = np.abs(rng.normal(size=(4, 25, 3))) / np.sqrt(sizes)[:, None, None]
    fitted = validation.rates(sizes, sample, np.ones((4, 3), bool))
    return found | {"rates": fitted, "medians": validation.rates(sizes, sample, np.ones((4, 3), bool), np.median)}


def predictions(all_problems):
    """The limiting fluctuations, smooth and kinked."""
    options = {
        "circle": {"nodes": (24, 20)},
        "uneven circle": {"tolerance": 5e-2, "max_nodes": 20_000},
        "kinked circle": {"nodes": (16, 12)},
        "line": {"nodes": (24, 20)},
        "five points": {"tolerance": 5e-2, "max_nodes": 10_000},
        "own unit": {"nodes": (16, 12)},
        "atoms": {"nodes": (24, 2)},
        "sigmoid, biased": {"nodes": (8, 8, 8)},
        "relu": {"nodes": (32, 32)},
        "relu, biased": {"tolerance": 0.2, "max_nodes": 6_000},
    }
    for name, chosen in options.items():
        yield f"fluctuations/{name}", lambda p=all_problems[name], o=chosen: lv.fluctuations(p, TIMES, **o)
    x = np.array([0.3, 1.1, 2.0])
    of_x = lambda: lv.fluctuations(all_problems["circle"], TIMES, nodes=(24, 20))  # noqa: E731
    yield "fluctuations/covariance", lambda: {"covariance": of_x().covariance(x), "modes": of_x().modes(2)[0]}


def all_features(all_problems):
    """Features and what they make of places y."""
    for name, problem in all_problems.items():

        def made(p=problem):
            features = lv.make_features(p)
            names = ["target", "n_features", "unreachable", "truncation", "size"]
            return {one: getattr(features, one) for one in names} | {"loss": features.loss(0.3 * features.target)}

        def at_places(p=problem):
            y = np.random.default_rng(3).uniform(-1.5, 1.5, (5, p.domain.dim))
            features = lv.make_features(p)
            return {"matrix": features.matrix(y), "gradient": features.gradient(y)}

        yield f"features/{name}", made
        yield f"features/{name}/places", at_places
    few = lambda: {"target": lv.make_features(all_problems["circle"], max_modes=4).target}  # noqa: E731
    yield "features/four modes", few
    sphere = all_problems["sphere"]
    yield "features/data of sphere", lambda: {"points": sphere.data.points, "target": sphere.target_values()}


def studies(all_problems):
    """Whole studies: numbers and verdicts."""
    sgd, descent = lv.MinibatchSGD(0.1, 2), lv.Quench(lv.MinibatchSGD(0.1, 2), 0.3, lv.GradientDescent(0.1))
    options = {
        "circle": {},
        "five points": {"method": lv.FiniteVolume((48, 32)), "integrator": lv.RK4(0.1)},
        "relu, biased": {
            "method": lv.Characteristics(nodes=(12, 12, 10)),
            "predict": False,
            "integrator": lv.Adaptive(1e-5),
        },
        "five points, minibatch": {"dynamics": sgd},
        "five points, quench": {"dynamics": descent, "method": lv.Characteristics(nodes=(24, 20))},
        "five points, falling": {"dynamics": lv.DecreasingTheta(0.1, 0.5, 0.5)},
    }
    for name, chosen in options.items():
        problem = all_problems[name if name in all_problems else name.split(",")[0]]

        def compute(p=problem, o=chosen):
            return validation.run_study(p, STEPPED, sizes=[8, 16, 40], replicates=20, seed=1, **o)

        yield f"study/{name}", compute
    for name, dynamics in (("minibatch", sgd), ("diffusion", lv.DiffusionSGD(0.1, 0.05))):

        def compute(d=dynamics):
            sizes = {"n": 20, "sizes": [10, 20, 40], "replicates": 20}
            return validation.run_noise_study(all_problems["five points"], [0.5, 1.0, 2.0], d, seed=2, **sizes)

        yield f"noise study/{name}", compute


THEMES = (
    all_features,
    solutions,
    stepped_solutions,
    simulations,
    online_simulations,
    large_runs,
    solution_tools,
    predictions,
    studies,
)
