"""What to simulate: the state of the scanner and the placement of the phantom."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from qiqa.core.errors import UsageError
from qiqa.core.scanner import Scanner

__all__ = ["AcrSpec"]

_PROFILES = ("rect", "sinc", "gaussian")
_SCANNER = Scanner(
    manufacturer="qiqa",
    model="simulator",
    serial_number="SIM0001",
    station="SIMULATED",
    field_strength_t=1.5,
)
_WHEN = dt.datetime(2026, 1, 5, 7, 30)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AcrSpec:
    """One exam of the large ACR phantom; the defaults are a scanner and a placement in order.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    """

    variant: str = "plate"
    """Variant of the phantom as its definition names them."""
    matrix: int = 256
    """Acquired samples along rows and columns."""
    fov_mm: float = 250.0
    """A field smaller than the phantom folds over along phase and is cut along frequency."""
    tr_ms: float = 500.0
    te_ms: float = 20.0
    thickness_mm: float = 5.0
    """True full width at half maximum of the slice profile."""
    profile: str = "sinc"
    """`rect`, `sinc` (pulse of finite length: soft flanks, small lobes) or `gaussian`."""
    localizer_thickness_mm: float = 10.0

    rotation_deg: float = 0.0
    """Turn of the phantom in the image, clockwise as displayed."""
    tilt_deg: tuple[float, float] = (0.0, 0.0)
    """Slope of the phantom's axis against the slice normal, along x and y of the phantom."""
    center_offset_mm: tuple[float, float] = (0.0, 0.0)
    """Where the axis crosses the middle slice, from the center of the field, right and down."""
    displacement_mm: float = 0.0
    """Shift of all slices along the phantom's axis, positive towards slice 11."""
    spacing_scale: float = 1.0
    """True distance of slices over the stated one; slice 1 stays where it is."""
    gradient_error_percent: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Apparent over true distance from the isocenter (center of the field and of the stack), less
    100 %, along the patient's x, y and z."""
    mirrored: bool = False
    """The image shows the mirror image (left and right exchanged)."""
    reversed_order: bool = False
    """The phantom lies the other way round, turned by 180 degrees about the vertical."""
    bubble_deg: float = 0.0
    """Half of the arc at 12 o'clock of the phantom that is air."""

    snr: float = 150.0
    """Signal of the bath over the SD of the noise in the real channel of one coil; infinity for
    an image without noise."""
    n_coils: int = 1
    """Coils combined by the root of the sum of squares."""
    shading_percent: float = 0.0
    """Half range over half sum of the receive field in a disk of 200 cm²: the loss of PIU."""
    shading_direction_deg: float = 0.0
    """Where it is brightest, clockwise from 12 o'clock."""
    shading_linear: float = 0.5
    """Part of the shading that is a slope; the rest is a bowl, brighter at the rim."""
    ghost_fraction: float = 0.0
    """Amplitude of a shifted copy over that of the image."""
    ghost_shift_px: float | None = None
    """Shift of the ghost in acquired pixels; None for half the matrix."""
    ghost_direction: str | None = None
    """`ROW` or `COL`; None for the phase encode direction."""
    phase_encode_direction: str = "COL"
    """`ROW` or `COL`, as DICOM has it."""

    apodization: float = 0.0
    """Damping of the outermost samples of k-space, 0 (none, full ringing) to 1 (Hann window)."""
    interpolated_matrix: int | None = None
    """Stored matrix where k-space is filled with zeros; None stores the acquired one."""
    zero_border_px: int = 0
    """Stored rows and columns of zeros on each side, as distortion correction leaves them."""
    air_zero_threshold: float = 0.0
    """Pixels below this fraction of the bath are stored as 0."""
    bath_counts: float = 1200.0
    """Stored value of the bath where the receive field is 1."""
    stored_max: int = 4095
    """Larger values are clipped."""
    vial_signal: float | None = None
    """Signal of the contrast vial over the bath; None takes the definition's."""

    hole_signal: float = 0.65
    """Signal of the fine holes of the resolution insert over the definition's. Five public scans
    show 0.5 to 0.85 of what holes through the whole slice would give: they are not as deep."""

    scanner: Scanner = _SCANNER
    acquired_at: dt.datetime | None = _WHEN
    """Local time of the scanner, without a zone as in most DICOM files."""

    def __post_init__(self) -> None:
        def refuse(name: str, allowed: str) -> None:
            value = getattr(self, name)
            raise UsageError(f"{name} is {value!r}, allowed is {allowed}", where="AcrSpec")

        if self.profile not in _PROFILES:
            refuse("profile", f"one of {_PROFILES}")
        for name in ("phase_encode_direction", "ghost_direction"):
            value = getattr(self, name)
            if value not in ("ROW", "COL") and not (value is None and name == "ghost_direction"):
                refuse(name, "'ROW' or 'COL'")
        if self.matrix < 32 or self.matrix % 2:
            refuse("matrix", "an even number from 32")
        stored = self.interpolated_matrix
        if stored is not None and (stored < self.matrix or stored % 2):
            refuse("interpolated_matrix", f"an even number from {self.matrix}")
        for name in ("fov_mm", "thickness_mm", "localizer_thickness_mm", "snr", "bath_counts"):
            if not getattr(self, name) > 0:
                refuse(name, "above 0")
        if self.n_coils < 1:
            refuse("n_coils", "1 or more")
        for name in ("apodization", "hole_signal"):
            if not 0 <= getattr(self, name) <= 1:
                refuse(name, "0 to 1")
        if not 0 <= self.shading_percent < 90:
            refuse("shading_percent", "0 to below 90")
        if any(abs(angle) > 20 or not math.isfinite(angle) for angle in self.tilt_deg):
            refuse("tilt_deg", "-20 to 20")

    @property
    def stored_matrix(self) -> int:
        """Rows and columns of the stored image."""
        return self.interpolated_matrix or self.matrix
