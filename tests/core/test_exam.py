"""Series are put together to exams by what is known about them."""

from __future__ import annotations

import datetime as dt

import numpy as np

from qiqa.core.exam import group_exams, normal_manufacturer
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import FrameSource, SeriesHeader

_DAY = dt.datetime(2024, 5, 6, 8, 0)


def _series(
    uid: str,
    maker: str | None = "SIEMENS",
    serial: str | None = "1",
    when: dt.datetime | None = _DAY,
    copy: str | None = None,
) -> SeriesHeader:
    return SeriesHeader(
        series_uid=uid,
        scanner=Scanner(
            manufacturer=maker, model="Skyra", serial_number=serial, field_strength_t=3.0
        ),
        acquisition=Acquisition(acquired_at=when, software="E11"),
        affine=np.eye(4),
        shape=(1, 1, 1, 1),
        frames=((FrameSource(path=uid),),),
        slice_positions_mm=(0.0,),
        copy=copy,
    )


def _names(*series: SeriesHeader) -> list[list[str]]:
    return [[h.series_uid for h in exam.headers] for exam in group_exams(series)]


def test_names_of_one_manufacturer() -> None:
    assert normal_manufacturer("GE MEDICAL SYSTEMS") == normal_manufacturer("GE")
    assert normal_manufacturer("Siemens HealthCare GmbH") == normal_manufacturer("SIEMENS")
    assert normal_manufacturer(None) is None
    assert _names(_series("a"), _series("b", maker="Siemens Healthineers")) == [["a", "b"]]


def test_serial_and_date_separate() -> None:
    other_day = _DAY + dt.timedelta(days=1)
    assert _names(_series("a"), _series("b", serial="2")) == [["a"], ["b"]]
    assert _names(_series("a"), _series("b", when=other_day)) == [["a"], ["b"]]


def test_unknown_joins_the_only_one_that_fits() -> None:
    unknown = _series("u", serial=None, when=None)
    assert _names(unknown, _series("a")) == [["u", "a"]]
    assert _names(_series("a"), _series("b", serial="2"), unknown) == [["a"], ["b"], ["u"]]
    twin = _series("v", serial=None, when=None)
    found = _names(_series("a"), _series("b", serial="2"), unknown, twin)
    assert found == [["a"], ["b"], ["u", "v"]]


def test_copies_never_share_an_exam() -> None:
    assert _names(_series("a", copy="x"), _series("a", copy="y")) == [["a"], ["a"]]


def test_exam_knows_what_any_series_knows() -> None:
    later = _DAY + dt.timedelta(hours=1)
    (exam,) = group_exams([_series("a", serial=None, when=later), _series("b")])
    assert exam.scanner.serial_number == "1"
    assert exam.acquired_at == _DAY
    assert "2024-05-06" in exam.label
    assert "2 series" in exam.label
