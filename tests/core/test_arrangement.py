"""The built-in arrangements have the published geometry; every rule here is from their sources."""

import dataclasses
import itertools
import math

import pytest

from qiqa.core.certificate import Certificate
from qiqa.io.definitions import load_phantom

SYSTEM = load_phantom("nist_system")
DIFFUSION = load_phantom("qiba_diffusion")


@pytest.mark.parametrize(("name", "y"), [("T1", -56.5), ("T2", -16.5), ("PD", 23.5)])
def test_plates_of_the_system_phantom(name, y):
    """Ten spheres on 50 mm, 36 degrees apart from +z towards +x, four at (+-20, +-20)."""
    group = SYSTEM.find_group(name)
    ring = [
        (50 * math.sin(math.radians(36 * n)), y, 50 * math.cos(math.radians(36 * n)))
        for n in range(10)
    ]
    inner = [(-20, y, 20), (20, y, 20), (20, y, -20), (-20, y, -20)]
    for center, expected in zip(group.centers_mm, [*ring, *inner], strict=True):
        assert center == pytest.approx(expected, abs=0.01)
    assert group.labels == tuple(f"{name}-{n}" for n in range(1, 15))
    assert (group.inner_diameter_mm, group.outer_diameter_mm, group.shape) == (15, 20, "sphere")
    assert group.position_uncertainty_mm == 0.4


def test_fiducials_are_a_lattice_of_40_mm_within_93_mm():
    group = SYSTEM.find_group("fiducial")
    lattice = {
        tuple(40.0 * i for i in index)
        for index in itertools.product(range(-2, 3), repeat=3)
        if 40 * math.hypot(*index) < 93
    }
    assert len(lattice) == 57
    assert set(group.centers_mm) == lattice
    per_plate = [sum(c[1] == 40.0 * n for c in group.centers_mm) for n in range(2, -3, -1)]
    assert per_plate == [5, 13, 21, 13, 5]
    assert group.inner_diameter_mm == 10
    absent = dict(zip(group.labels, group.centers_mm, strict=True))[group.absent[0]]
    assert absent == (0.0, -80.0, 0.0)


def test_vials_of_the_diffusion_phantom():
    """Water in the middle; each concentration once on 35 mm and once on 60 mm, water as well."""
    group = DIFFUSION.find_group("PVP")
    radii = {}
    for content, (x, y, z) in zip(group.contents, group.centers_mm, strict=True):
        radii.setdefault(content, []).append(round(math.hypot(x, y)))
        assert z == 0
    assert radii == {0: [0, 35, 60], **{float(c): [35, 60] for c in (10, 20, 30, 40, 50)}}
    inner, outer = (
        sorted(
            round(math.degrees(math.atan2(y, x))) % 360
            for x, y, _ in group.centers_mm
            if round(math.hypot(x, y)) == r
        )
        for r in (35, 60)
    )
    assert inner == [30, 90, 150, 210, 270, 330]
    assert outer == [0, 60, 120, 180, 240, 300]
    # where mriqa puts each concentration, to a millimeter or two
    places = {
        0: [(0, 0), (30, 18), (30, 52)], 10: [(0, 35), (-30, 52)], 20: [(-30, 18), (-61, 0)],
        30: [(-30, -18), (-30, -52)], 40: [(0, -35), (30, -52)], 50: [(30, -18), (61, 0)],
    }  # fmt: skip
    for content, expected in places.items():
        found = [
            c[:2] for g, c in zip(group.contents, group.centers_mm, strict=True) if g == content
        ]
        for center, place in zip(found, expected, strict=True):
            assert math.dist(center, place) < 1.1, content
    assert {m.center_mm[:2] for m in DIFFUSION.landmark} == {(53, -30), (-53, 30), (-53, -30)}


def test_values_follow_the_order_that_a_group_promises():
    for phantom in (SYSTEM, DIFFUSION):
        for table in phantom.certificate:
            group = phantom.find_group(table.group)
            labels = table.inserts or group.labels
            content = dict(zip(group.labels, group.contents, strict=True))
            for row, other in itertools.pairwise(range(len(table.value))):
                if content[labels[row]] == content[labels[other]]:
                    continue
                pairs = zip(table.value[row], table.value[other], strict=True)
                for value, following in pairs:
                    if table.quantity in group.falling:
                        assert following < value, (table.describe(), labels[other])
                    if table.quantity in group.rising:
                        assert following > value, (table.describe(), labels[other])


def test_own_values_come_first_then_the_more_trusted_then_those_of_the_batch():
    base = Certificate(
        group="T1", quantity="x", unit="ms", temperature_degc=(), value=((1.0,),),
        confidence="secondary", source="s",
    )  # fmt: skip
    order = [
        dataclasses.replace(base, serial="130-0200", confidence="unreliable", source="own"),
        dataclasses.replace(base, confidence="certified", source="trusted"),
        dataclasses.replace(base, batch="2.5", source="batch"),
        dataclasses.replace(base, source="any"),
        dataclasses.replace(base, batch="2.5", confidence="unreliable", source="doubted"),
    ]
    for mixed in itertools.permutations(order):
        phantom = dataclasses.replace(SYSTEM, certificate=mixed)
        found = phantom.certificates("T1", "x", "130-0200", None)
        assert [t.source for t in found] == [t.source for t in order]
    phantom = dataclasses.replace(SYSTEM, certificate=tuple(order))
    assert [t.source for t in phantom.certificates("T1", "x", "130-0041", 3.0)] == [
        "trusted", "any",
    ]  # fmt: skip
