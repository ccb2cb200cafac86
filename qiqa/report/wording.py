"""What each measurement is called on paper, what its sign means and which way is better."""

from __future__ import annotations

import dataclasses
import re

__all__ = ["Wording", "wording"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A measurement in plain words."""

    title: str
    short: str = ""
    """Enough words under a picture that has a title; empty: the title."""
    unit: str | None = None
    """Unit that the measurement is expected in; None for names that are not known here."""
    direction: str = ""
    """Which way is better, in words; empty where nobody can say."""
    meaning: str = ""
    """What the number is, and what its sign means."""


_NEAR = "nearer to the reference is better"
_HIGH = "higher is better"
_LOW = "lower is better"
_STEADY = "should stay where it was"

_WORDINGS = {
    "length_si": Wording(
        title="Length, end to end",
        unit="mm",
        direction=_NEAR,
        meaning="inner length of the phantom on the localizer",
    ),
    "slice_thickness": Wording(
        title="Slice thickness",
        unit="mm",
        direction=_NEAR,
        meaning="full width at half maximum of the two crossed ramps",
    ),
    "piu": Wording(
        title="Image uniformity (PIU)",
        short="PIU",
        unit="%",
        direction=_HIGH,
        meaning="percent integral uniformity; 100 % is uniform",
    ),
    "psg": Wording(
        title="Signal ghosting (PSG)",
        short="PSG",
        unit="%",
        direction=_LOW,
        meaning="percent signal ghosting: ghost signal outside the phantom against the signal",
    ),
    "snr_nema_method1": Wording(
        title="SNR, two images (NEMA 1)",
        short="SNR, two images",
        unit="1",
        direction=_HIGH,
        meaning="signal to noise, noise from the difference of two images",
    ),
    "snr_background": Wording(
        title="SNR, background noise",
        unit="1",
        direction=_HIGH,
        meaning="signal to noise, noise from the air around the phantom",
    ),
    "snr_local": Wording(
        title="SNR, noise in phantom",
        unit="1",
        direction=_HIGH,
        meaning="signal to noise, noise from neighboring voxels inside the phantom",
    ),
    "center_frequency": Wording(
        title="Center frequency",
        unit="Hz",
        direction=_STEADY,
        meaning="resonance frequency at prescan, as the header states it",
    ),
    "low_contrast_spokes": Wording(
        title="Low-contrast spokes seen",
        unit="1",
        direction=_HIGH,
        meaning="complete spokes on slices 8 to 11 together, of 40",
    ),
}

_ALONG = {
    "lr": "left-right",
    "ap": "top-bottom",
    "d1": "diagonal 1",
    "d2": "diagonal 2",
}
_WORDINGS |= {
    "fiducials_found": Wording(title="Fiducial spheres found", unit="1", direction=_HIGH),
    "fiducial_rigid_rms": Wording(title="Fiducials, RMS, rigid fit", unit="mm", direction=_LOW),
    "fiducial_affine_rms": Wording(title="Fiducials, RMS, affine fit", unit="mm", direction=_LOW),
    **{
        f"scale_{axis}": Wording(
            title=f"Scale along {axis}",
            unit="%",
            direction=_NEAR,
            meaning="found over true distance less 100 %, in the scanner's axes",
        )
        for axis in "xyz"
    },
    **{
        f"shear_{pair}": Wording(
            title=f"Shear {pair}", unit="%", direction=_LOW, meaning="departure from a right angle"
        )
        for pair in ("xy", "xz", "yz")
    },
    **{
        f"nonlinear_{kind}_{radius}mm": Wording(
            title=f"Nonlinear distortion within {radius} mm, {words}",
            unit="mm",
            direction=_LOW,
            meaning="what scale and shear leave, around the isocenter",
        )
        for kind, words in (("rms", "RMS"), ("max", "largest"))
        for radius in (45, 70, 95)
    },
}
_QUANTITIES = {
    "t1": ("ms", "T1, mean over the voxels clear of the wall,"),
    "t2": ("ms", "T2, mean over the voxels clear of the wall,"),
    "adc": ("µm²/s", "ADC, mean over the voxels clear of the wall,"),
}
_OF_INSERTS = {
    "adc_b_dependence": (
        "ADC over b",
        "%",
        "range of two-point ADC over b-values, over their mean",
    ),
    "adc_versus_scanner": ("Against scanner's ADC", "%", "our ADC over the scanner's, less 100 %"),
    "snr_nema_method1": ("SNR", "", "signal over noise from the difference of two images"),
    "pd": ("Proton density", "%", "signal over that of the bath at the same place"),
}
_DIAMETER = re.compile(r"^diameter_slice(\d+)_(lr|ap|d1|d2)$")
_POSITION = re.compile(r"^slice_position_slice(\d+)$")
_RESOLUTION = re.compile(r"^high_contrast_resolution_(lr|ap)$")


def wording(name: str, insert: str | None = None) -> Wording:
    """Return the words for a measurement; an unknown name stands for itself.

    Parameters
    ----------
    name
        Of the measurement.
    insert
        What it is the value of, where it is about one object in the phantom.

    >>> wording("diameter_slice5_d1").title
    'Diameter slice 5, diagonal 1'
    >>> wording("my_own_test").title
    'my_own_test'
    """
    if name in _WORDINGS:
        return _WORDINGS[name]
    if match := _DIAMETER.match(name):
        return Wording(
            title=f"Diameter slice {match[1]}, {_ALONG[match[2]]}",
            short=_ALONG[match[2]],
            unit="mm",
            direction=_NEAR,
            meaning="inner diameter of the phantom",
        )
    if match := _POSITION.match(name):
        return Wording(
            title=f"Slice position, slice {match[1]}",
            short="bar difference",
            unit="mm",
            direction=_NEAR,
            meaning="bar length difference, right minus left, twice the displacement of the "
            "slice; positive: displaced towards slice 11",
        )
    if match := _RESOLUTION.match(name):
        return Wording(
            title=f"Smallest holes seen, {_ALONG[match[1]]}",
            short=_ALONG[match[1]],
            unit="mm",
            direction=_LOW,
            meaning="diameter of the smallest holes that are told apart",
        )
    quantity = name.partition("_")[0]
    if insert is not None and name == f"{quantity}_{insert}" and quantity in _QUANTITIES:
        unit, words = _QUANTITIES[quantity]
        return Wording(title=insert, unit=unit, direction=_NEAR, meaning=f"{words} of {insert}")
    if insert is not None and name.startswith("repeatability_wcv_"):
        return Wording(
            title=f"wCV, {insert}",
            unit="%",
            direction=_LOW,
            meaning="standard deviation of repeats in percent of their mean",
        )
    for start, (title, unit, words) in _OF_INSERTS.items():
        if insert is not None and name.startswith(f"{start}_"):
            return Wording(title=f"{title}, {insert}", unit=unit, meaning=words)
    if name.startswith("adc_position_dependence_"):
        return Wording(
            title="ADC at 60 mm against the isocenter",
            unit="%",
            direction=_LOW,
            meaning="departure of the ADC of one content 60 mm away from the isocenter",
        )
    if name.startswith("linearity_slope_"):
        quantity, _, group = name.removeprefix("linearity_slope_").partition("_")
        return Wording(
            title=f"Linearity of {quantity.upper()}, {group}",
            unit="1",
            direction="nearer to 1 is better",
            meaning="slope of ln(measured) on ln(certified)",
        )
    return Wording(title=name)
