"""Scatter between conditions, against published variance components and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.precision import within_subject_sd
from qiqa.metrology.reproducibility import reproducibility

# Davies 1949: yield of dyestuff from six batches
DYESTUFF = [
    1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495, 1595, 1550, 1605, 1510, 1560,
    1445, 1440, 1595, 1465, 1545, 1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445,
]  # fmt: skip


def test_dyestuff_has_its_published_components():
    """Between batches 1764.05, within 2451.25 (Davies; Bates et al., J Stat Softw 2015;67:1)."""
    found = reproducibility(DYESTUFF, ["dye"] * 30, np.repeat(list("ABCDEF"), 5))
    assert found.sd**2 == pytest.approx(1764.05 + 2451.25, rel=1e-6)
    assert found.repeat_sd**2 == pytest.approx(2451.25)
    assert found.rdc == pytest.approx(2.7718 * found.sd, rel=1e-5)
    assert found.design == "nested"
    # Satterthwaite by hand: mean square between 11271.5 with 5, within with 24
    parts = (11271.5 / 5, 5), (0.8 * 2451.25, 24)
    dof = sum(p for p, _ in parts) ** 2 / sum(p**2 / d for p, d in parts)
    assert found.degrees_of_freedom == pytest.approx(dof, rel=1e-4)


def test_without_repeats_it_is_the_scatter_of_conditions_and_exact():
    rng = np.random.default_rng(3)
    values, who = rng.normal(10, 1, 12), np.repeat([0, 1, 2, 3], 3)
    found = reproducibility(values, who, np.arange(12))
    plain = within_subject_sd(values, who)
    assert found.sd == pytest.approx(plain.wsd)
    assert found.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom)
    assert found.interval.low == pytest.approx(plain.interval.low)
    assert found.interval.high == pytest.approx(plain.interval.high)
    assert math.isnan(found.repeat_sd)


def test_crossed_components_of_an_analysis_of_variance():
    """Expected mean squares from statsmodels' table of the same balanced data."""
    formula = pytest.importorskip("statsmodels.formula.api")
    anova = pytest.importorskip("statsmodels.stats.anova")
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(8)
    s, c, n = 5, 4, 3
    who, what = np.repeat(np.arange(s), c * n), np.tile(np.repeat(np.arange(c), n), s)
    values = rng.normal(0, 5, s)[who] + rng.normal(0, 2, c)[what] + rng.normal(0, 1, s * c * n)
    frame = pandas.DataFrame({"y": values, "s": who.astype(str), "c": what.astype(str)})
    squares = anova.anova_lm(formula.ols("y ~ s * c", frame).fit())["mean_sq"]
    both, error = (squares["s:c"] - squares["Residual"]) / n, squares["Residual"]
    between = (squares["c"] - squares["s:c"]) / (s * n)
    found = reproducibility(values, who, what)
    assert found.design == "crossed"
    assert found.sd**2 == pytest.approx(between + both + error)
    assert found.repeat_sd**2 == pytest.approx(error)


@pytest.mark.parametrize("design", ["crossed", "nested"])
def test_intervals_cover_with_unequal_repeats(design):
    rng = np.random.default_rng(21)
    s, c = 6, 5
    repeats = np.tile([1, 2, 3], s * c // 3)
    who = np.repeat(np.repeat(np.arange(s), c), repeats)
    what = np.repeat(np.tile(np.arange(c), s), repeats)
    cell = np.repeat(np.arange(s * c), repeats)
    labels = what if design == "crossed" else cell
    truth, inside, squares, runs = math.sqrt(2**2 + 0.5**2 + 1), 0, 0.0, 600
    for _ in range(runs):
        shared = rng.normal(0, 2, s * c)[labels]
        values = 10 * who + shared + rng.normal(0, 0.5, s * c)[cell] + rng.normal(0, 1, who.size)
        found = reproducibility(values, who, labels)
        inside += found.interval.low <= truth <= found.interval.high
        squares += found.sd**2
    assert 0.923 < inside / runs < 0.985  # three standard errors; a little wide where mixed
    assert squares / runs == pytest.approx(truth**2, rel=0.12)


def test_as_many_subjects_do_not_make_scanners():
    """Four scanners are four scanners, whether five or fifty subjects see them."""
    rng = np.random.default_rng(5)
    bias = rng.normal(0, 3, 4)
    widths = []
    for s in (5, 50):
        who, what = np.repeat(np.arange(s), 4), np.tile(np.arange(4), s)
        values = rng.normal(100, 10, s)[who] + bias[what] + rng.normal(0, 0.3, 4 * s)
        found = reproducibility(values, who, what)
        widths.append((found.interval.high - found.interval.low) / found.sd)
        assert found.degrees_of_freedom == pytest.approx(3, abs=0.3)
    assert widths[1] == pytest.approx(widths[0], rel=0.1)


def test_refusals():
    with pytest.raises(NotMeasurable, match="two conditions"):
        reproducibility([1.0, 2.0, 3.0], ["a", "a", "b"], ["s", "s", "t"])
    with pytest.raises(NotMeasurable, match="1 of 6 pairs"):
        reproducibility([1.0, 2, 3, 4, 5], list("aaabb"), list("xyzxy"))
    with pytest.raises(NotMeasurable, match="identical"):
        reproducibility([1.0, 1.0, 2.0, 2.0], list("aabb"), list("xyxy"))
