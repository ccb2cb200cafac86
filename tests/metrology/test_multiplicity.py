"""Adjusted p values against the example of the publication and an independent program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import UsageError
from qiqa.metrology.multiplicity import benjamini_hochberg, holm

# Benjamini and Hochberg 1995, section 4: thrombolysis in myocardial infarction
PUBLISHED = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
    0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip
chances = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_myocardial_infarction():
    """They reject four hypotheses; Bonferroni's and with it Holm's way rejects three."""
    assert (benjamini_hochberg(PUBLISHED) < 0.05).sum() == 4
    assert (holm(PUBLISHED) < 0.05).sum() == 3


@pytest.mark.parametrize(("ours", "name"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_against_statsmodels(ours, name):
    multi = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(1)
    for m in (1, 2, 3, 7, 20, 100):
        # small ones, large ones and ties
        for p in (rng.random(m) ** 3, rng.random(m), np.round(rng.random(m), 1)):
            assert ours(p) == pytest.approx(multi.multipletests(p, method=name)[1], abs=1e-12)


@given(chances, st.randoms())
def test_order_does_not_matter_and_nothing_becomes_smaller(p, random):
    shuffled = list(range(len(p)))
    random.shuffle(shuffled)
    for adjust in (holm, benjamini_hochberg):
        found = adjust(p)
        assert np.all(found >= np.array(p) - 1e-15)
        assert adjust(np.array(p)[shuffled]) == pytest.approx(found[shuffled])
    assert np.all(holm(p) >= benjamini_hochberg(p) - 1e-15)


def test_a_test_that_was_not_made_does_not_count():
    found = holm([0.01, np.nan, 0.04])
    assert found[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(found[1])
    assert holm([]).size == 0
    for wrong in (-0.1, 1.1, np.inf):
        with pytest.raises(UsageError, match="from 0 to 1"):
            benjamini_hochberg([0.5, wrong])
