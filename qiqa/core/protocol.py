"""Protocols as data: what must be acquired, what is judged, against which limits."""

from __future__ import annotations

import dataclasses
from typing import Literal

__all__ = ["ANY_PHANTOM", "Effect", "Entry", "ExpectedSeries", "Limit", "Protocol"]

ANY_PHANTOM = "any"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a deviation from an expected series does to the result."""

    field: str
    """Key of the expected series, `repeats`, or `missing` where the series is not there."""
    text: str
    """One sentence for a person."""
    without: tuple[float, float] | None = None
    """Only for `values`: it holds where none was acquired in this range; None: where any lacks."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSeries:
    """One series of the protocol and how to recognize it from its acquisition, never its name."""

    role: str
    orientation: Literal["axial_stack", "localizer", "inserts", "volume"]
    required: bool
    encoding: str | None = None
    """What is varied from image to image: `inversion_time`, `echo_time`, `b_value`, ..."""
    maps: str | None = None
    """The quantity that is fitted to it: `t1`, `t2`, `adc`."""
    model: str | None = None
    """Signal model that is fitted; None takes the one that the acquisition calls for."""
    window: float | None = None
    """Points beyond this many times the fitted value are left out; None: all are used."""
    reference: Literal["certified", "t1_anchored"] = "certified"
    """What the values are compared with; `t1_anchored`: T2 with what T1 of the same insert on the
    same scanner asks for."""
    recognize_tr_ms: tuple[float, float] | None = None
    """Repetition times that make a stack this series, on protocol or not."""
    recognize_te_ms: tuple[float, float] | None = None
    tr_ms: tuple[float, float] | None = None
    """Lowest and highest repetition time that is on protocol; likewise below."""
    te_ms: tuple[float, float] | None = None
    fov_mm: tuple[float, float] | None = None
    matrix: tuple[int, int] | None = None
    slice_thickness_mm: tuple[float, float] | None = None
    slice_spacing_mm: tuple[float, float] | None = None
    n_slices: int | None = None
    averages: tuple[float, float] | None = None
    echo_train_length: int | None = None
    values: tuple[float, ...] | None = None
    """Nominal values of what is varied, each met within 2 %; only asked by `protocols check`."""
    recognize_slices: tuple[int, int] | None = None
    """Numbers of slices that make a stack this series, on protocol or not."""
    slices: tuple[int, int] | None = None
    """Fewest and most slices; likewise the windows below, all asked by `protocols check`."""
    flip_angle_deg: tuple[float, float] | None = None
    acquired_matrix: tuple[int, int] | None = None
    """Fewest and most acquired steps, in either direction."""
    pixel_bandwidth_hz: tuple[float, float] | None = None
    acceleration: tuple[float, float] | None = None
    field_strength_t: tuple[float, float] | None = None
    distortion_correction: tuple[str, ...] | None = None
    """States that are allowed, as headers are read: `none`, `2D`, `3D`; likewise below."""
    intensity_normalization: tuple[str, ...] | None = None
    combine_mode: tuple[str, ...] | None = None
    repeats: int | None = None
    """How many such series there must be at least; None: one."""
    effect: tuple[Effect, ...] = ()
    source: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Levels for one or more measurements.

    Inside `tolerance` is pass, inside `action` is tolerance, outside is action. A one-level
    limit has only `action`. With `compares = "deviation"` the levels hold for value minus
    reference value, with `"percent"` for that difference in percent of the reference, with
    `"magnitude"` for the absolute value, with `"value"` for the value.
    """

    id: str
    measurements: tuple[str, ...]
    """Names of measurements, or of quantities: then of every insert."""
    compares: Literal["value", "deviation", "percent", "magnitude"]
    unit: str
    action: tuple[float, float]
    tolerance: tuple[float, float] | None = None
    roles: tuple[str, ...]
    """Series it is judged on."""
    off_protocol: Literal["judge", "record"]
    """Whether it is still judged when the acquisition deviates from the protocol."""
    field_strength_t: tuple[float, float] | None = None
    """Field strengths it holds for, low end included, high end not."""
    accuracy: bool = False
    """True for a limit on a deviation from a certified value: needs U at most a third of it."""
    source: str
    confidence: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something a person must enter: it is not in the images."""

    id: str
    question: str
    type: Literal["number", "text", "choice"]
    required: bool = False
    unit: str | None = None
    choices: tuple[str, ...] = ()
    not_in_order: tuple[str, ...] = ()
    """Choices that a person should act on: they become a finding."""
    range: tuple[float, float] | None = None
    measurement: str | None = None
    """Name of the measurement that the entered number is, for readings by eye."""
    role: str | None = None
    """Series that the reading was made on, with `measurement`."""
    note: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """A quality-control protocol, read from one TOML."""

    schema: str
    id: str
    name: str
    family: str
    """Acquisition family: editions of one family may share a chart."""
    edition: str
    phantom: str
    """Which phantom it is for; `any`: whichever is seen."""
    source: str
    extends: str | None = None
    """Protocol whose keys hold where this file has none of its own."""
    manufacturer: str | None = None
    """Maker of the scanners it is written for, in capitals; None: any."""
    note: str | None = None
    series: tuple[ExpectedSeries, ...]
    measured: tuple[str, ...]
    """Families of tests to run, names of modules in qiqa.measure."""
    limit: tuple[Limit, ...]
    entry: tuple[Entry, ...] = ()
    usual: bool = False
    """Whether it is taken for its phantom where no protocol is asked for."""
    assumed_degc: tuple[float, float] | None = None
    """Temperatures that the phantom may have where none is entered; None: none is assumed."""
    path: str = ""
    sha256: str = ""

    def limits_for(
        self, name: str, role: str | None, field_t: float | None, quantity: str | None = None
    ) -> tuple[Limit, ...]:
        """Return the limits that hold for a measurement on a series at a field strength.

        `quantity` is given for inserts: a limit may hold for all of them alike.
        """
        found = []
        for limit in self.limit:
            if not {name, quantity} & set(limit.measurements) or role not in limit.roles:
                continue
            band = limit.field_strength_t
            if band is not None and (field_t is None or not band[0] <= field_t < band[1]):
                continue
            found.append(limit)
        return tuple(found)
