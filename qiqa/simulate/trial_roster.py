"""Sites and scanners of a simulated trial: names, opening, biases, upgrades, the failure."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_streams import Streams
from qiqa.simulate.trial_truth import TrueBias

__all__ = ["DAYS_OF_A_YEAR", "PER_SITE", "Roster", "draw_roster"]

DAYS_OF_A_YEAR = 365.25
PER_SITE = 2
"""Scanners that are drawn for each site, whether it has the second or not."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roster:
    """t sites and their s scanners."""

    site: TextArray
    """(t,)."""
    vendor: TextArray
    """(t,)."""
    opens_day: FloatArray
    closes_day: FloatArray
    scanner: TextArray
    """(s,)."""
    scanner_site: IntArray
    """(s,) index of the site."""
    thermometer_degc: FloatArray
    """(t,) what each site's thermometer reads too much."""
    slot: IntArray
    """(s,) row in arrays that were drawn for `PER_SITE` scanners of each site."""
    bias: TrueBias

    def scanner_at(self, site: IntArray, second: NDArray[np.bool_]) -> IntArray:
        """Return the index of a site's first or, where it has one, its second scanner."""
        index = np.full(len(self.site) * PER_SITE, -1, dtype=np.int64)
        index[self.slot] = np.arange(len(self.slot))
        wanted = index[PER_SITE * site + 1]
        first = index[PER_SITE * site]
        return np.where(second & (wanted >= 0), wanted, first)

    def has_second(self) -> NDArray[np.bool_]:
        """Return for each site (t,) whether it has two scanners."""
        counts = np.bincount(self.scanner_site, minlength=len(self.site))
        return np.asarray(counts > 1)


def draw_roster(design: TrialDesign, streams: Streams) -> Roster:
    """Return sites and scanners with everything that is fixed about them."""
    t = design.sites
    opens, closes = _opening(design, streams.opening)
    second = streams.second_scanner.random(t) < (
        design.second_scanner.dose * design.second_scanner.site_share
    )
    exists = np.column_stack([np.ones(t, dtype=np.bool_), second]).ravel()
    slot = np.flatnonzero(exists)
    site_of = slot // PER_SITE
    width = max(2, len(str(t)))
    numbers = range(1, t + 1)
    vendor_of = np.arange(t) % len(design.vendors)
    thermometer = design.thermometer
    return Roster(
        thermometer_degc=thermometer.dose
        * thermometer.site_degc
        * streams.thermometer.standard_normal(t),
        site=np.array([f"Site {n:0{width}d}" for n in numbers], dtype=np.str_),
        vendor=np.array(design.vendors, dtype=np.str_)[vendor_of],
        opens_day=opens,
        closes_day=closes,
        scanner=np.array(
            [f"S{i // PER_SITE + 1:0{width}d}-{i % PER_SITE + 1}" for i in slot.tolist()],
            dtype=np.str_,
        ),
        scanner_site=site_of,
        slot=slot,
        bias=_bias(design, streams, slot, vendor_of[site_of]),
    )


def _opening(design: TrialDesign, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return on which day each site opens and closes (t,)."""
    opening, end = design.opening, DAYS_OF_A_YEAR * design.years
    late, left, begin, stop = rng.random((4, design.sites))
    is_late = late < opening.dose * opening.late_share
    has_left = left < opening.dose * opening.left_share
    # a failure at a site that has no exams then could not be found: it stays, planted or not
    steady = np.arange(design.sites) == design.gradient_failure.site - 1
    opens = np.where(is_late & ~steady, 0.5 * end * begin, 0.0)
    closes = np.where(has_left & ~steady, end * (0.5 + 0.5 * stop), end)
    return opens, closes


def _bias(design: TrialDesign, streams: Streams, slot: IntArray, vendor: IntArray) -> TrueBias:
    """Return the biases of the scanners; numbers are drawn for all slots."""
    spread, off_center, failure = design.scanner_bias, design.nonlinearity, design.gradient_failure
    slope, offset = streams.scanner_bias.standard_normal((2, design.sites * PER_SITE))[:, slot]
    tissue = streams.commutability.standard_normal(design.sites * PER_SITE)[slot]
    vendor_slope = np.array(spread.vendor_slope_percent)[vendor] / 100.0
    vendor_offset = np.array(spread.vendor_offset_mm2_per_s)[vendor]
    commutability = design.commutability
    upgrade_day, upgrade_step = _upgrades(design, streams.upgrades, slot, vendor)
    fails = (slot == PER_SITE * (failure.site - 1)) & (failure.dose > 0.0)
    return TrueBias(
        start=np.datetime64(design.start, "s"),
        offset=spread.dose * (vendor_offset + spread.scanner_offset_mm2_per_s * offset),
        slope=spread.dose * (vendor_slope + spread.scanner_slope_percent / 100.0 * slope),
        transferred=float(np.clip(1.0 - commutability.dose * commutability.share, 0.0, 1.0)),
        tissue=commutability.dose * commutability.tissue_percent / 100.0 * tissue,
        nonlinearity=off_center.dose * np.array(off_center.at_100mm_percent)[vendor] / 100.0,
        upgrade_day=upgrade_day,
        upgrade_step=upgrade_step,
        failure_day=np.where(fails, DAYS_OF_A_YEAR * failure.after_years, np.inf),
        failure_ramp_days=DAYS_OF_A_YEAR * failure.ramp_years,
        failure_size=failure.dose * failure.size_percent / 100.0,
    )


def _upgrades(
    design: TrialDesign, rng: np.random.Generator, slot: IntArray, vendor: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return days (s, k) and steps (k,) of the upgrades; both scanners of a site on one day."""
    upgrades = design.upgrades
    delay = rng.random((design.sites, len(upgrades.after_years)))[slot // PER_SITE]
    day = DAYS_OF_A_YEAR * (np.array(upgrades.after_years) + upgrades.stagger_years * delay)
    concerned = np.array(design.vendors)[vendor] == upgrades.vendor
    comes = concerned[:, None] & (day < DAYS_OF_A_YEAR * design.years) & (upgrades.dose > 0.0)
    step = upgrades.dose * np.array(upgrades.step_percent) / 100.0
    return np.where(comes, day, np.inf), step
