"""Three answers, and what each needs."""

from __future__ import annotations

import dataclasses
import math

import pytest

from qiqa.core.diagnosis import BatchAuc, InjectedEffect, Leak, Placebo, Predictability, SiteAnswer
from qiqa.harmonize.diagnosis.judging import judge, over_correction

BATCHES = (("A", 60), ("B", 60))


def told(model, auc=0.5, half=0.05, p=0.6, **more):
    return Predictability(
        model=model,
        auc=auc,
        standard_error=half / 1.96,
        interval=(auc - half, auc + half),
        p=p,
        permutations=59,
        folds=5,
        rows=120,
        subjects=120,
        refitted=more.pop("refitted", True),
        batches=(BatchAuc(batch="A", subjects=60, auc=auc, standard_error=half / 2),),
        leaks=(Leak(feature="wm2max", auc_lost=0.2),),
        **more,
    )


def three(**changed):
    plain = {name: told(name) for name in ("linear", "quadratic", "trees")}
    return [*{**plain, **changed}.values()]


def answer(after, batches=BATCHES, over=()):
    return judge(after, batches, "site", over)


def test_no_longer_seen_needs_every_model_refitted_and_below_the_limit():
    found = answer(three())
    assert found.answer is SiteAnswer.NO_LONGER_SEEN
    assert found.headline == "No model sees the site any longer"
    assert not found.help


def test_a_nonlinear_model_that_sees_it_is_enough_and_the_linear_pass_is_named():
    found = answer(three(trees=told("trees", 0.96, 0.01, 1 / 60)))
    assert found.answer is SiteAnswer.STILL_SEEN
    assert found.headline == "The site is still seen by a nonlinear model"
    assert any("linear test alone would have passed" in words for words in found.reasons)
    assert any("wm2max" in words for words in found.help)


def test_seen_without_refitting_stands():
    naive = [dataclasses.replace(one, refitted=False) for one in three()]
    loud = [*naive[:2], told("trees", 0.9, 0.02, 1 / 60, refitted=False)]
    assert answer(loud).answer is SiteAnswer.STILL_SEEN


@pytest.mark.parametrize(
    ("after", "batches", "words"),
    [
        ([dataclasses.replace(one, refitted=False) for one in three()], BATCHES, "judged by"),
        ([told("linear")], BATCHES, "not tried: quadratic, trees"),
        (three(), (("A", 60), ("B", 9)), "fewer than 10 subjects: B (9)"),
        (three(trees=told("trees", 0.55, 0.09)), BATCHES, "0.60 is not ruled out"),
        (three(trees=told("trees", p=math.nan)), BATCHES, "no p"),
        ([told("linear", math.nan, reason="too few batches")], BATCHES, "too few batches"),
    ],
)
def test_cannot_tell_says_why_and_what_would_help(after, batches, words):
    found = answer(after, batches)
    assert found.answer is SiteAnswer.CANNOT_TELL
    assert any(words in reason for reason in found.reasons)
    assert found.help


def test_a_linear_pass_alone_is_never_a_pass():
    assert answer([told("linear", 0.5, 0.001, 1.0)]).answer is SiteAnswer.CANNOT_TELL


def test_subjects_needed_follow_from_the_width():
    found = answer(three(trees=told("trees", 0.5, 0.2)))
    # twice the half width that fits between 0.5 and 0.6: four times the 120 subjects, rounded up
    assert found.help[0] in {f"about {n} subjects in all (now 120)" for n in (480, 490)}


def test_p_is_held_against_the_number_of_models():
    quiet = answer(three(trees=told("trees", 0.56, 0.03, 0.03)))
    loud = answer(three(trees=told("trees", 0.56, 0.03, 0.016)))
    assert quiet.answer is SiteAnswer.NO_LONGER_SEEN
    assert loud.answer is SiteAnswer.STILL_SEEN


def test_below_chance_with_a_small_p_is_not_seeing():
    assert answer(three(trees=told("trees", 0.3, 0.03, 0.001))).answer is SiteAnswer.NO_LONGER_SEEN


def test_over_correction_is_in_the_headline_of_a_pass():
    found = answer(three(), over=("half is gone",))
    assert "took more than the site" in found.headline


def effect(share, half=0.02):
    ends = (share - half, share + half)
    return InjectedEffect(
        size_sd=0.5,
        draws=10,
        share=share,
        share_interval=ends,
        share_of_scatter=share,
        share_of_scatter_interval=ends,
        batch_range=ends,
    )


def control(moved, by_chance=0.1):
    return Placebo(
        batch="A",
        subjects=200,
        draws=5,
        correction_sd=moved,
        by_chance_sd=by_chance,
        real_correction_sd=1.0,
    )


UNKNOWN = (math.nan, (math.nan, math.nan))


def test_nothing_is_said_where_nothing_was_taken():
    kept = (1.0, (0.93, 1.05))
    assert over_correction(three(), effect(0.97), control(0.12), "age", kept) == ()
    assert over_correction(three(), None, None, "", UNKNOWN) == ()


@pytest.mark.parametrize(
    ("after", "injected", "placebo", "kept", "words"),
    [
        (three(), effect(0.6), None, UNKNOWN, "60 % came through"),
        (three(), None, control(0.3), UNKNOWN, "nothing to correct"),
        (three(), None, None, (0.5, (0.4, 0.6)), "shrank to 50 %"),
        (three(), None, None, (1.5, (1.3, 1.7)), "inflated"),
        (three(linear=told("linear", 0.4, 0.03)), None, None, UNKNOWN, "below chance"),
    ],
)
def test_each_sign_of_over_correction(after, injected, placebo, kept, words):
    (found,) = over_correction(after, injected, placebo, "age", kept)
    assert words in found
