"""What to simulate of an arrangement of spheres or tubes: filling, pose, acquisition, faults."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from qiqa.core.errors import UsageError
from qiqa.core.scanner import Scanner
from qiqa.simulate.pulses import WINDOWS

__all__ = ["KINDS", "ArrangementSpec", "Filling"]

KINDS = ("ir", "mse", "dwi", "pd", "vfa", "volume")
"""Inversion recovery, multi-echo spin echo, diffusion, spin echo pair, spoiled gradient echo with
several flip angles, one 3D gradient echo."""
_PROFILES = ("rect", "sinc", "gaussian")
_ORIENTATIONS = ("plate", "oblique", "axial", "coronal", "sagittal")
_WHEN = dt.datetime(2026, 1, 5, 7, 30)
_TI_MS = (35.0, 75.0, 100.0, 125.0, 150.0, 250.0, 1000.0, 1500.0, 2000.0, 3000.0)
"""Ours: close together for short T1, up to more than the longest."""
_B_VALUES = (0.0, 500.0, 900.0, 2000.0)
"""Ours: from none to where PVP of 50 % has fallen well below."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What a liquid does in a scanner."""

    t1_ms: float
    t2_ms: float
    pd: float = 1.0
    """Proton density over that of water."""
    adc_mm2_per_s: float = 2.0e-3

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and (value > 0 or (field.name == "pd" and value == 0))):
                raise UsageError(f"{field.name} is {value!r}, allowed is above 0", where="Filling")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ArrangementSpec:
    """One series of an arrangement; the defaults are a scanner and a placement in order.

    Scanner coordinates are DICOM's for a head-first supine exam: x left, y posterior, z head, in
    mm from the isocenter, which is the center of the field of view.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    """

    kind: str = "ir"
    """One of `KINDS`."""
    group: str | None = None
    """Whose plane the slices go through; None takes the first group."""
    batch: str | None = None
    """Batch of the certificates; None takes that of `serial`, or the last batch there is."""
    serial: str | None = None
    temperature_degc: float = 20.0
    """True temperature: contents are what the certificates say there."""
    stated_temperature_degc: float | None = None
    """What the header says; None says nothing."""
    scanner: Scanner = Scanner(
        manufacturer="qiqa",
        model="simulator",
        serial_number="SIM0001",
        station="SIMULATED",
        field_strength_t=3.0,
    )
    acquired_at: dt.datetime | None = _WHEN

    fillings: tuple[tuple[str, Filling], ...] = ()
    """Contents by label that are given instead of certified."""
    bath: Filling = Filling(t1_ms=2800.0, t2_ms=2000.0)
    """What is around the inserts; de-ionized water at about 20 °C."""
    uncertified: Filling = Filling(t1_ms=1500.0, t2_ms=500.0)
    """Takes the place, property by property, of what no certificate holds."""
    swapped: tuple[tuple[str, str], ...] = ()
    """Pairs of inserts that stand in each other's place."""
    missing: tuple[str, ...] = ()
    """Labels of inserts or fiducials, names of landmarks that are not there."""
    landmarks: bool = True
    lug_signal: float = 1.5
    """Signal of a bright landmark over that of the bath."""
    tube_length_mm: float = 150.0
    """Length of tubes whose definition states none."""

    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Turn about the scanner's x, then y, then z (right-handed): reaches any rotation."""
    translation_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the phantom's origin lies in the scanner."""
    mirrored: bool = False
    """The image shows the mirror image (x of the phantom reversed before it is turned)."""

    orientation: str = "plate"
    """`plate`: the one of axial, coronal, sagittal nearest to the group's plane; `oblique`: that
    plane itself; or one of the three by name."""
    matrix: int = 192
    fov_mm: float = 220.0
    n_slices: int = 1
    thickness_mm: float = 6.0
    """Full width at half maximum of the slice profile, and what the header says."""
    spacing_mm: float | None = None
    """Between centers of slices; None: the thickness."""
    slice_offset_mm: float = 0.0
    """Shift of the slices along their normal, off the middle of the group."""
    profile: str = "sinc"
    """`rect`, `sinc` or `gaussian`."""

    tr_ms: float = 4500.0
    te_ms: float = 10.0
    """Echo time; for `mse` the echo spacing."""
    ti_ms: tuple[float, ...] = _TI_MS
    inversion_efficiency: float = 0.96
    """Longitudinal magnetization is turned into minus this part of itself."""
    n_echoes: int = 32
    refocusing_deg: float = 180.0
    """Nominal angle of the refocusing pulses in the middle of the slice."""
    refocusing_width: float = 1.2
    """Nominal width of the refocused slice over that of the excited one."""
    pulse_window: str = "hann"
    """Of the sinc pulses of `mse`: one of `pulses.WINDOWS`."""
    excitation_time_bandwidth: float = 3.0
    refocusing_time_bandwidth: float = 3.0
    b_values: tuple[float, ...] = _B_VALUES
    directions: tuple[tuple[float, float, float], ...] = ()
    """Unit vectors (LPS), each measured at every b above 0; empty: trace-weighted images."""
    adc_gain_60mm: float = 0.0
    """Gradient nonlinearity: the ADC of an insert is larger by this part times (r/60 mm)², r from
    the isocenter to the middle of the insert in the slice."""
    flip_deg: tuple[float, ...] = (2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
    """For `vfa`; `volume` takes the last."""
    b1: float = 1.0
    """True over nominal flip angle, for `mse`, `vfa` and `volume`."""

    gradient_error_percent: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Apparent over true distance from the isocenter, less 100 %, along x, y and z."""
    snr: float = 100.0
    """Largest signal of an insert or the bath in the reference volume (last for `ir`, first for
    the others) over the SD of the noise in the real channel of one coil; infinity for none."""
    n_coils: int = 1
    lost_coils: tuple[int, ...] = ()
    """Elements, from 0, that give no signal but their noise."""
    coil_slope: float = 0.35
    """How much brighter one element of several is, 80 mm off the center, on its own side."""
    ghost_fraction: float = 0.0
    """Amplitude of a copy that is shifted by half the field along columns."""
    apodization: float = 0.0
    reference_counts: float = 2500.0
    """Stored value of the signal that SNR refers to."""
    stored_max: int = 4095
    """Larger values are clipped."""

    def __post_init__(self) -> None:
        self._check_choices()
        for name in ("fov_mm", "thickness_mm", "tr_ms", "te_ms", "snr", "b1", "reference_counts",
                     "refocusing_width", "refocusing_deg", "tube_length_mm",
                     "excitation_time_bandwidth", "refocusing_time_bandwidth"):  # fmt: skip
            if not getattr(self, name) > 0:
                self._refuse(name, "above 0")
        for name in ("ti_ms", "flip_deg", "b_values"):
            values = getattr(self, name)
            if not values or any(not (math.isfinite(v) and v >= 0) for v in values):
                self._refuse(name, "one or more numbers from 0")
        if self.kind == "ir" and max(self.ti_ms) + self.te_ms > self.tr_ms:
            self._refuse("ti_ms", f"up to TR less TE, {self.tr_ms - self.te_ms:g} ms")
        if not 0 < self.inversion_efficiency <= 1:
            self._refuse("inversion_efficiency", "above 0, up to 1")
        if not 0 <= self.apodization <= 1:
            self._refuse("apodization", "0 to 1")
        if self.n_echoes < 1 or self.n_slices < 1 or self.n_coils < 1:
            self._refuse("n_echoes" if self.n_echoes < 1 else "n_slices or n_coils", "1 or more")
        if any(not 0 <= coil < self.n_coils for coil in self.lost_coils):
            self._refuse("lost_coils", f"0 to {self.n_coils - 1}")
        if any(abs(error) >= 20 for error in self.gradient_error_percent):
            self._refuse("gradient_error_percent", "within -20 to 20")

    def _check_choices(self) -> None:
        for name, allowed in (
            ("kind", KINDS),
            ("profile", _PROFILES),
            ("orientation", _ORIENTATIONS),
            ("pulse_window", WINDOWS),
        ):
            if getattr(self, name) not in allowed:
                self._refuse(name, f"one of {allowed}")
        if self.matrix < 32 or self.matrix % 2:
            self._refuse("matrix", "an even number from 32")
        if any(abs(math.hypot(*d) - 1) > 1e-3 for d in self.directions):
            self._refuse("directions", "unit vectors")

    def _refuse(self, name: str, allowed: str) -> None:
        value = getattr(self, name, None)
        raise UsageError(f"{name} is {value!r}, allowed is {allowed}", where="ArrangementSpec")

    @property
    def slice_spacing_mm(self) -> float:
        """Distance between centers of slices."""
        return self.thickness_mm if self.spacing_mm is None else self.spacing_mm
