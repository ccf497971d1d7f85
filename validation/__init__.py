"""The comparison: particles against the continuum, with rates, an error budget, tables and figures."""

from liouville.inner import check_package

DISTRIBUTION = "mean-field-liouville"  # by which it is told from others of its name: see `liouville.command`
check_package("particles")

from .statistics.discrepancy import energy_distance, l2_discrepancy, law_distances, sliced_w1, w1, w1_circle
from .statistics.rates import Rates, rates
from .study.noise_study import NoiseStudy, load_noise_study, run_noise_study
from .study.study import Study, load_study, run_study
from .verdicts import Statement, Verdict

__all__ = [
    "NoiseStudy",
    "Rates",
    "Statement",
    "Study",
    "Verdict",
    "energy_distance",
    "l2_discrepancy",
    "law_distances",
    "load_noise_study",
    "load_study",
    "rates",
    "run_noise_study",
    "run_study",
    "sliced_w1",
    "w1",
    "w1_circle",
]
