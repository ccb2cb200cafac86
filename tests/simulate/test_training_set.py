"""Made-up training sets: the same seed the same set, each fault is there and nowhere else."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import OutputError, UsageError
from qiqa.core.training_set import PlantedFault
from qiqa.simulate.set_faults import FAULTS, spoil
from qiqa.simulate.training_set import TrainingSetSpec, image_of, plan_training_set
from qiqa.workflows.simulated_training_set import make_training_set

pydicom = pytest.importorskip("pydicom")

SMALL = TrainingSetSpec(sites=3, people_a_site=4, slices=6, matrix=48)
PIXELS = [fault.kind for fault in FAULTS if fault.where == "pixels"]


def with_fault(kind, dose=1.0, contrast="t2w"):
    plan = plan_training_set(SMALL)
    one = next(s for s in plan.series if s.contrast == contrast)
    return plan, dataclasses.replace(one, faults=(PlantedFault(kind=kind, dose=dose),))


def test_the_same_seed_is_the_same_set():
    one, other = plan_training_set(SMALL), plan_training_set(SMALL)
    assert one == other
    assert (image_of(one, one.series[4]) == image_of(other, other.series[4])).all()
    changed = plan_training_set(dataclasses.replace(SMALL, seed=2))
    assert changed.series[4].series_uid != one.series[4].series_uid


def test_people_differ_and_stay_themselves():
    plan = plan_training_set(SMALL)
    first = [s for s in plan.series if s.contrast == "t1w"]
    images = [image_of(plan, s) for s in first[:4]]
    again = image_of(plan, dataclasses.replace(first[0], image_seed=77))
    flat = [image.ravel() for image in images]
    same = np.corrcoef(flat[0], again.ravel())[0, 1]
    others = [np.corrcoef(flat[0], x)[0, 1] for x in flat[1:]]
    assert same > max(others) + 0.05


@pytest.mark.parametrize("kind", PIXELS)
def test_faults_of_pixels_change_pixels_more_at_a_higher_dose(kind):
    plan, low = with_fault(kind, 0.0)
    high = dataclasses.replace(low, faults=(PlantedFault(kind=kind, dose=1.0),))
    clean = image_of(plan, dataclasses.replace(low, faults=()))
    changed = [float(np.abs(image_of(plan, s) - clean).mean()) for s in (low, high)]
    assert changed[0] > 0.0
    assert changed[0] < changed[1]


def test_other_faults_leave_pixels_alone():
    image = np.ones((4, 4, 2))
    others = tuple((f.kind, 1.0) for f in FAULTS if f.where != "pixels")
    assert (spoil(image, others, np.random.default_rng(0)) == image).all()


def test_shares_are_kept_and_the_truth_is_written(tmp_path):
    spec = dataclasses.replace(
        SMALL, faults={"identity": 0.25, "slices_missing": 0.25, "copy_flipped": 0.1}, several=0.0
    )
    plan = make_training_set(spec, tmp_path / "set")
    assert len(plan.series) == 36 + 4
    with (tmp_path / "set" / "truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [r["series_uid"] for r in rows] == [s.series_uid for s in plan.series]
    assert sum("identity=" in r["faults"] for r in rows) == 9
    files = sorted((tmp_path / "set" / "dicom").rglob("*.dcm"))
    by_series = {}
    for path in files:
        ds = pydicom.dcmread(path)
        by_series.setdefault(str(ds.SeriesInstanceUID), []).append(ds)
    for one in plan.series:
        slices = by_series[one.series_uid]
        lost = [f for f in one.faults if f.kind == "slices_missing"]
        assert len(slices) == 6 - sum(1 + int(2 * f.dose) for f in lost)
        named = any(str(ds.PatientName) == one.patient for ds in slices)
        assert named == any(f.kind == "identity" for f in one.faults)


def test_a_map_says_its_unit_and_a_fault_takes_it_away(tmp_path):
    from qiqa.io.write_training_set import write_planned_series

    plan, spoiled = with_fault("map_unit", 0.5, "adc")
    scanner = plan.scanners[spoiled.scanner]
    medians = []
    for number, one in enumerate((dataclasses.replace(spoiled, faults=()), spoiled)):
        paths = write_planned_series(tmp_path / str(number), one, scanner, image_of(plan, one))
        ds = pydicom.dcmread(paths[3])
        values = ds.pixel_array * float(ds.RescaleSlope)
        medians.append(float(np.median(values[values > 0])))
        assert ds.RescaleType == "10^-6 mm2/s"
    assert 600 < medians[0] < 1100
    assert medians[1] == pytest.approx(medians[0] / 1000.0, rel=0.01)


def test_wrong_use_is_refused(tmp_path):
    with pytest.raises(UsageError, match="'rust' is no fault"):
        TrainingSetSpec(faults={"rust": 0.1})
    with pytest.raises(UsageError, match="not from 0 to 1"):
        TrainingSetSpec(faults={"wrap": 1.5})
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").touch()
    with pytest.raises(OutputError, match="not empty"):
        make_training_set(SMALL, tmp_path / "x")


def test_nothing_is_planted_that_a_map_cannot_have():
    shares = {"attributes": 0.2, "protocol": 0.2, "burned_in": 0.2, "wrap": 0.5}
    plan = plan_training_set(dataclasses.replace(SMALL, faults=shares, several=1.0))
    maps = [fault.kind for s in plan.series if s.contrast == "adc" for fault in s.faults]
    assert set(maps) == {"wrap"}
    assert any(len(s.faults) > 1 for s in plan.series)
