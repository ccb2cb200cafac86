"""What a simulated multisite trial is made of; each value with its unit and where it is from.

The trial is like I-SPY 2 with its ADC study, ACRIN 6698. "Chosen" means: of a plausible size, taken
from no publication.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
from collections.abc import Iterator
from typing import Any

from qiqa.core.errors import UsageError
from qiqa.simulate.trial_faults import (
    Commutability,
    Effect,
    FeatureBias,
    GradientFailure,
    LabelErrors,
    Missed,
    Nonlinearity,
    Opening,
    PhantomNoise,
    Repositioning,
    ScannerSpread,
    SecondScanner,
    Thermometers,
    TissueNoise,
    Units,
    Upgrades,
)
from qiqa.simulate.trial_vials import CONTENTS_PERCENT

__all__ = ["FAULTS", "Circulating", "Participants", "Rooms", "TrialDesign"]


_LARGEST = 1e6
"""Above any number of a design; a million of anything is a slip."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Participants:
    """Who takes part, and the tumors."""

    count: int = 480
    """Enrolled if all sites were open all the time; chosen. ACRIN 6698: 272 at ten sites."""
    enrollment_shape: float = 2.0
    """Of the gamma distribution of a site's share: sites differ by a CV of 71 %. Chosen."""
    adc_mm2_per_s: float = 1.265e-3
    """Median of the tumors before treatment; with `between_percent`, 95 % are within 1.0 to 1.6."""
    between_percent: float = 12.0
    """SD of its logarithm between participants [%]."""
    age_years: float = 48.0
    """Mean; Partridge et al. 2018, Radiology 289:618."""
    age_sd_years: float = 10.0
    """As its mean."""
    adc_per_decade_percent: float = -1.0
    """Change of the true ADC with ten years of age [%]; chosen, for a covariate to keep."""
    visit_days: tuple[float, ...] = (0.0, 21.0, 84.0, 168.0)
    """Before treatment, at 3 and at 12 weeks, and after it (24 weeks); Partridge et al. 2018."""
    visit_sd_days: float = 3.0
    """How far a visit is from its day; chosen."""
    longest_delay_days: float = 14.0
    """A visit that would be farther from its day is on that one; chosen."""
    position_mm: tuple[float, float, float] = (80.0, -40.0, 0.0)
    """Mean of a tumor: to either side, to anterior, to superior of isocenter; chosen."""
    position_sd_mm: tuple[float, float, float] = (20.0, 20.0, 30.0)
    """Between participants; chosen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Circulating:
    """Reference units that travel: each year every site is visited by one of them."""

    units: int = 0
    """How many there are; 0: none travels. With two or more, a site sees another one each year."""
    shared_percent: float = 0.3
    """SD of what all vials of such a unit are off [%]; chosen, as of a unit that is calibrated."""
    claimed_percent: float = 0.3
    """Standard uncertainty that its certificate states [%]."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Temperature of the phantoms; of no effect in ice water."""

    mean_degc: float = 20.5
    """Chosen."""
    between_degc: float = 1.0
    """SD between sites; chosen."""
    sd_degc: float = 0.5
    """SD from one exam to the next; chosen."""
    percent_per_degc: tuple[float, ...] = (2.4, 2.4, 2.4, 2.4, 2.4, 2.4)
    """Change of the ADC of 0, 10, 20, 30, 40, 50 % PVP with the temperature, of that at 20 °C
    [%/K]. Chosen the same for all, the hardest case: no vial then tells a thermometer's error from
    a scanner's slope. Water: 2.6 (Holz et al. 2000, PCCP 2:4740); the certificate of CaliberMRI
    unit 128-0155, 18 to 22 °C: 2.6, 2.9, 3.1, 3.8, 3.6, 4.4."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrialDesign:
    """A trial; the default has every fault in it.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    """

    sites: int = 60
    years: float = 5.0
    start: dt.date = dt.date(2018, 1, 1)
    vendors: tuple[str, ...] = ("Vendor A", "Vendor B", "Vendor C")
    """Sites take turns in them."""
    bath: str = "room"
    """`room`: phantoms at room temperature, references for 20 °C; `ice`: in ice water, 0 °C."""
    participants: Participants = Participants()
    rooms: Rooms = Rooms()
    circulating: Circulating = Circulating()
    scanner_bias: ScannerSpread = ScannerSpread()
    nonlinearity: Nonlinearity = Nonlinearity()
    repositioning: Repositioning = Repositioning()
    commutability: Commutability = Commutability()
    units: Units = Units()
    thermometer: Thermometers = Thermometers()
    phantom_noise: PhantomNoise = PhantomNoise()
    tissue_noise: TissueNoise = TissueNoise()
    effect: Effect = Effect()
    upgrades: Upgrades = Upgrades()
    gradient_failure: GradientFailure = GradientFailure()
    labels: LabelErrors = LabelErrors()
    missed: Missed = Missed()
    opening: Opening = Opening()
    second_scanner: SecondScanner = SecondScanner()
    feature_bias: FeatureBias = FeatureBias()

    def __post_init__(self) -> None:
        _within("sites", self.sites, 1, 2000)
        _within("years", self.years, 1.0, 50.0)
        _within("year of the start", self.start.year, 1970, 2200)
        _within("participants.count", self.participants.count, 1, 100_000)
        _within("participants.enrollment_shape", self.participants.enrollment_shape, 0.1, 1e6)
        _within("circulating.units", self.circulating.units, 0, self.sites)
        if self.bath not in ("room", "ice"):
            raise UsageError(f"{self.bath!r} is not room or ice", where="bath")
        if len(self.rooms.percent_per_degc) != len(CONTENTS_PERCENT):
            raise UsageError(
                f"has {len(self.rooms.percent_per_degc)} values for {len(CONTENTS_PERCENT)} "
                "contents",
                where="rooms.percent_per_degc",
            )
        self._check_numbers()
        self._check_vendors()
        self._check_visits()
        for fault in FAULTS:
            _within(f"{fault}.dose", self.dose(fault), 0.0, 100.0)
        if self.dose("gradient_failure"):
            _within("gradient_failure.site", self.gradient_failure.site, 1, self.sites)

    def _check_numbers(self) -> None:
        """Refuse what is not finite, a share that is none, and a number of errors below 0."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for part, noun in parts.items():
            for field in dataclasses.fields(noun) if dataclasses.is_dataclass(noun) else ():
                low, high = -_LARGEST, _LARGEST
                if field.name.endswith(("share", "_sd", "_sd_mm", "years", "days")):
                    low = 0.0
                if field.name.endswith("share"):
                    high = 1.0
                if part == "labels":
                    low = 0.0
                for value in _numbers(getattr(noun, field.name)):
                    _within(f"{part}.{field.name}", value, low, high)

    def _check_vendors(self) -> None:
        per_vendor = {
            "scanner_bias.vendor_slope_percent": self.scanner_bias.vendor_slope_percent,
            "scanner_bias.vendor_offset_mm2_per_s": self.scanner_bias.vendor_offset_mm2_per_s,
            "nonlinearity.at_100mm_percent": self.nonlinearity.at_100mm_percent,
        }
        if len(set(self.vendors)) != len(self.vendors) or not self.vendors:
            raise UsageError(f"{self.vendors} are not names that differ", where="vendors")
        for where, values in per_vendor.items():
            if len(values) != len(self.vendors):
                raise UsageError(
                    f"has {len(values)} values for {len(self.vendors)} vendors",
                    where=where,
                    hint="give one for each vendor, in their order",
                )
        if len(self.upgrades.after_years) != len(self.upgrades.step_percent):
            raise UsageError("one step for each date is needed", where="upgrades.step_percent")
        if self.upgrades.dose and self.upgrades.vendor not in self.vendors:
            hint = f"there is: {', '.join(self.vendors)}"
            message = f"{self.upgrades.vendor!r} is no vendor of the trial"
            raise UsageError(message, where="upgrades.vendor", hint=hint)

    def _check_visits(self) -> None:
        days, effect = self.participants.visit_days, self.effect
        if not days or list(days) != sorted(set(days)) or days[0] < 0.0:
            raise UsageError(f"{days} do not increase from 0 on", where="participants.visit_days")
        last = days[-1] + self.participants.longest_delay_days
        _within("days of the last visit and its delay", last, 0.0, 365.25 * self.years - 1.0)
        for name in ("common_percent", "treated_percent"):
            if len(getattr(effect, name)) != len(days):
                raise UsageError(
                    f"has {len(getattr(effect, name))} values for {len(days)} visits",
                    where=f"effect.{name}",
                    hint="give one for each visit; the first is before treatment",
                )

    def dose(self, fault: str) -> float:
        """Return how many times its documented size a fault has; 0: it is not there."""
        return float(getattr(self, fault).dose)

    def with_dose(self, fault: str, dose: float) -> TrialDesign:
        """Return the design with one fault at a dose; 1 is as documented.

        >>> TrialDesign().with_dose("units", 2.0).units.dose
        2.0

        Raises
        ------
        UsageError
            If there is no such fault.
        """
        if fault not in FAULTS:
            near = difflib.get_close_matches(fault, FAULTS, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            hint = f"there is: {', '.join(FAULTS)}"
            raise UsageError(f"{fault!r} is no fault of a trial{meant}", where="fault", hint=hint)
        changed: dict[str, Any] = {fault: dataclasses.replace(getattr(self, fault), dose=dose)}
        return dataclasses.replace(self, **changed)

    def without(self, *faults: str) -> TrialDesign:
        """Return the design with some faults switched off."""
        design = self
        for fault in faults:
            design = design.with_dose(fault, 0.0)
        return design

    def only(self, *faults: str) -> TrialDesign:
        """Return the design with all faults switched off but some."""
        return self.without(*(fault for fault in FAULTS if fault not in faults))


FAULTS: tuple[str, ...] = tuple(
    field.name
    for field in dataclasses.fields(TrialDesign)
    if "dose" in getattr(type(field.default), "__dataclass_fields__", {})
)
"""Names of what can be switched off, or made larger, one by one."""


def _numbers(value: Any) -> Iterator[float]:
    """Yield all numbers in a value or in tuples of them."""
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its range, NaN too."""
    if not low <= value <= high:
        raise UsageError(f"{value:g} is outside {low:g} to {high:g}", where=name)
