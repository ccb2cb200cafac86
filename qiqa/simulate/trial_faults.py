"""Faults of a simulated trial, and what scatters in it; each has a dose: 0 off, 1 as documented.

"Chosen" means: of a plausible size, taken from no publication.
"""

from __future__ import annotations

import dataclasses

__all__ = [
    "Commutability",
    "Effect",
    "FeatureBias",
    "GradientFailure",
    "LabelErrors",
    "Missed",
    "Nonlinearity",
    "Opening",
    "PhantomNoise",
    "Repositioning",
    "ScannerSpread",
    "SecondScanner",
    "Thermometers",
    "TissueNoise",
    "Units",
    "Upgrades",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScannerSpread:
    """Bias at isocenter: an offset and a share of the value, by vendor and by scanner."""

    dose: float = 1.0
    vendor_slope_percent: tuple[float, ...] = (1.2, -1.2, 0.0)
    """Bias in proportion to the value [%]; 1.123, 1.0964 and 1.110e-3 mm²/s were the means of
    three vendors in ice water (Acad Radiol 2015;22(3), pediatric brain tumor consortium)."""
    vendor_offset_mm2_per_s: tuple[float, ...] = (5e-6, -5e-6, 0.0)
    """Bias that does not depend on the value; chosen."""
    scanner_slope_percent: float = 1.5
    """SD between scanners of a vendor [%]; below 2 % over 35 scanners in ice water
    (Malyarenko et al. 2013, JMRI 37:1238)."""
    scanner_offset_mm2_per_s: float = 8e-6
    """SD between scanners of a vendor; chosen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nonlinearity:
    """Diffusion weighting off center, which changes with the square of the distance."""

    dose: float = 1.0
    at_100mm_percent: tuple[tuple[float, float, float], ...] = (
        (8.0, 4.0, -12.0),
        (3.0, 2.0, -5.0),
        (11.0, 6.0, -20.0),
    )
    """Bias of an ADC 100 mm to the right or left, to the front or back, to the head or feet, by
    vendor [%]. Up to 25 % right or left and -55 % along the bore at 150 mm, with the square
    (Malyarenko et al. 2016, MRM 75:1312): 11 and -24 % at 100 mm."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repositioning:
    """Participants do not lie where they lay the time before."""

    dose: float = 1.0
    sd_mm: float = 12.0
    """SD of a visit from the participant's mean, along each axis; chosen. 10 mm changed the early
    response of the ADC by 2.4 % (Newitt et al. 2015, JMRI 42:908)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Commutability:
    """What phantoms show of a scanner is not what participants get."""

    dose: float = 1.0
    share: float = 0.2
    """Of the scanner's bias at isocenter, how much participants do not get; 0 to 1. Chosen."""
    tissue_percent: float = 0.5
    """SD between scanners of a bias that participants alone get [%]; chosen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Phantoms are not what their certificate says."""

    dose: float = 1.0
    shared_percent: float = 1.0
    """SD between units of what all vials of a unit are off [%]; prototypes of 0 to 40 % PVP varied
    by 1.1 to 2.2 % from site to site, scanners included."""
    vial_percent: float = 0.5
    """SD between vials of a unit [%]; chosen."""
    claimed_percent: float = 1.0
    """Standard uncertainty that the certificate states [%], whatever the dose."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thermometers:
    """Each site's thermometer is off. Of no effect in ice water."""

    dose: float = 1.0
    site_degc: float = 0.5
    """SD between sites; chosen: laboratory thermometers are often specified to 1 °C."""
    reading_degc: float = 0.1
    """SD from one reading to the next; chosen."""
    claimed_degc: float = 0.5
    """Standard uncertainty that the sites state, whatever the dose."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhantomNoise:
    """How exams of a phantom scatter."""

    dose: float = 1.0
    exam_percent: float = 1.0
    """SD of what all vials of an exam share [%]; chosen, so that two exams agree within 4.5 % as
    from day to day in ice water (Malyarenko et al. 2013, JMRI 37:1238)."""
    vial_percent: float = 1.0
    """SD within an exam [%]; 1 % in the same study."""
    floor_mm2_per_s: float = 3e-6
    """SD within an exam that does not depend on the value; chosen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TissueNoise:
    """How a tumor's value scatters if it is measured again."""

    dose: float = 1.0
    wcv_percent: float = 4.8
    """Within-subject coefficient of variation [%], scanner and reader included;
    ACRIN 6698, 4.0 to 5.7 (Newitt et al. 2019, JMRI 49:1617)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the treatment does to the true ADC; the dose is of the treated arm's part only."""

    dose: float = 1.0
    treated_percent: tuple[float, ...] = (0.0, 8.0, 12.0, 15.0)
    """Of the treated arm against the other, by visit [%]; chosen."""
    common_percent: tuple[float, ...] = (0.0, 3.0, 12.0, 20.0)
    """Of both arms against the first visit [%]; chosen."""
    individual_percent: float = 5.0
    """SD between participants of how far their change from the first visit is from their arm's
    [%]; one draw for all later visits. Chosen; not part of the dose."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upgrades:
    """New software at one vendor's scanners, one site after the other; it moves the values."""

    dose: float = 1.0
    vendor: str = "Vendor B"
    after_years: tuple[float, ...] = (1.5, 3.5)
    """When the first site gets each; one that is after the trial's end does not come."""
    stagger_years: float = 0.75
    """Until the last site has it; uniform."""
    step_percent: tuple[float, ...] = (2.5, -1.5)
    """Of the value [%], one for each; chosen: above the scatter between scanners."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GradientFailure:
    """The first scanner of one site loses diffusion weighting; nothing tells it but the values."""

    dose: float = 1.0
    site: int = 1
    """Number of the site, from 1. It neither opens late nor leaves."""
    after_years: float = 2.5
    size_percent: float = -6.0
    """Change of the value in the end [%]: twice the loss of gradient amplitude. Chosen."""
    ramp_years: float = 0.5
    """How long it takes; 0: a step."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LabelErrors:
    """What people enter wrongly: numbers of monthly exams that it happens to."""

    dose: float = 1.0
    swapped_inserts: int = 1
    """Two vials of different contents have each other's name."""
    wrong_unit: int = 1
    """The exam is entered under the unit of another site."""
    wrong_date: int = 1
    """The date is one year too early, as happens in January: dates are out of order."""
    wrong_phantom: int = 1
    """Another phantom lay in the scanner: vials of other contents at these places."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What is not done."""

    dose: float = 1.0
    exam_share: float = 0.08
    """Of the monthly phantom exams; chosen."""
    visit_share: float = 0.08
    """Of the visits; chosen. In ACRIN 6698, 71 of 89 repeats passed its quality control."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Sites open late or leave."""

    dose: float = 1.0
    late_share: float = 0.25
    """Of the sites; they open within the first half of the trial, uniform. Chosen."""
    left_share: float = 0.15
    """Of the sites; they leave within the second half, uniform. Chosen."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecondScanner:
    """Some sites have two scanners of one vendor, and one phantom for both."""

    dose: float = 1.0
    site_share: float = 0.2
    """Of the sites; chosen."""
    switch_share: float = 0.25
    """Of the visits at such a site, how many are on the other one than the participant's first;
    chosen; not part of the dose."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureBias:
    """What scanners do to features other than by the ADC; see `trial_features`."""

    dose: float = 1.0
    shift_sd: float = 0.5
    """SD between scanners of what is added, in SD of a feature between participants; chosen."""
    log_scale_sd: float = 0.15
    """SD between scanners of the logarithm of what features are multiplied with; chosen."""
    bend_sd: float = 0.15
    """SD between scanners of the square's coefficient, in every third feature; chosen. No shift and
    no scale takes it away."""
