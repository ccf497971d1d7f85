"""Bad input is one line that names the argument, the rule and the value; nothing is computed first."""

from fractions import Fraction

import numpy as np
import pytest
from oracles import circle, five_points, line_gaussian

from liouville import (
    RK4,
    Adaptive,
    Box,
    Characteristics,
    Convolution,
    DecreasingTheta,
    Density,
    DiffusionSGD,
    Discrete,
    Euclidean,
    FiniteVolume,
    FiPyFiniteVolume,
    Gaussian,
    Graded,
    GradientDescent,
    GradientFlow,
    Initial,
    MinibatchSGD,
    Normal,
    NotAvailable,
    Problem,
    Quadrature,
    Quench,
    Ridge,
    SemiLagrangian,
    Torus,
    TrainingSet,
    Uniform,
    UniformBox,
    UniformTorus,
    Unit,
    fluctuations,
    make_features,
    solve,
)
from particles import simulate

LAW = Initial(y=Uniform(), c=Normal())
LINE = Initial(y=Normal(), c=Normal())
H = Convolution(lambda z: np.exp(np.cos(z)))
RIDGE, SET = Ridge("tanh"), TrainingSet([0.0, 1.0])
FEW = FiniteVolume((16, 16))


def problem(domain=Torus(1), unit=H, data=UniformTorus(1), target=np.cos, initial=LAW):  # noqa: B008
    return Problem(domain, unit, data, target, initial)


CASES = {
    # n, replicates, seed, keep
    "n -3": (lambda: simulate(circle(), -3, [0.0]), r"n must be an integer of at least 1, got -3"),
    "n 0": (lambda: simulate(circle(), 0, [0.0]), r"n must .* got 0"),
    "n bool": (lambda: simulate(circle(), True, [0.0]), r"n must .* got True"),
    "n float": (lambda: simulate(circle(), 10.0, [0.0]), r"n must .* got 10.0"),
    "replicates": (lambda: simulate(circle(), 5, [0.0], replicates=0), r"replicates must .* got 0"),
    "seed": (lambda: simulate(circle(), 5, [0.0], seed=-1), r"seed must .* got -1"),
    "seed bool": (lambda: simulate(circle(), 5, [0.0], seed=True), r"seed must .* got True"),
    "seed float": (lambda: simulate(circle(), 5, [0.0], seed=1.5), r"seed must .* got 1.5"),
    "keep": (lambda: simulate(circle(), 5, [0.0], keep="first"), r"keep must .* got 'first'"),
    "problem": (lambda: simulate("circle", 5, [0.0]), r"problem must be a Problem, got 'circle'"),
    "solve problem": (lambda: solve(3, [0.0]), r"problem must be a Problem, got 3"),
    # times
    "times empty": (lambda: solve(circle(), []), r"times must be a non-empty sequence"),
    "times scalar": (lambda: solve(circle(), 1.0), r"times must be a non-empty sequence"),
    "times negative": (lambda: solve(circle(), [-1.0, 1.0]), r"times must be finite and >= 0, got \[-1.0, 1.0\]"),
    "times nan": (lambda: solve(circle(), [0.0, np.nan]), r"times must be finite"),
    "times infinite": (lambda: solve(circle(), [0.0, np.inf]), r"times must be finite"),
    "times unsorted": (lambda: solve(circle(), [1.0, 0.5]), r"times must increase strictly, got \[1.0, 0.5\]"),
    "times twice": (lambda: simulate(circle(), 5, [0.0, 1.0, 1.0]), r"times must increase strictly"),
    "times off step": (
        lambda: simulate(circle(), 5, [0.0, 0.25], dynamics=GradientDescent(0.1)),
        r"times must be multiples of the step 0.1, got 0.25",
    ),
    # dynamics and integrators
    "dynamics": (lambda: solve(circle(), [0.0], dynamics="flow"), r"dynamics must be .* got 'flow'"),
    "step": (lambda: GradientDescent(0.0), r"step must be finite and positive, got 0"),
    "step nan": (lambda: RK4(float("nan")), r"step must be finite and positive, got nan"),
    "tolerance": (lambda: Adaptive(0.0), r"tolerance must lie in .* got 0"),
    "integrator": (lambda: simulate(circle(), 5, [0.0], integrator="rk4"), r"integrator must be RK4 or Adaptive"),
    "method": (lambda: solve(circle(), [0.0], method="grid"), r"method must be .* got 'grid'"),
    # grid
    "cells few": (lambda: FiniteVolume((4, 256)), r"cells must be integers of at least 8.* got \(4, 256\)"),
    "cells float": (lambda: FiniteVolume((16.0, 16)), r"cells must .* got \(16.0, 16\)"),
    "cells one": (lambda: FiniteVolume(64), r"cells must .* got 64"),
    "cells three": (
        lambda: solve(circle(), [0.0], FiniteVolume((16, 16, 16))),
        r"cells must hold 2 .* got \(16, 16, 16\)",
    ),
    "cfl": (lambda: FiniteVolume(cfl=0.9), r"cfl must lie in \(0, 0.5\].* got 0.9"),
    "cfl zero": (lambda: FiniteVolume(cfl=0.0), r"cfl must .* got 0"),
    "cfl nan": (lambda: FiniteVolume(cfl=float("nan")), r"cfl must .* got nan"),
    "stepper": (lambda: FiniteVolume(stepper=RK4(0.1)), r"stepper must be .* got RK4"),
    "reconstruction": (lambda: FiniteVolume(reconstruction="vanleer"), r"reconstruction must be .* got 'vanleer'"),
    "window small": (
        lambda: solve(circle(), [0.5], FiniteVolume((16, 16), window=((-2.0, 2.0),))),
        r"window in c must hold all but 1e-06 of the initial law, got \(-2, 2\)",
    ),
    "window outgrown": (
        lambda: solve(circle(c=Uniform(-0.01, 0.01)), [3.0], FiniteVolume((16, 16), window=((-0.02, 0.02),))),
        r"window in c must hold the flow up to t = 3, which reaches",
    ),
    "window shape": (
        lambda: solve(circle(), [0.5], FiniteVolume((16, 16), window=(-8.0, 8.0))),
        r"window must hold finite \(lower, upper\) for c",
    ),
    "window missing": (
        lambda: solve(line_gaussian(), [0.5], FiniteVolume((16, 16), window=((-8.0, 8.0),))),
        r"window must hold finite \(lower, upper\) for y and c",
    ),
    "grid atoms": (
        lambda: solve(circle(c=Discrete((-1, 1))), [0.5], FEW),
        r"needs .* a density, got Discrete",
    ),
    "grid dimension": (
        lambda: solve(five_points(RIDGE, dim=2), [0.5], FEW),
        r"cells must hold 3 integers, one for each y of Euclidean\(dim=2\)",
    ),
    "batch size": (lambda: MinibatchSGD(0.1, 0), r"batch_size must be an integer of at least 1, got 0"),
    "batch step": (lambda: MinibatchSGD(-0.1, 5), r"step must be finite and positive, got -0.1"),
    "box order": (lambda: UniformBox(1.0, 1.0), r"lower must be finite and below upper, got 1.0 and 1.0"),
    "box shapes": (lambda: UniformBox(0.0, (1.0, 2.0)), r"as many, got shapes \(\) and \(2,\)"),
    "theta": (lambda: DiffusionSGD(0.1, -1.0), r"theta must be finite and >= 0, got -1"),
    "alpha": (lambda: DecreasingTheta(0.1, 1.0, 1.5), r"alpha must lie in \(0, 1\], got 1.5"),
    "a": (lambda: DecreasingTheta(0.1, -1.0, 0.5), r"a must be finite and >= 0, got -1"),
    "quench flow": (lambda: Quench(GradientFlow(), 1.0, MinibatchSGD(0.1, 5)), r"first must be .* got GradientFlow"),
    "quench time": (
        lambda: Quench(MinibatchSGD(0.1, 5), 0.25, MinibatchSGD(0.1, 9)),
        r"time must be multiples of the step 0.1, got 0.25",
    ),
    "quench order": (
        lambda: Quench(Quench(MinibatchSGD(0.1, 5), 2.0, GradientDescent(0.1)), 1.0, GradientDescent(0.1)),
        r"time must be finite and later than all of first begins, got 1",
    ),
    "quench in then": (
        lambda: Quench(GradientDescent(0.05), 0.35, Quench(GradientDescent(0.1), 1.4, GradientDescent(0.05))),
        r"then must be GradientDescent, MinibatchSGD or DiffusionSGD \(a Quench goes into first\), got Quench",
    ),
    "quench of a quench": (
        lambda: Quench(Quench(GradientDescent(0.05), 0.35, GradientDescent(0.1)), 1.4, GradientDescent(0.05)),
        r"time must be multiples of the step 0.1 counted from 0.35, got 1.4",
    ),
    "no whole step": (
        lambda: simulate(circle(), 5, [1e-12], dynamics=GradientDescent(0.05)),
        r"times must be multiples of the step 0.05, got 1e-12",
    ),
    "quenched times": (
        lambda: simulate(circle(), 5, [0.2, 0.5], dynamics=Quench(GradientDescent(0.1), 0.2, GradientDescent(0.2))),
        r"times must be multiples of the step 0.2 counted from 0.2, got 0.5",
    ),
    "theta without n": (
        lambda: solve(circle(), [0.5], dynamics=DecreasingTheta(0.1, 1.0, 0.5)),
        r"dynamics must be one for a number of particles .* use for_size\(n\)",
    ),
    "batches of a measure": (
        lambda: simulate(line_gaussian(), 5, [0.2], dynamics=MinibatchSGD(0.1, 5)),
        r"sampling needs weights that sum to 1, got 16.5",
    ),
    "solve seed": (lambda: solve(circle(), [0.5], FEW, seed=-1), r"seed must be an integer of at least 0, got -1"),
    "independent": (
        lambda: simulate(circle(), 5, [0.2], independent_batches="yes"),
        r"independent_batches must be True or False, got 'yes'",
    ),
    # characteristics
    "nodes": (lambda: Characteristics(nodes=(2, 64)), r"nodes must be .* at least 4, got \(2, 64\)"),
    "nodes scalar": (lambda: Characteristics(nodes=8), r"nodes must be .* got 8"),
    "nodes count": (lambda: solve(circle(), [0.0], Characteristics(nodes=(8, 8, 8))), r"nodes must hold one count per"),
    "ch tolerance": (lambda: Characteristics(tolerance=2.0), r"tolerance must .* got 2"),
    "max_nodes few": (
        lambda: solve(circle(), [0.5], Characteristics(max_nodes=5000)),
        r"max_nodes must be at least 9216, .*\(96, 96\).*, got 5000",
    ),
    "fl max_nodes": (
        lambda: fluctuations(circle(), [0.5], max_nodes=100),
        r"max_nodes must be at least 5184, .*\(72, 72\).*, got 100",
    ),
    "fl nodes": (lambda: fluctuations(circle(), [0.5], nodes=8), r"nodes must hold one count .* got 8"),
    "fl nodes zero": (lambda: fluctuations(circle(), [0.5], nodes=(0, 8)), r"nodes must hold .* got \(0, 8\)"),
    # features
    "features solve": (
        lambda: solve(circle(), [0.0], features=make_features(circle())),
        r"features must be .* of this",
    ),
    "features simulate": (
        lambda: simulate(circle(), 5, [0.0], features=make_features(circle())),
        r"features must be .* of this problem",
    ),
    "features fluctuations": (
        lambda: fluctuations(circle(), [0.0], features=make_features(circle())),
        r"features must be .* of this problem",
    ),
    "features tolerance": (lambda: make_features(circle(), tolerance=-1.0), r"tolerance must lie in \[0, 1\), got -1"),
    "features modes": (lambda: make_features(circle(), max_modes=-1), r"max_modes must .* got -1"),
    "unit periodic": (
        lambda: solve(problem(unit=Unit(lambda x, y: x * y, lambda x, y: x), data=SET), [0.0], FEW),
        r"unit must be 2 pi periodic in y on a Torus",
    ),
    # not numbers
    "cfl text": (lambda: FiniteVolume(cfl="a"), r"cfl must .* got 'a'"),
    "cfl none": (lambda: FiPyFiniteVolume(cfl=None), r"cfl must .* got None"),
    "step text": (lambda: GradientDescent("a"), r"step must .* got 'a'"),
    "step list": (lambda: RK4([0.1]), r"step must .* got \[0.1\]"),
    "tolerance text": (lambda: Adaptive("a"), r"tolerance must .* got 'a'"),
    "tolerance bool": (lambda: SemiLagrangian(tolerance=True), r"tolerance must .* got True"),
    "ch tolerance none": (lambda: Characteristics(tolerance=None), r"tolerance must .* got None"),
    "fl tolerance": (lambda: fluctuations(circle(), [0.0], tolerance="a"), r"tolerance must .* got 'a'"),
    "max_nodes text": (lambda: Characteristics(max_nodes="a"), r"max_nodes must .* got 'a'"),
    "times text": (lambda: solve(circle(), ["a", 1]), r"times must be an array of numbers, got \['a', 1\]"),
    "times as text": (lambda: solve(circle(), ["0", "1"]), "times must be an array of numbers"),
    "times of truth values": (lambda: solve(circle(), [False, True]), "times must be an array of numbers"),
    "window text": (lambda: solve(circle(), [0.0], FiniteVolume((16, 16), window="a")), r"window must .* got a"),
    "ratio text": (lambda: Graded("a"), r"ratio must .* got 'a'"),
    "normal text": (lambda: Normal("a", 1.0), r"Normal needs .* got \('a', 1.0\)"),
    "normal complex": (lambda: Normal(1j, 1.0), r"Normal needs .* got \(1j, 1.0\)"),
    "uniform text": (lambda: Uniform("a", 1.0), r"Uniform needs .* got \('a', 1.0\)"),
    "probabilities text": (lambda: Discrete((0.0, 1.0), ("a", "b")), r"probabilities must .* got \('a', 'b'\)"),
    "variance text": (lambda: Gaussian("a"), r"variance must .* got 'a'"),
    "scale complex": (lambda: Ridge("tanh", scale=1j), r"scale must .* got 1j"),
    "activation list": (lambda: Ridge(["tanh"]), r"activation must be \"tanh\".* got \['tanh'\]"),
    "box none": (lambda: Box(None, 1.0), r"lower must be a finite number or a sequence of them, got None"),
    "points text": (lambda: TrainingSet(["a"]), r"points must be an array of numbers, got \['a'\]"),
    "weights none": (lambda: Quadrature([0.0], "a"), r"weights must be an array of numbers, got 'a'"),
    "max_nodes": (lambda: Characteristics(max_nodes=1), r"max_nodes must .* got 1"),
    # laws
    "uniform line": (lambda: problem(Euclidean(2), RIDGE, SET, np.cos, LAW), r"Uniform\(\) without ends needs a Torus"),
    "uniform part": (
        lambda: problem(initial=Initial(Uniform(-1.0, 1.0), Normal())),
        r"Uniform on a Torus takes no",
    ),
    "uniform order": (lambda: Uniform(2.0, 1.0), r"Uniform needs finite lower < upper, got \(2.0, 1.0\)"),
    "uniform one end": (lambda: Uniform(2.0), r"Uniform needs both ends or none, got \(2.0, None\)"),
    "normal torus": (lambda: problem(initial=Initial(Normal(), Normal())), r"Normal is not a law on a Torus"),
    "normal deviation": (lambda: Normal(0.0, 0.0), r"Normal needs .* got \(0.0, 0.0\)"),
    "density line": (
        lambda: problem(Euclidean(2), RIDGE, SET, np.cos, Initial(Density(np.ones_like), Normal())),
        r"Density is a density on a circle",
    ),
    "density sign": (lambda: Density(np.cos), r"function must be finite and >= 0 .* got minimum -1"),
    "density shape": (lambda: Density(lambda v: 1.0), r"function must map shape \(k,\)"),
    "c without ends": (lambda: problem(initial=Initial(Uniform(), Uniform())), r"initial.c must be .* got Uniform"),
    "no law": (lambda: Initial(y="uniform", c=Normal()), r"y must be .* got 'uniform'"),
    "laws count": (
        lambda: problem(Euclidean(2), RIDGE, SET, np.cos, Initial([Normal()], Normal())),
        r"initial.y must hold one law per coordinate, 2, got 1",
    ),
    "atoms nan": (lambda: Discrete((np.nan, 1.0)), r"values must be .* got \(nan, 1.0\)"),
    "atoms none": (lambda: Discrete(()), r"values must be .* got \(\)"),
    "atoms scalar": (lambda: Discrete(1.0), r"values must be .* got 1.0"),
    "probabilities": (lambda: Discrete((-1.0, 1.0), (0.5, 0.6)), r"probabilities must .* got \(0.5, 0.6\)"),
    # problem
    "target nan": (
        lambda: problem(Euclidean(2), RIDGE, SET, np.array([1.0, np.nan]), LINE),
        r"target must be finite, got nan",
    ),
    "target nan somewhere": (
        lambda: solve(problem(target=lambda x: np.where(x > 3, np.nan, 1.0)), [0.0], FEW),
        r"must .*(finite|periodic)",
    ),
    "target shape": (
        lambda: problem(Euclidean(2), RIDGE, SET, np.array([1.0, 2.0, 3.0]), LINE),
        r"target must have shape \(2,\), one value per node of data, got \(3,\)",
    ),
    "target array": (lambda: problem(target=np.ones(8)), r"target must be callable where data is UniformTorus"),
    "target periodic": (lambda: solve(problem(target=lambda x: x), [0.0], FEW), r"target must be 2 pi periodic"),
    "profile periodic": (
        lambda: solve(problem(unit=Convolution(Gaussian(0.5))), [0.0], FEW),
        r"profile must be 2 pi periodic",
    ),
    "profile periodic on points": (
        lambda: simulate(problem(unit=Convolution(Gaussian(0.5)), data=SET), 5, [0.0]),
        r"profile must be 2 pi periodic",
    ),
    "profile zero": (lambda: solve(problem(unit=Convolution(np.zeros_like)), [0.0], FEW), r"profile must not vanish"),
    "derivative": (
        lambda: simulate(five_points(Convolution(lambda z: np.exp(-z * z), lambda z: np.exp(-z * z))), 5, [0.0]),
        r"derivative does not match profile",
    ),
    "profile": (lambda: Convolution(3.0), r"profile must be callable, got 3.0"),
    "variance": (lambda: Gaussian(0.0), r"variance must be finite and positive, got 0"),
    "activation": (lambda: Ridge("swish"), r"activation must be \"tanh\".* got 'swish'"),
    "scale": (lambda: Ridge("tanh", scale=np.inf), r"scale must be finite, got inf"),
    "domain dim": (lambda: problem(Euclidean(3), RIDGE, SET, np.cos, LINE), r"domain.dim must be 2 .* got 3"),
    "domain": (lambda: problem(domain="circle"), r"domain must be Torus or Box or Euclidean or Product, got 'circle'"),
    "ridge torus": (
        lambda: problem(Torus(2), RIDGE, SET, np.cos, LAW),
        r"a Torus needs a unit that is periodic in y, got Ridge",
    ),
    "ridge uniform": (lambda: problem(Euclidean(2), RIDGE, UniformTorus(1), np.cos, LINE), r"UniformTorus needs"),
    "torus two": (
        lambda: solve(problem(Torus(2), H, UniformTorus(2)), [0.0]),
        r"profile must map shape \(k, d\) to shape \(k,\)",
    ),
    "torus three": (
        lambda: solve(problem(Torus(3), H, UniformTorus(3)), [0.0]),
        r"available on Torus\(1\) and Torus\(2\), got Torus\(dim=3\)",
    ),
    "dim": (lambda: Torus(0), r"dim must be an integer of at least 1, got 0"),
    "dim float": (lambda: Euclidean(1.0), r"dim must be an integer of at least 1, got 1.0"),
    # data
    "weights shape": (lambda: Quadrature([0.0, 1.0], [1.0]), r"weights must have shape \(2,\), one per point"),
    "weights sign": (lambda: Quadrature([0.0, 1.0], [1.0, -1.0]), r"weights must be finite and positive, got -1"),
    "points nan": (lambda: TrainingSet([0.0, np.nan]), r"points must be finite, got nan"),
    "points none": (lambda: TrainingSet([]), r"points must have shape"),
    "points shape": (lambda: TrainingSet(np.zeros((2, 2, 2))), r"points must have shape"),
}


@pytest.fixture(scope="module")
def solved():
    nodes = Characteristics(nodes=(16, 16))
    return tuple(solve(circle(), [0.0, 0.2], method, estimate=False) for method in (FEW, nodes))


def test_questions_a_solution_cannot_answer(solved):
    grid, characteristics = solved
    y, c = np.zeros(3), np.zeros(3)
    with pytest.raises(NotAvailable, match=r"t must be one of the output times \[0.0, 0.2\], got 0.1"):
        grid.density_at(0.1, y, c)
    with pytest.raises(NotAvailable, match=r"t must lie in \[0, 0.2\], got 0.3"):
        characteristics.density_at(0.3, y, c)
    with pytest.raises(ValueError, match=r"size must be an integer of at least 0, got -3"):
        characteristics.sample(0.2, -3, np.random.default_rng(0))
    with pytest.raises(NotAvailable, match=r"got nan"):
        characteristics.sample(np.nan, 3, np.random.default_rng(0))
    for solution in solved:
        with pytest.raises(ValueError, match=r"y must have shape \(3,\), got \(4,\)"):
            solution.density_at(0.2, np.zeros(4), c)
        with pytest.raises(ValueError, match=r"x must have shape \(k,\), got \(3, 2\)"):
            solution.function(np.zeros((3, 2)))
        for z in (np.zeros((3, 5)), np.zeros((1, 5)), np.zeros(2), np.array([[np.nan], [0.0]])):
            with pytest.raises(ValueError, match=r"z must be finite with shape \(2, n\)"):
                solution.flow(z, 0.0, 0.2)


def test_sampling_needs_a_probability():
    with pytest.raises(ValueError, match=r"weights that sum to 1, got 2"):
        Quadrature([0.0, 1.0], [1.0, 1.0]).sample(np.random.default_rng(0), 3)


def test_dynamics_are_values():
    assert GradientFlow() == GradientFlow()
    assert GradientDescent(0.1) == GradientDescent(0.1) != GradientDescent(0.2)


NUMBERS = {
    "a truth value for a dimension": (lambda: UniformTorus(True), "dim must be an integer of at least 1, got True"),
    "a truth value for a bias": (lambda: Ridge("tanh", bias=1), "bias must be True or False, got 1"),
    "beyond all floats": (lambda: GradientDescent(10**400), "step must be finite and positive"),
    "text": (lambda: RK4("0.1"), "step must be finite and positive, got '0.1'"),
    "an unknown choice": (lambda: Ridge("elu"), "activation must be \"tanh\".*, got 'elu'"),
    "a truth value for an order": (lambda: SemiLagrangian(order=True), "order must be 2 or 4, got True"),
}


REFUSED = [*CASES.items(), *NUMBERS.items()]


@pytest.mark.parametrize(("call", "message"), [case for _, case in REFUSED], ids=[name for name, _ in REFUSED])
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_numbers_of_any_kind_are_taken():
    """Fractions, NumPy's scalars and whole numbers are what they are worth, and are recorded as that."""
    assert GradientDescent(Fraction(1, 2)) == GradientDescent(0.5)
    assert repr(GradientDescent(np.float64(0.5))) == "GradientDescent(step=0.5)"
    assert GradientDescent(10**30).step == 1e30
    assert Torus(np.int64(2)) == Torus(2)
    assert SemiLagrangian(cells=np.array([32, 32]), order=np.int64(2)) == SemiLagrangian(cells=(32, 32), order=2)
