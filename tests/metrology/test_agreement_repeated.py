"""Limits of agreement with repeats against the paper's own example and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.metrology.agreement import agreement
from qiqa.metrology.agreement_repeated import agreement_of_changing, agreement_of_constant

# Bland & Altman, J Biopharm Stat 2007;17:571, table 1: cardiac output by radionuclide
# ventriculography and impedance cardiography, 12 subjects.
CARDIAC = {
    1: ((7.83, 6.57), (7.42, 5.62), (7.89, 6.90), (7.12, 6.57), (7.88, 6.35)),
    2: ((6.16, 4.06), (7.26, 4.29), (6.71, 4.26), (6.54, 4.09)),
    3: ((4.75, 4.71), (5.24, 5.50), (4.86, 5.08), (4.78, 5.02), (6.05, 6.01), (5.42, 5.67)),
    4: ((4.21, 4.14), (3.61, 4.20), (3.72, 4.61), (3.87, 4.68), (3.92, 5.04)),
    5: ((3.13, 3.03), (2.98, 2.86), (2.85, 2.77), (3.17, 2.46), (3.09, 2.32), (3.12, 2.43)),
    6: ((5.92, 5.90), (6.42, 5.81), (5.92, 5.70), (6.27, 5.76)),
    7: ((7.13, 5.09), (6.62, 4.63), (6.58, 4.61), (6.93, 5.09)),
    8: ((4.54, 4.72), (4.81, 4.61), (5.11, 4.36), (5.29, 4.20), (5.39, 4.36), (5.57, 4.20)),
    9: ((4.48, 3.17), (4.92, 3.12), (3.97, 2.96)),
    10: ((4.22, 4.35), (4.65, 4.62), (4.74, 3.16), (4.44, 3.53), (4.50, 3.53)),
    11: ((6.78, 7.20), (6.07, 6.09), (6.52, 7.00), (6.42, 7.10), (6.41, 7.40), (5.76, 6.80)),
    12: ((5.06, 4.50), (4.72, 4.20), (4.90, 3.80), (4.80, 3.80), (4.90, 4.20), (5.10, 4.50)),
}
SUBJECT = [subject for subject, pairs in CARDIAC.items() for _ in pairs]
RV, IC = np.array([pair for pairs in CARDIAC.values() for pair in pairs]).T
UNEQUAL = (2, 8, 3, 3, 1, 5, 7, 2, 4, 2, 1, 6)


def test_cardiac_output_with_a_true_value_that_changes():
    """As printed: bias 0.6021667, SD 0.99062408, limits -1.3394565 to 2.5437899."""
    found = agreement_of_changing(RV, IC, SUBJECT)
    assert (found.subjects, found.n) == (12, 60)
    assert found.bias.value == pytest.approx(0.6021667, abs=5e-8)
    assert found.sd == pytest.approx(0.99062408, abs=5e-8)
    assert found.lower.value == pytest.approx(-1.3394565, abs=2e-7)
    assert found.upper.value == pytest.approx(2.5437899, abs=2e-7)
    assert found.bias.degrees_of_freedom == 11


def test_cardiac_output_with_a_constant_true_value():
    """As printed: mean of the subjects' differences 0.7092361, SD 1.0518506.

    The paper puts its limits about the mean over pairs, 0.602; here each subject counts the same.
    """
    found = agreement_of_constant(RV, SUBJECT, IC, SUBJECT)
    assert (found.subjects, found.n) == (12, 120)
    assert found.bias.value == pytest.approx(0.7092361, abs=5e-8)
    assert found.sd == pytest.approx(1.0518506, abs=5e-7)
    assert found.upper.value - found.lower.value == pytest.approx(2.6637939 + 1.4594605, abs=2e-6)


def test_pairs_of_one_subject_make_the_bias_less_sure_than_as_many_subjects():
    found, wrong = agreement_of_changing(RV, IC, SUBJECT), agreement(RV, IC)
    assert wrong.sd == pytest.approx(0.9610571, abs=5e-8)  # printed, ignoring subjects
    assert found.bias.standard_error > 2 * wrong.bias.standard_error


def covered(study, truth, times, seed):
    rng = np.random.default_rng(seed)
    inside = np.zeros(3)
    for _ in range(times):
        found = study(rng)
        for i, one in enumerate((found.bias, found.lower, found.upper)):
            inside[i] += one.interval[0] <= truth[i] <= one.interval[1]
    return inside / times


@pytest.mark.parametrize("between", [0.5, 1.0, 3.0])
def test_intervals_cover_with_unequal_numbers_of_pairs(between):
    subject = np.repeat(np.arange(12), UNEQUAL)

    def study(rng):
        true = rng.normal(50, 10, subject.size)
        own = rng.normal(0, between, 12)[subject]
        return agreement_of_changing(true + 1 + own + rng.normal(0, 0.5, true.size), true, subject)

    reach = 1.96 * math.hypot(between, 0.5)
    share = covered(study, (1, 1 - reach, 1 + reach), 1000, 8)
    # one standard deviation of a share of 95 % is 0.69 %; the recovered variances lie above
    assert (share > 0.95 - 4 * 0.0069).all()
    assert (share < 0.985).all()


def test_no_difference_between_subjects_errs_on_the_wide_side():
    subject = np.repeat(np.arange(12), UNEQUAL)

    def study(rng):
        true = rng.normal(50, 10, subject.size)
        return agreement_of_changing(true + 1 + rng.normal(0, 1, true.size), true, subject)

    share = covered(study, (1, 1 - 1.96, 1 + 1.96), 1000, 9)
    assert (share > 0.95).all()


def test_intervals_cover_where_readings_are_not_paired():
    def study(rng):
        of_x, of_y = (np.repeat(np.arange(20), rng.permutation(20) % 4 + 1) for _ in range(2))
        true, own = rng.normal(50, 10, 20), rng.normal(1, 1, 20)
        x = (true + own)[of_x] + rng.normal(0, 0.7, of_x.size)
        y = true[of_y] + rng.normal(0, 0.4, of_y.size)
        return agreement_of_constant(x, of_x, y, of_y)

    reach = 1.96 * math.sqrt(1 + 0.49 + 0.16)
    share = covered(study, (1, 1 - reach, 1 + reach), 1000, 10)
    assert (share > 0.95 - 4 * 0.0069).all()
    assert (share < 0.985).all()


def test_order_and_names_of_subjects_do_not_matter():
    order = np.random.default_rng(1).permutation(60)
    names = np.array([f"subject {s}" for s in SUBJECT])
    one = agreement_of_changing(RV, IC, SUBJECT)
    other = agreement_of_changing(RV[order], IC[order], names[order])
    assert other.sd == pytest.approx(one.sd)
    assert other.upper.interval == pytest.approx(one.upper.interval)
    turned = agreement_of_constant(IC, SUBJECT, RV[order], np.array(SUBJECT)[order])
    plain = agreement_of_constant(RV, SUBJECT, IC, SUBJECT)
    assert turned.lower.interval == pytest.approx(tuple(-e for e in plain.upper.interval[::-1]))


@pytest.mark.parametrize(
    ("x", "y", "subject", "error", "says"),
    [
        ([1, 2, 3, 4], [1, 3, 3, 5], [1, 2, 3, 4], NotMeasurable, "no subject has more than one"),
        ([1, 2, 3, 4], [1, 3, 3, 5], [1, 2, 1, 2], NotMeasurable, "2 subjects, at least 3"),
        ([1, 2, 3, 4], [1, 3, 3, 5], [1, 2, 1], UsageError, "subject has the shape"),
        ([1, 2, 3, 4], [0, 1, 2, 3], [1, 2, 3, 3], NotMeasurable, "differences are the same"),
        ([1, 2, math.nan, 4], [0, 1, 2, 3], [1, 2, 3, 3], NotMeasurable, "missing"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_the_reason(x, y, subject, error, says):
    with pytest.raises(error, match=says):
        agreement_of_changing(x, y, subject)


def test_a_subject_read_by_one_method_only_is_named():
    with pytest.raises(NotMeasurable, match=r"2 subjects were read by one method only.*'c'"):
        agreement_of_constant([1, 2, 3], ["a", "b", "c"], [1, 2, 3], ["a", "b", "d"])
    with pytest.raises(NotMeasurable, match="more than one reference reading"):
        agreement_of_constant([1, 2, 3, 4], ["a", "b", "c", "c"], [1, 2, 3], ["a", "b", "c"])
