"""The study: its dataset, budget, file and figures."""

import json
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from oracles import line_tanh, torus2

import liouville as lv
from liouville.problem import Euclidean
from liouville.records.storage import check_writable, check_writable_file, write
from particles import simulate
from validation import load_study, run_study
from validation.report import figures as plots
from validation.study.maps import overlap

pytestmark = pytest.mark.usefixtures("small_laws")

TIMES = [0.0, 0.5, 1.0]
SIZES = [20, 5, 10]
FIGURES = [
    f"{name}.png"
    for name in (
        *("bend", "bias", "covariance", "density", "distances", "exponents"),
        *("functions", "healing", "loss", "paths", "rates"),
    )
]


def toy(c=None):
    return lv.Problem(
        domain=lv.Torus(1),
        unit=lv.Convolution(lambda z: 1.0 + np.cos(z)),
        data=lv.UniformTorus(1),
        target=lambda x: 0.5 * np.cos(x) + 0.2,
        initial=lv.Initial(y=lv.Uniform(), c=lv.Normal(0.0, 1.0) if c is None else c),
    )


def walled():
    return lv.Problem(
        domain=lv.Box(-1.0, 1.0),
        unit=lv.Ridge("tanh", bias=False),
        data=lv.TrainingSet(np.linspace(-1.0, 1.0, 5)),
        target=np.sin,
        initial=lv.Initial(y=lv.Uniform(-1.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )


def on_sphere():
    return lv.Problem(
        domain=Euclidean(4),
        unit=lv.Ridge("relu"),
        data=lv.UniformSphere(3, test_points=20),
        target=lambda x: x[:, 0],
        initial=lv.Initial(y=lv.Normal(0.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = tmp_path_factory.mktemp("study") / "made" / "here"
    problem = toy()
    seen = []
    study = run_study(
        problem,
        TIMES,
        SIZES,
        12,
        seed=3,
        method=lv.FiniteVolume(cells=(48, 48)),
        store=store,
        progress=lambda what, done: seen.append((what, done)),
    )
    return problem, study, store, seen


def test_discrepancy_is_that_of_the_ensemble(finished):
    problem, study, _, _ = finished
    d = study.dataset
    assert d["n"].values.tolist() == sorted(SIZES)
    # Steps land on the times A log n as well.
    at = np.unique([*TIMES, *d["path_time"].sel(n=10).values])
    ensemble = simulate(problem, 10, at, 12, seed=3)
    coefficients = ensemble.coefficients[:, np.searchsorted(at, TIMES)]
    np.testing.assert_array_equal(d["coefficients"].sel(n=10), coefficients)
    gap = coefficients - d["continuum_coefficients"].values
    np.testing.assert_allclose(d["discrepancy"].sel(n=10), np.linalg.norm(gap, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(d["rms"], np.sqrt((d["discrepancy"] ** 2).mean("replicate")), rtol=1e-12)
    np.testing.assert_allclose(d["loss"].sel(n=10), ensemble.loss[:, np.searchsorted(at, TIMES)], rtol=1e-12)


def test_budget_bounds_the_error_of_the_grid(finished):
    problem, study, _, _ = finished
    d = study.dataset
    exact = lv.solve(problem, TIMES, lv.Characteristics(tolerance=1e-9)).coefficients
    true = np.linalg.norm(d["continuum_coefficients"].values - exact, axis=1)
    assert (true <= 1.01 * d["discretisation_error"].values + 1e-12).all()
    assert true[-1] > 1e-6
    assert (d["step_error"].values[:, 0] == 0).all()
    assert 0 < d["step_error"].values[:, -1].max() < 1e-5
    assert d["resolved"].dtype == bool
    assert d["resolved"].values.all()


def test_by_default_particles_meet_characteristics_and_a_grid_checks_them():
    problem = toy()
    d = run_study(problem, [0.0, 0.4], [4, 8, 16], 12).dataset
    assert d.attrs["comparator"] == "Characteristics"
    assert d.attrs["checker"] == "SemiLagrangian"
    assert 0 < d["check_distance"].values[1] < 1e-4
    assert d["discretisation_error"].values[1] < 1e-5
    assert "map_continuum" in d
    # Statistics follow from the coefficients alone.
    gap = d["coefficients"] - d["continuum_coefficients"]
    mean = (d["n"] * (gap**2).sum("feature").mean("replicate")).transpose("n", "time")
    np.testing.assert_allclose(d["scaled"], mean)
    np.testing.assert_allclose(d["path_rms"].values[0, -1], d["rms"].values[-1, -1], rtol=1e-10)


def test_predicted_fluctuations_are_in_the_dataset(finished):
    problem, study, _, _ = finished
    from liouville import fluctuations

    d = study.dataset
    predicted = fluctuations(problem, TIMES)
    np.testing.assert_allclose(d["sigma2"], predicted.variance, rtol=0.02)
    np.testing.assert_allclose(np.trace(d["predicted_covariance"].values, axis1=1, axis2=2), d["sigma2"], rtol=1e-6)
    assert (np.abs(d["scaled_deviation"].values[np.isfinite(d["scaled_deviation"])]) < 5.0).all()
    assert d["claim"].values.tolist() == ["LLN", "CLT", "healing", "steepens", "reaches 1/n"]
    assert set(d["claim_verdict"].values) <= {"confirmed", "not resolved", "contradicted"}


def test_summary_says_what_it_must(finished):
    text = finished[1].summary()
    assert "t = 0.5" in text
    assert "expected" in text
    assert "Law of large numbers" in text
    assert "Rule" in text
    assert "false alarm" in text
    for part in ("sigma^2", "b_2", "bias", "Local exponents", "CLT", "healing", "steepens", "reaches 1/n", "f_0 check"):
        assert part in text


def test_file_holds_everything(finished):
    _, study, store, _ = finished
    again = load_study(store)
    assert study.dataset.identical(load_study(store / "study.nc").dataset) or study.dataset.equals(again.dataset)
    assert again.summary() == study.summary()
    assert again.dataset["resolved"].dtype == bool
    assert again.dataset["verdict"].values.tolist() == study.dataset["verdict"].values.tolist()
    for name, variable in again.dataset.variables.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
    assert [path.name for path in store.iterdir()] == ["study.nc"]


def test_provenance(finished):
    attributes = finished[1].dataset.attrs
    packages = json.loads(attributes["package_versions"])
    for name in ("numpy", "scipy", "numba", "xarray"):
        assert packages[name]
    for name in ("python_version", "project_version", "date", "platform", "command", "problem", "integrator"):
        assert attributes[name]
    assert attributes["seed"] == 3
    assert "FiniteVolume(cells=(48, 48)" in attributes["method"]
    assert "np.cos(x) + 0.2" in attributes["target_source"]


def test_figures_are_drawn_from_the_file_alone(finished, tmp_path):
    paths = load_study(finished[2]).figures(tmp_path / "figures")
    assert sorted(path.name for path in paths) == FIGURES
    for path in paths:
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def said(figure) -> str:
    """The titles of a figure's legends."""
    return " ".join(legend.get_title().get_text() for legend in figure.legends)


def test_figures_say_what_they_leave_out_and_move_aside(finished):
    dataset = finished[1].dataset
    assert "moved apart sideways" in said(plots.loss_figure(dataset))
    assert "left out" not in said(plots.distances_figure(dataset))
    few = dataset.copy(deep=True)
    few["law_distance"][:, -1] = np.nan
    assert f"$n$ = {int(dataset['n'][-1])} left out" in said(plots.distances_figure(few)).replace("\u202f", "")
    assert "times of the study" not in said(plots.functions_figure(dataset))
    longer = dataset.isel(time=np.resize(np.arange(dataset.sizes["time"]), 8))
    assert "6 of the 8 times" in said(plots.functions_figure(longer))
    labels = [text.get_text() for text in plots.paths_figure(dataset).legends[0].get_texts()]
    assert any(f"at $n = {int(dataset['n'][-1])}$" in label for label in labels)
    assert "b_2/n^2" in said(plots.bend_figure(dataset))


def test_unresolved_points_are_marked_and_never_drawn_as_results(finished):
    dataset = finished[1].dataset.copy(deep=True)
    dataset["resolved"][:] = False
    for name in ("rms_slope", "rms_tail_slope"):
        dataset[name][:] = np.nan
    text = plots.rates_figure(dataset)
    labels = [entry.get_text() for entry in text.legends[0].get_texts()]
    assert "unresolved, not fitted" in labels
    assert sum("not resolved" in label for label in labels) == len(TIMES)
    solid = [line for line in text.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert not solid


def test_progress_names_the_stages(finished):
    seen = finished[3]
    stages = list(dict.fromkeys(what for what, _ in seen))
    assert stages[:4] == ["fluctuations", "continuum", "reference", "particles, n = 5"]
    assert stages[-1] == "distances"
    assert all(0.0 <= done <= 1.0 + 1e-12 for _, done in seen)


def test_density_maps_agree_with_the_particles(finished):
    d = finished[1].dataset
    area = np.diff(d["map_y_edges"])[0] * np.diff(d["map_c_edges"])[0]
    for name in ("map_continuum", "map_particles"):
        np.testing.assert_allclose(d[name].sum(("map_y", "map_c")) * area, 1.0, atol=0.01)
    marginals = [d[name].sum("map_y").values * area for name in ("map_continuum", "map_particles")]
    assert np.abs(np.cumsum(marginals[0] - marginals[1], axis=1)).max() < 0.06  # Kolmogorov at n = 2000 is 0.04


def test_overlap_conserves():
    cells, bins = np.linspace(0.0, 1.0, 8), np.linspace(-0.5, 1.5, 12)
    values = np.arange(7.0)
    assert (overlap(cells, bins) @ values).sum() * (bins[1] - bins[0]) == pytest.approx(values.mean())


def test_characteristics_and_gradient_descent_have_their_own_budget():
    study = run_study(toy(lv.Discrete((-1.0, 1.0))), [0.0, 0.4], [5, 10, 20], 4, dynamics=lv.GradientDescent(0.1))
    d = study.dataset
    assert (d["step_error"] == 0).all()
    assert "map_continuum" not in d
    assert set(d["verdict"].values) == {"not resolved"}
    assert "Characteristics" in d.attrs["method"]


@pytest.mark.parametrize(
    "dynamics",
    [lv.MinibatchSGD(0.1, 5), lv.Quench(lv.DiffusionSGD(0.1, 0.02), 0.2, lv.MinibatchSGD(0.05, 5))],
    ids=["sgd", "quench"],
)
def test_under_noise_the_continuum_sees_the_batches_of_the_particles(dynamics, tmp_path):
    problem, times = toy(), [0.0, 0.2, 0.4]
    study = run_study(problem, times, [10, 40, 160], 12, seed=3, dynamics=dynamics)
    d = study.dataset
    exact = lv.solve(problem, times, lv.Characteristics(tolerance=1e-8), dynamics, seed=3).coefficients
    other = lv.solve(problem, times, lv.Characteristics(tolerance=1e-8), dynamics, seed=4).coefficients
    assert (np.linalg.norm(d["continuum_coefficients"] - exact, axis=1) < 1e-5).all()
    assert np.linalg.norm(exact[-1] - other[-1]) > 1e-2
    assert d.attrs["checker"] == "SemiLagrangian"
    assert 0 < d["check_distance"].values[-1] < 1e-3
    assert (d["step_error"] == 0).all()
    assert d["resolved"].values.all()
    # Path by path: another stream would leave a gap that does not fall with n.
    assert d["rms"].values[-1, -1] < 0.5 * d["rms"].values[0, -1]
    words = d["claim_verdict"].values.tolist()
    assert words[1:] == ["not judged"] * 4
    assert all("GradientFlow alone" in reason for reason in d["claim_reason"].values[1:].tolist())
    assert "one stream of batches" in study.summary()
    if dynamics == lv.MinibatchSGD(0.1, 5):
        names = {path.name for path in study.figures(tmp_path)}
        assert {"rates.png", "functions.png", "loss.png", "density.png", "distances.png"} <= names
        assert not names & {"healing.png", "covariance.png", "paths.png"}


def test_with_decreasing_theta_every_size_has_a_continuum_of_its_own():
    problem, dynamics = toy(), lv.DecreasingTheta(0.1, 0.5, 0.25)
    study = run_study(problem, [0.0, 0.4], [10, 40, 160], 12, seed=3, dynamics=dynamics)
    d = study.dataset
    assert d["continuum_coefficients"].dims == ("n", "time", "feature")
    for n in (10, 40, 160):
        exact = lv.solve(
            problem, [0.0, 0.4], lv.Characteristics(tolerance=1e-8), dynamics.for_size(n), seed=3
        ).coefficients
        assert (np.linalg.norm(d["continuum_coefficients"].sel(n=n) - exact, axis=1) < 1e-5).all()
    gap = d["coefficients"] - d["continuum_coefficients"]
    rms = np.sqrt((gap**2).sum("feature").mean("replicate"))
    np.testing.assert_allclose(d["rms"], rms.transpose("n", "time"))
    assert "every n has an f_0 of its own" in study.summary()
    assert "law_distance" not in d
    labels = [entry.get_text() for entry in plots.loss_figure(d).legends[0].get_texts()]
    assert "continuum, $n = 160$" in labels


def test_an_executor_changes_nothing():
    problem = toy()
    method = lv.FiniteVolume(cells=(24, 24))
    plain = run_study(problem, [0.0, 0.3], [4, 8, 16], 3, method=method, integrator=lv.RK4(0.1)).dataset
    with ThreadPoolExecutor(1) as executor:
        other = run_study(
            problem, [0.0, 0.3], [4, 8, 16], 3, method=method, integrator=lv.RK4(0.1), executor=executor
        ).dataset
    np.testing.assert_array_equal(plain["coefficients"], other["coefficients"])
    np.testing.assert_array_equal(plain["law_distance"], other["law_distance"])


@pytest.mark.filterwarnings("ignore:the estimated error")
def test_inputs_of_more_dimensions_are_shown_at_the_nodes():
    points = np.random.default_rng(0).normal(size=(6, 2))
    problem = lv.Problem(
        domain=Euclidean(2),
        unit=lv.Ridge("tanh", bias=False),
        data=lv.TrainingSet(points),
        target=np.sin(points[:, 0]),
        initial=lv.Initial(y=lv.Normal(0.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )
    study = run_study(problem, [0.0, 0.5], [5, 10, 20], 3, method=lv.Characteristics(nodes=(8, 8, 8)))
    d = study.dataset
    assert d["f_0"].shape == (2, 6)
    assert "law_distance" not in d
    np.testing.assert_allclose(d["target"], np.sin(points[:, 0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": 3}, "problem must be a Problem"),
        ({"times": [1.0, 0.5]}, "times must increase"),
        ({"sizes": []}, "sizes must be distinct"),
        ({"sizes": [10, 10]}, "sizes must be distinct"),
        ({"sizes": [10, 2.5]}, "sizes must be an integer"),
        ({"sizes": [0]}, "sizes must be an integer of at least 1, got 0"),
        ({"replicates": 1}, "replicates must be an integer of at least 2, got 1"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"integrator": "rk4"}, "integrator must be"),
        ({"executor": 3}, "executor must be"),
        ({"store": __file__}, "store must be a directory"),
        ({"store": 3}, "store must be the path of a directory, got 3"),
        ({"sizes": [True, 2]}, "sizes must be an integer of at least 1.*got True"),
        ({"sizes": 10}, "sizes must be a sequence of integers, got 10"),
        ({"sizes": "12"}, "sizes must be a sequence of integers, got '12'"),
        ({"sizes": [10**400]}, "sizes must be an integer of at least 1 and at most 10{15}, got 10{400}"),
        ({"replicates": True}, "replicates must be an integer of at least 2, got True"),
        ({"replicates": 10**400}, "replicates must be an integer of at least 2 and at most"),
        ({"times": [0.0, 10**400]}, "times must be an array of numbers"),
        ({"seed": True}, "seed must be an integer of at least 0, got True"),
        ({"predict": 1}, "predict must be True or False, got 1"),
        ({"dynamics": lv.GradientDescent}, "dynamics must be a Dynamics"),
        ({"integrator": lv.RK4}, "integrator must be"),
        ({"method": "grid"}, r"method must be FiniteVolume\(...\)"),
        (
            {"method": lv.FiPyFiniteVolume(), "dynamics": lv.GradientDescent(0.1)},
            "FiPyFiniteVolume solves GradientFlow",
        ),
        ({"method": lv.SemiLagrangian(), "problem": walled()}, "SemiLagrangian needs a domain without walls"),
        (
            {"method": lv.FiniteVolume(), "problem": toy(lv.Discrete((-1.0, 1.0)))},
            "needs an initial law with a density",
        ),
        ({"method": lv.Characteristics(nodes=(8,))}, "nodes must hold one count per coordinate"),
        ({"problem": on_sphere(), "dynamics": lv.MinibatchSGD(0.5, 4)}, "features of mu.*use simulate"),
    ],
)
def test_bad_input_is_refused_before_anything_is_computed(change, message):
    def forbidden(what, done):
        raise AssertionError("computed")

    arguments = {"problem": toy(), "times": TIMES, "sizes": [5, 10], "replicates": 4, **change}
    with pytest.raises(ValueError, match=message) as error:
        run_study(**arguments, progress=forbidden)
    assert "\n" not in str(error.value)


def test_writing_is_whole_or_not_at_all(tmp_path):
    class Broken:
        def to_netcdf(self, path, engine):
            with open(path, "w") as file:
                file.write("half")
            raise OSError("disk full")

    target = tmp_path / "kept.nc"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"):
        write(Broken(), target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.nc"]


def test_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="store must be a directory"):
        check_writable("store", tmp_path / "file" / "below")
    with pytest.raises(ValueError, match=r"out must end in \.nc"):
        check_writable_file("out", tmp_path / "x.txt")
    assert check_writable("store", tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ValueError, match="path must be a NetCDF file"):
        load_study(tmp_path / "absent.nc")


def test_numbers_of_any_kind_are_numbers():
    options = {"method": lv.Characteristics(nodes=(16, 16)), "predict": False}
    plain = run_study(toy(), [0.0, 0.25], [4, 8, 16], 3, seed=2, **options).dataset
    times, sizes = [Fraction(0), Fraction(1, 4)], [np.int32(16), np.uint8(8), np.int64(4)]
    other = run_study(toy(), times, sizes, np.int64(3), seed=np.uint8(2), **options).dataset
    np.testing.assert_array_equal(plain["coefficients"], other["coefficients"])
    np.testing.assert_array_equal(plain["n"], other["n"])


@pytest.mark.parametrize("problem", [line_tanh, torus2], ids=["line", "torus"])
def test_two_dimensional_y(problem, tmp_path):
    """Particles meet the grid, characteristics check it; densities over every two coordinates have mass one."""
    study = run_study(problem(), [0.0, 0.5], [8, 16, 32], 12, method=None, predict=False)
    d = study.dataset
    assert d.attrs["comparator"] == "SemiLagrangian"
    assert d.attrs["checker"] == "Characteristics"
    assert (d["check_distance"].values <= d["discretisation_error"].values + 1e-3).all()
    for pair in (("y1", "y2"), ("y1", "c"), ("y2", "c")):
        area = np.prod([np.diff(d[f"map_{name}_edges"])[0] for name in pair])
        for whose in ("continuum", "particles"):
            density = d[f"map_{whose}_{pair[0]}_{pair[1]}"]
            np.testing.assert_allclose(density.sum([f"map_{name}" for name in pair]) * area, 1.0, atol=0.01)
    a, b = (d[f"map_{whose}_y1_c"].sum("map_c").values for whose in ("continuum", "particles"))
    assert np.abs(a - b).sum(axis=1).max() < 0.2 * a.sum(axis=1).max()  # of a few thousand particles
    assert d["slice_density"].shape[1:] == (3, 64, 64)
    moved = d["unit_path"].values
    assert moved.shape == (d["unit_time"].size, 3, 200)
    assert np.abs(moved[-1] - moved[0]).max() > 0.01
    names = {path.name for path in study.figures(tmp_path)}
    assert {"density.png", "slices.png", "movement.png"} <= names
    found = load_study(study.save(tmp_path / "study.nc"))
    assert found.summary() == study.summary()


def test_a_grid_over_two_dimensional_y_is_refined_where_particles_need_it(monkeypatch):
    """As if the least RMS were a ten thousandth."""
    monkeypatch.setattr("liouville.SemiLagrangian.default_cells", {1: (384, 192), 2: (24, 24, 24)})
    study = run_study(line_tanh(), [0.0, 0.5], [8, 16, 32], 12, predict=False)
    assert study.dataset.attrs["resolution"] == "(24, 24, 24)"
    monkeypatch.setattr("validation.study.continuum.TOO_LARGE", 1e-3)
    study = run_study(line_tanh(), [0.0, 0.5], [8, 16, 32], 12, predict=False)
    assert study.dataset.attrs["resolution"] == "(48, 48, 48)"
