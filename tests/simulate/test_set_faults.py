"""What names a fault, and what is only true of it, are codes that checks say."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.simulate.set_faults import FAULTS, spoil
from qiqa.workflows.vet_checks import known_checks


def test_all_codes_are_said_by_a_check_and_name_or_are_true_not_both():
    known = {reason.code for check in known_checks() for reason in check.reasons}
    for fault in FAULTS:
        assert known & set(fault.codes)
        assert set(fault.also) <= known
        assert not set(fault.codes) & set(fault.also)


@pytest.mark.parametrize("n", [96, 128, 192])
@pytest.mark.parametrize("dose", [0.0, 0.5, 1.0])
def test_letters_are_an_annotation_and_do_not_fill_the_image(n, dose):
    clean = np.full((n, n, 2), 100.0)
    for seed in range(6):
        drawn = spoil(clean, (("burned_in", dose),), np.random.default_rng(seed))
        columns, rows = np.nonzero((drawn != clean).any(axis=2))
        assert np.ptp(columns) <= n / 3
        assert np.ptp(rows) <= 80
        assert columns.min() >= 2
        assert max(columns.max(), rows.max()) < n - 1
