"""How each vendor words an MR image: names, image types, scaling, private elements."""

from __future__ import annotations

import dataclasses

__all__ = ["STYLES", "VendorStyle"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VendorStyle:
    """Conventions of one vendor for a 2D spin echo."""

    manufacturer: str
    model: str
    software: tuple[str, ...]
    coil: str
    image_type: tuple[str, ...]
    """Values of ImageType in a classic image, before what the reconstruction state adds."""
    normalized: str | None
    """ImageType value that tells a normalized image, where the vendor has one."""
    corrected: str | None
    """ImageType value that tells a distortion-corrected image."""
    sequence_name: str | None
    sequence_variant: str
    scan_options: str | None
    bits_stored: int
    rescales: bool
    """True where every slice has a rescale slope of its own."""


STYLES = {
    "siemens": VendorStyle(
        manufacturer="Siemens Healthineers",
        model="MAGNETOM Sola",
        software=("syngo MR XA51",),
        coil="HeadNeck_20_TCS",
        image_type=("ORIGINAL", "PRIMARY", "M"),
        normalized="NORM",
        corrected="DIS2D",
        sequence_name="*se2d1",
        sequence_variant="SP",
        scan_options="PER",
        bits_stored=12,
        rescales=False,
    ),
    "ge": VendorStyle(
        manufacturer="GE MEDICAL SYSTEMS",
        model="SIGNA Artist",
        software=("30", "LX", "MR Software release:MR30.0_R01"),
        coil="HNS Head",
        image_type=("ORIGINAL", "PRIMARY", "OTHER"),
        normalized=None,
        corrected=None,
        sequence_name=None,
        sequence_variant="NONE",
        scan_options="FAST_GEMS",
        bits_stored=16,
        rescales=False,
    ),
    "philips": VendorStyle(
        manufacturer="Philips Medical Systems",
        model="Achieva dStream",
        software=("5.7.1", "5.7.1.2"),
        coil="SENSE_HEAD_8",
        image_type=("ORIGINAL", "PRIMARY", "M_SE", "M", "SE"),
        normalized=None,
        corrected=None,
        sequence_name=None,
        sequence_variant="SS",
        scan_options="OTHER",
        bits_stored=12,
        rescales=True,
    ),
}
"""By the name that `write_series` takes."""
