"""Statements: a user's own, from study to figures; and what a saved study says after its rules have changed."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from oracles import five_points
from test_validation_study import toy

from liouville import Characteristics, DiffusionSGD
from validation import Statement, Verdict, load_noise_study, load_study, run_noise_study, run_study
from validation.study import study as study_module
from validation.verdicts import CONFIRMED, CONTRADICTED, NOT_JUDGED, NOT_RESOLVED, STATEMENTS, WORDS
from validation.verdicts.large_numbers import LAW_OF_LARGE_NUMBERS

pytestmark = pytest.mark.usefixtures("small_laws")

TIMES, SIZES, FEW = [0.0, 0.4], [4, 8, 16], {"replicates": 12, "method": Characteristics(nodes=(16, 16))}


@dataclass(frozen=True)
class MediansFall:
    """Medians fall from the smallest n to the largest: written as the rules of `Statement` ask."""

    share: float = 0.9
    name = "medians fall"

    @property
    def rule(self):
        return f"confirmed if at every time the median at the largest n is below {self.share:g} of that at the smallest"

    @property
    def thresholds(self):
        return {"share": self.share}

    def judge(self, evidence):
        if not evidence.resolved[[0, -1]].all():
            return Verdict(self.name, NOT_RESOLVED, "numerical errors are too large", 0)
        ratio = evidence.median[-1] / evidence.median[0]
        k = int(np.argmax(ratio))
        reason = f"at most {ratio[k]:.2f} times, at t = {evidence.times[k]:g}"
        word = CONFIRMED if ratio[k] < self.share else CONTRADICTED
        return Verdict(self.name, word, reason, ratio.size, 1.0 - self.share if word == CONFIRMED else np.nan)


def study_with(*statements, **options):
    return run_study(toy(), TIMES, SIZES, **FEW, predict=False, statements=statements, **options)


def last_claim(study):
    """Of the last statement: name, word, reason, rule and thresholds."""
    parts = ("claim", "claim_verdict", "claim_reason", "claim_rule", "claim_thresholds")
    return [str(study.dataset[part].values[-1]) for part in parts]


def test_a_users_statement_is_judged_saved_loaded_printed_and_drawn(tmp_path):
    mine = MediansFall(share=0.8)
    study = study_with(mine, store=tmp_path / "store")
    name, word, _, rule, thresholds = last_claim(study)
    assert study.dataset["claim"].values.tolist()[:-1] == [one.name for one in STATEMENTS]
    assert (name, word, rule) == ("medians fall", CONFIRMED, mine.rule)
    assert json.loads(thresholds) == {"share": 0.8}
    assert study.dataset["claim_detectable"].values[-1] == pytest.approx(0.2)
    path = study.save(tmp_path / "mine.nc")
    for again in (load_study(path), load_study(tmp_path / "store")):
        assert again.summary() == study.summary()
        assert last_claim(again) == last_claim(study)
        assert again.figures(tmp_path / "figures")
    assert "medians fall CONFIRMED     at most" in study.summary()
    assert "is below 0.8 of that at the smallest" in " ".join(study.summary().split())
    # Without it the numbers are the same.
    without = study_with()
    shared = without.dataset.drop_dims("claim").drop_vars("simulation_seconds")
    assert shared.equals(study.dataset.drop_dims("claim").drop_vars("simulation_seconds"))


def test_a_study_of_the_noise_takes_statements_too(tmp_path):
    def judge(evidence):
        rms = np.sqrt(np.mean(evidence.deviations.by_theta**2, axis=1))
        word = CONFIRMED if (np.diff(rms, axis=0) > 0).all() else CONTRADICTED
        return Verdict("grows with theta", word, f"least rise {np.diff(rms, axis=0).min():.1e}", rms.size)

    mine = Statement("grows with theta", "confirmed if RMS D rises with theta at every time", judge)
    options = {"n": 5, "sizes": [2, 3, 4], "alphas": [1.0], "replicates": 4, "statements": [mine]}
    study = run_noise_study(five_points(), [0.2, 0.4], DiffusionSGD(0.1, 0.5), store=tmp_path, **options)
    assert last_claim(study)[:2] == ["grows with theta", CONFIRMED]
    again = load_noise_study(tmp_path)
    assert again.summary() == study.summary()
    assert "grows with theta CONFIRMED" in again.summary()
    assert again.figure(tmp_path / "noise.png").is_file()


def test_a_saved_study_prints_the_rule_and_the_verdict_that_were_applied(tmp_path, monkeypatch):
    old = study_with(MediansFall(share=0.8))
    path, text = old.save(tmp_path / "old.nc"), old.summary()
    changed = replace(LAW_OF_LARGE_NUMBERS, rule="confirmed whatever was measured", thresholds={"new": 1.0})
    monkeypatch.setattr(study_module, "STATEMENTS", (changed, *STATEMENTS[1:]))
    monkeypatch.setattr("validation.verdicts.verdict.JOINT_LEVEL", 0.5)
    monkeypatch.setattr("validation.statistics.budget.RESOLVED_SHARE", 0.9)
    monkeypatch.setattr("validation.statistics.rates.MIN_SIZES", 7)
    monkeypatch.setattr("validation.verdicts.each_time.RULE", "another rule")
    again = load_study(path)
    assert again.summary() == text
    assert "confirmed whatever was measured" not in text
    new = study_with(MediansFall(share=0.01))  # a threshold that nothing meets
    assert "confirmed whatever was measured" in new.summary()
    assert "another rule" in new.summary()
    assert [last_claim(one)[1] for one in (again, new)] == [CONFIRMED, CONTRADICTED]
    assert again.dataset.attrs["joint_level"] == 0.01


def broken(kind):
    def judge(evidence):
        if kind == "raises":
            raise ZeroDivisionError("of\nnothing")
        if kind == "writes":
            evidence.rms[:] = 0.0
        if kind == "writes below":
            evidence.scaled.mean[:] = 0.0
        if kind == "word":
            return Verdict("mine", "certain", "", 1)
        return Verdict("yours", CONFIRMED, "", 1) if kind == "name" else None

    return Statement("mine", "confirmed if it is", judge)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("raises", "ZeroDivisionError: of nothing"),
        ("writes", "read-only"),
        ("writes below", "read-only"),
        ("word", 'word must be "confirmed", "not resolved"'),
        ("name", "must return a Verdict named 'mine', got Verdict"),
        ("nothing", "must return a Verdict named 'mine', got None"),
    ],
)
def test_a_statement_that_fails_costs_no_study(kind, why):
    with pytest.warns(UserWarning, match=f"the statement 'mine' is not judged: .*{why}"):
        study = study_with(broken(kind))
    name, word, reason, *_ = last_claim(study)
    assert (name, word) == ("mine", NOT_JUDGED)
    assert why in reason
    assert (study.dataset["rms"] > 0).all()


GOOD = Statement("mine", "confirmed if it is", lambda evidence: None)


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (GOOD, "statements must be a sequence of statements"),
        ("LLN", "statements must be a sequence of statements"),
        ([3], "statements must have name, rule, thresholds and judge, got 3 without name and rule"),
        ([MediansFall], "without an instance"),
        ([replace(GOOD, name="LLN")], "names of their own, got a second 'LLN'"),
        ([GOOD, GOOD], "names of their own, got a second 'mine'"),
        ([replace(GOOD, name=" ")], "name of a statement must be text"),
        ([replace(GOOD, rule=None)], "rule of a statement must be text, got None"),
        ([replace(GOOD, judge=3)], "judge of the statement 'mine' must be callable, got 3"),
        ([replace(GOOD, thresholds=[1.0])], "thresholds of the statement 'mine' must map names to numbers"),
        ([replace(GOOD, thresholds={"a": True})], "threshold 'a' of the statement 'mine' must be finite, got True"),
        ([replace(GOOD, thresholds={"a": 10**400})], "threshold 'a' of the statement 'mine' must be finite"),
    ],
)
def test_statements_that_break_the_rules_are_refused_before_anything_is_computed(statements, message):
    def forbidden(what, done):
        raise AssertionError("computed")

    for run in (
        lambda: run_study(toy(), TIMES, SIZES, 4, statements=statements, progress=forbidden),
        lambda: run_noise_study(
            five_points(),
            [0.2, 0.4],
            DiffusionSGD(0.1, 0.5),
            statements=[replace(one, name="quench") for one in statements] if "'LLN'" in message else statements,
            progress=forbidden,
        ),
    ):
        with pytest.raises(ValueError, match=message.replace("'LLN'", "'(LLN|quench)'")) as error:
            run()
        assert "\n" not in str(error.value)


def test_one_vocabulary():
    for word in WORDS:
        assert Verdict("mine", word, "", 0).word == word
    with pytest.raises(ValueError, match="word must be"):
        Verdict("mine", "CONFIRMED", "", 0)


def test_every_statement_says_its_thresholds():
    for one in STATEMENTS:
        assert one.thresholds["joint level"] == 0.01
        assert all(isinstance(name, str) and np.isfinite(value) for name, value in one.thresholds.items())


def test_other_files_are_refused_as_studies(tmp_path):
    study = study_with()
    path = study.save(tmp_path / "study.nc")
    with pytest.raises(ValueError, match=r"path must be a NoiseStudy saved with the rules that were applied.*'Study'"):
        load_noise_study(path)
    older = replace(study, dataset=study.dataset.drop_vars("claim_rule"))
    with pytest.raises(ValueError, match="path must be a Study saved with the rules"):
        load_study(older.save(tmp_path / "older.nc"))
