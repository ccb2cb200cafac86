"""Faults of stacks planted in headers, and stacks that are as scanners make them."""

from __future__ import annotations

import dataclasses
import math

import pytest

from qiqa.core.vetting import Instance, SeriesFacts
from qiqa.vetting.checking import settings_of
from qiqa.vetting.checks import geometry

SETTINGS = {one.name: one.default for one in geometry.CHECK.settings}
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
NAN = math.nan


def stack(slices=24, step=3.0, axes=((NAN,),), repeats=1, orientation=AXIAL):
    """Return the images of one series, slices along z."""
    return [
        Instance(
            path=f"im{a}_{r}_{k}",
            size=1000,
            sop_uid=f"1.{a}.{r}.{k}",
            position_mm=(-100.0, -100.0, step * k),
            orientation=orientation,
            instance_number=k + 1,
            axis=axis,
            rows=128,
            columns=128,
            spacing_mm=(1.0, 1.0),
        )
        for a, axis in enumerate(axes)
        for r in range(repeats)
        for k in range(slices)
    ]


def seen(instances, **attributes):
    facts = SeriesFacts(
        path="a", series_uid="1.2", instances=tuple(instances), attributes=attributes
    )
    return {one.code: one for one in geometry.look(facts, SETTINGS)}


@pytest.mark.parametrize(
    "images",
    [
        stack(),
        stack(slices=1),
        stack(axes=[(NAN, 0.0), (NAN, 500.0), (NAN, 1000.0)]),
        stack(repeats=40),  # a time series without numbers of volumes
        stack(step=3.00004),
        [*stack(axes=[(0.0,)], repeats=4), *stack(axes=[(1000.0,)], repeats=30)],
    ],
    ids=["plain", "one slice", "b-values", "in time", "printed digits", "b0 four times"],
)
def test_what_scanners_make_is_not_accused(images):
    unique = [dataclasses.replace(one, sop_uid=str(i)) for i, one in enumerate(images)]
    assert seen(unique) == {}
    assert seen(unique[::-1]) == {}


def test_an_echo_of_its_own_for_each_slice_is_no_incomplete_volume():
    images = [dataclasses.replace(one, axis=(5.0 + i,)) for i, one in enumerate(stack())]
    assert seen(images) == {}


@pytest.mark.parametrize("lost", [[5], [5, 6], [3, 11, 17]])
def test_lost_slices_are_counted(lost):
    images = [one for k, one in enumerate(stack()) if k not in lost]
    found = seen(images)
    assert set(found) == {"slices_missing"}
    assert found["slices_missing"].value == len(lost)
    assert "of 24 slices" in found["slices_missing"].evidence


def test_lost_end_is_seen_by_what_the_header_states():
    found = seen(stack()[:20], ImagesInAcquisition=(24.0,), AcquisitionNumber=(1.0,))
    assert {code: one.value for code, one in found.items()} == {"fewer_than_stated": 4.0}


@pytest.mark.parametrize("percent", [2.0, 5.0, 30.0])
def test_irregular_spacing(percent):
    images = stack()
    moved = (-100.0, -100.0, 3.0 * 10 + 3.0 * percent / 100)
    images[10] = dataclasses.replace(images[10], position_mm=moved)
    found = seen(images)
    assert found["spacing_irregular"].value == pytest.approx(percent, rel=0.01)


def test_repeated_and_incomplete():
    images = stack(axes=[(0.0,), (500.0,), (1000.0,)])
    again = dataclasses.replace(images[30], sop_uid="9.9", path="again")
    assert seen([*images, again])["slices_repeated"].value == 1
    assert seen(images[:-2])["volume_incomplete"].value == 2
    twice = dataclasses.replace(images[30], path="again")
    found = seen([*images, twice])
    assert set(found) == {"repeated_instance"}


def test_orientations_sizes_and_positions():
    localizer = [*stack(3), *stack(3, orientation=SAGITTAL)]
    localizer = [dataclasses.replace(one, sop_uid=str(i)) for i, one in enumerate(localizer)]
    assert seen(localizer)["several_orientations"].value == 1
    images = stack()
    images[3] = dataclasses.replace(images[3], rows=256)
    assert "128 x 256" in seen(images)["sizes_differ"].evidence
    lost = [dataclasses.replace(one, position_mm=None) for one in images]
    assert seen(lost)["no_position"].value == 24


def test_stated_spacing():
    assert seen(stack(), SpacingBetweenSlices=(3.0,)) == {}
    found = seen(stack(), SpacingBetweenSlices=(3.3,))
    assert found["spacing_contradicts"].value == pytest.approx(10.0)


def test_settings_come_from_the_policy(policy):
    changed = dataclasses.replace(policy, settings={"geometry": {"parallel_deg": 2.0}})
    assert settings_of(geometry.CHECK, changed)["parallel_deg"] == 2.0


@pytest.mark.parametrize("gone", [(1, 3, 5), (1, 2, 5), (2, 4, 6)])
def test_many_missing_slices_are_no_irregular_spacing(gone):
    left = [one for k, one in enumerate(stack(8, step=5.5)) if k not in gone]
    found = seen(left, SpacingBetweenSlices=(5.5,))
    assert found["slices_missing"].value == 3
    assert "spacing_irregular" not in found


def test_a_slice_halfway_between_two_is_irregular():
    images = stack(8, step=5.0)
    off = dataclasses.replace(images[3], position_mm=(-100.0, -100.0, 17.5))
    found = seen([*images[:3], off, *images[4:]], SpacingBetweenSlices=(5.0,))
    assert found["spacing_irregular"].value == pytest.approx(50.0)
    assert "slices_missing" not in found
