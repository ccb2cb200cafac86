"""Quantities of simulated exams: what is usual for their level, scatter and steps.

Levels are rounded figures of the order that scanners and phantoms show, so that a table looks
like a table. They are no reference values and no claim about any scanner.
"""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.errors import UsageError

__all__ = ["ALL", "USUAL", "Metric"]

_KINDS = ("continuous", "bounded", "count", "discrete")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One quantity of a simulated exam; numbers are in its unit.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    """

    name: str
    quantity: str
    unit: str
    kind: str = "continuous"
    """`continuous`, `bounded` (scatter shrinks towards `low` and `high`, never beyond them),
    `count` (whole numbers, held to `low` and `high`) or `discrete` (the nearest of `choices`)."""
    level: float
    """Middle of the fleet at the mean temperature."""
    scatter: float
    """SD of one exam about its scanner's level, without heavy tails."""
    between: float = 0.0
    """SD of the scanners' levels."""
    standard_uncertainty: float = math.nan
    """As an exam states it, within about 10 %; NaN: none is stated."""
    resolution: float = 0.0
    """Step that values are rounded to; 0: none."""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[float, ...] = ()
    per_degc: float = 0.0
    """Slope over temperature."""
    insert: str = ""
    slice: int | None = None
    role: str = ""

    def __post_init__(self) -> None:
        where = f"metric {self.label}"
        if self.kind not in _KINDS:
            raise UsageError(f"{self.kind!r} is not {', '.join(_KINDS)}", where=f"{where}, kind")
        for name in ("level", "scatter", "between", "resolution", "per_degc"):
            if not math.isfinite(getattr(self, name)):
                raise UsageError(f"{getattr(self, name)} is not finite", where=f"{where}, {name}")
        for name in ("scatter", "between", "resolution"):
            if getattr(self, name) < 0:
                raise UsageError(f"{getattr(self, name)} is below 0", where=f"{where}, {name}")
        if not self.low < self.high:
            raise UsageError(f"{self.low:g} is not below {self.high:g}", where=f"{where}, low")
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if self.kind == "bounded" and not (finite and self.low < self.level < self.high):
            raise UsageError(
                f"{self.level:g} is not between finite bounds ({self.low:g}, {self.high:g})",
                where=f"{where}, level",
            )
        if self.kind == "discrete" and not self.choices:
            raise UsageError("a discrete quantity needs choices", where=where)

    @property
    def label(self) -> str:
        """Name with the insert."""
        return f"{self.name} {self.insert}" if self.insert else self.name


def _geometry(name: str, quantity: str, level: float, number: int | None, u: float) -> Metric:
    return Metric(
        name=name,
        quantity=quantity,
        unit="mm",
        level=level,
        scatter=0.08,
        between=0.25,
        standard_uncertainty=u,
        slice=number,
        role="localizer" if name == "length_si" else "T1",
    )


def _diameters() -> tuple[Metric, ...]:
    ways = {1: ("lr", "ap"), 5: ("lr", "ap", "d1", "d2")}
    return tuple(
        _geometry(f"diameter_slice{number}_{way}", "diameter", 190.0, number, 0.1)
        for number, directions in ways.items()
        for way in directions
    )


def _signal(
    name: str, unit: str, level: float, scatter: float, between: float, per_degc: float = 0.0
) -> Metric:
    return Metric(
        name=name,
        quantity=name,
        unit=unit,
        level=level,
        scatter=scatter,
        between=between,
        standard_uncertainty=0.8 * scatter,
        per_degc=per_degc,
        slice=7,
        role="T1",
    )


def _percent(name: str, quantity: str, level: float, scatter: float, between: float) -> Metric:
    return dataclasses.replace(
        _signal(name, "%", level, scatter, between),
        quantity=quantity,
        kind="bounded",
        low=0.0,
        high=100.0,
    )


def _holes(way: str) -> Metric:
    name = f"high_contrast_resolution_{way}"
    return Metric(
        name=name,
        quantity=name,
        unit="mm",
        kind="discrete",
        level=0.98,
        scatter=0.04,
        between=0.02,
        choices=(0.9, 1.0, 1.1),
        role="T1",
    )


_SPOKES = Metric(
    name="low_contrast_spokes",
    quantity="low_contrast_spokes",
    unit="1",
    kind="count",
    level=37.0,
    scatter=1.2,
    between=1.0,
    low=0.0,
    high=40.0,
    role="T1",
)
_ACR: tuple[Metric, ...] = (
    *_diameters(),
    _geometry("length_si", "length", 148.0, None, 0.15),
    dataclasses.replace(_geometry("slice_thickness", "slice_thickness", 5.0, 1, 0.1), between=0.15),
    _geometry("slice_position_slice1", "slice_position", 0.5, 1, 0.3),
    _geometry("slice_position_slice11", "slice_position", -0.5, 11, 0.3),
    _percent("piu", "integral_uniformity", 92.0, 0.4, 1.5),
    _percent("psg", "signal_ghosting", 0.3, 0.05, 0.1),
    _signal("snr_nema_method1", "1", 160.0, 3.0, 20.0, -0.8),
    _signal("snr_background", "1", 170.0, 4.0, 20.0, -0.8),
    _signal("snr_local", "1", 120.0, 3.0, 15.0, -0.6),
    Metric(
        name="center_frequency",
        quantity="center_frequency",
        unit="Hz",
        level=63_870_000.0,
        scatter=6.0,
        between=20_000.0,
        standard_uncertainty=0.3,
        resolution=1.0,
        role="T1",
    ),
    _SPOKES,
    _holes("lr"),
    _holes("ap"),
)

_T1_MS = (1990, 1450, 980, 710, 500, 350, 250, 175, 125, 89, 63, 45, 31, 22)
_T2_MS = (580, 400, 280, 190, 133, 97, 64, 46, 32, 23, 16, 11.2, 7.9, 5.6)
_ADC_1E3 = {
    "PVP0-center": 2.02, "PVP0-inner": 2.02, "PVP0-outer": 2.02,
    "PVP10-inner": 1.6, "PVP10-outer": 1.6, "PVP20-inner": 1.24, "PVP20-outer": 1.24,
    "PVP30-inner": 0.9, "PVP30-outer": 0.9, "PVP40-inner": 0.6, "PVP40-outer": 0.6,
    "PVP50-inner": 0.35, "PVP50-outer": 0.35,
}  # fmt: skip


def _of_insert(
    name: str, insert: str, level: float, unit: str, spread: float, per_degc: float
) -> Metric:
    """Return a quantity whose scatter and slope are shares of its level."""
    return Metric(
        name=name,
        quantity=name,
        unit=unit,
        level=level,
        scatter=spread * level,
        between=2 * spread * level,
        standard_uncertainty=0.8 * spread * level,
        per_degc=per_degc * level,
        insert=insert,
        role=name,
    )


_INSERTS = (
    *(_of_insert("t1", f"T1-{n}", t, "ms", 0.008, 0.002) for n, t in enumerate(_T1_MS, 1)),
    *(_of_insert("t2", f"T2-{n}", t, "ms", 0.012, 0.003) for n, t in enumerate(_T2_MS, 1)),
    # water's diffusion grows by 2.5 % a degree (Holz, Heil, Sacco, Phys Chem Chem Phys 2000)
    *(_of_insert("adc", k, a * 1e-3, "mm²/s", 0.008, 0.025) for k, a in _ADC_1E3.items()),
)

ALL: tuple[Metric, ...] = (*_ACR, *_INSERTS)
"""Sixty quantities: weekly exam of the large ACR phantom, and inserts' T1, T2 and ADC."""

_USUAL = (
    "diameter_slice1_lr", "diameter_slice5_ap", "length_si", "slice_thickness",
    "slice_position_slice1", "piu", "psg", "snr_nema_method1", "low_contrast_spokes",
    "high_contrast_resolution_lr", "t1 T1-5", "adc PVP0-center",
)  # fmt: skip
USUAL: tuple[Metric, ...] = tuple(metric for metric in ALL if metric.label in _USUAL)
"""Twelve of them, of every kind."""
