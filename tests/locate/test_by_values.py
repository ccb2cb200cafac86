"""Labels from values: chosen where the order tells, else left open; exchanged inserts named."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.arrangement import Group
from qiqa.io.definitions import load_phantom
from qiqa.locate import disorder


@pytest.fixture(scope="module")
def group() -> Group:
    return load_phantom("nist_system").find_group("T2")


@pytest.fixture(scope="module")
def certified(group) -> dict[str, float]:
    # Stupic et al. 2021, batch 1, MnCl2 T2 at 3 T in ms
    t2 = (581.3, 403.5, 278.1, 190.94, 133.27, 96.89, 64.07, 46.42, 31.97, 22.56, 15.813, 11.237,
          7.911, 5.592)  # fmt: skip
    return dict(zip(group.labels, t2, strict=True))


def test_values_in_order_are_no_finding(group, certified):
    small = dict.fromkeys(certified, 0.1)
    assert disorder(group, "t2", certified, small) is None
    # a common error, or noise below the steps, changes no order
    rng = np.random.default_rng(1)
    noisy = {k: 1.2 * v * (1 + rng.normal(0, 0.02)) for k, v in certified.items()}
    assert disorder(group, "t2", noisy, small) is None


@pytest.mark.parametrize(("one", "other"), [("T2-13", "T2-14"), ("T2-3", "T2-9"), ("T2-1", "T2-2")])
def test_an_exchanged_pair_is_named(group, certified, one, other):
    swapped = {**certified, one: certified[other], other: certified[one]}
    found = disorder(group, "t2", swapped, dict.fromkeys(certified, 0.01))
    assert found is not None
    assert found.exchanged == ((one, other),)


def test_one_wrong_value_is_no_exchange(group, certified):
    wrong = {**certified, "T2-4": 3 * certified["T2-4"]}
    found = disorder(group, "t2", wrong, dict.fromkeys(certified, 0.01))
    assert found is not None
    assert found.exchanged == ()
    assert "T2-4" in found.labels


def test_uncertain_values_are_not_accused(group, certified):
    swapped = {**certified, "T2-13": 5.592, "T2-14": 7.911}
    unsure = dict.fromkeys(certified, 3.0)
    assert disorder(group, "t2", swapped, unsure) is None


def test_vials_of_equal_content_may_differ():
    """Outer vials read higher for reasons of position: no disorder within one content."""
    phantom = load_phantom("qiba_diffusion")
    (group,) = phantom.group
    adc = {0: 1109.0, 10: 817.0, 20: 579.0, 30: 380.0, 40: 220.0, 50: 110.0}
    values = {}
    for label, content in zip(group.labels, group.contents, strict=True):
        values[label] = adc[int(content)] * (1.07 if label.endswith("outer") else 1.0)
    assert disorder(group, "adc", values, dict.fromkeys(values, 1.0)) is None


def test_a_quantity_without_stated_order_is_not_judged(group, certified):
    assert disorder(group, "t2star", certified, dict.fromkeys(certified, 0.1)) is None
