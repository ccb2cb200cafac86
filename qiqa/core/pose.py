"""Where the phantom is in a series, and how sure that is."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["InsertPosition", "Override", "PhantomPose", "Roi"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What the user sets instead of what the image says; None leaves it to the image."""

    first_slice: int | None = None
    """Which slice of the stack, counted from 1 in scanner order, is slice 1 of the phantom."""
    reversed_order: bool | None = None
    angle_deg: float | None = None
    """Clockwise turn of the phantom as seen in the displayed image."""
    center_px: tuple[float, float] | None = None
    """Column, row of the phantom's axis on the first image of the stack, first pixel 0, 0."""

    @property
    def given(self) -> tuple[str, ...]:
        """Names of what was set."""
        return tuple(f.name for f in dataclasses.fields(self) if getattr(self, f.name) is not None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """Voxels that were used, as an outline in phantom coordinates."""

    name: str
    slice: int | None
    outline_mm: tuple[tuple[float, float], ...]
    area_mm2: float
    n_voxels: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InsertPosition:
    """Where one insert of an arrangement is in the images."""

    label: str
    group: str
    center_voxel: tuple[float, float, float]
    """i, j, k, from the pose."""
    seen: bool
    """Whether something like it was found there in the images."""
    distance_mm: float = math.nan
    """From where it was found to where the pose puts it; NaN where it was not seen."""
    half_length_mm: float = math.nan
    """How far from the center, on either side along its axis, a tube was seen; NaN where slices
    lie across it, which say so themselves, and for spheres."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhantomPose:
    """Which phantom, where, and which way round.

    `phantom_to_voxel` (4, 4) maps phantom millimetres (x, y, z, 1) to voxel indices (i, j, k)
    of the series; it holds rotation, tilt, mirroring, scale by voxel size and shift.
    """

    phantom_id: str
    variant: str | None
    kind: str
    """`axial_stack` or `localizer`; for an arrangement the name of the group that is seen."""
    score: float
    """Agreement of the images with the definition, 1 is perfect."""
    runner_up: str
    """Next best explanation."""
    runner_up_score: float
    phantom_to_voxel: NDArray[np.float64]
    slice_numbers: tuple[int | None, ...]
    """Slice of the phantom for each k; None for a slice that is none of them."""
    rotation_deg: float
    """In-plane turn against the standard pose, clockwise as displayed."""
    tilt_deg: tuple[float, float]
    """Slope of the axis against the slice normal, along x and along y of the phantom."""
    offset_mm: tuple[float, float, float]
    """Phantom center against the center of the field of view, along i and j as displayed; and
    displacement of the slices along the phantom's axis, positive towards slice 11."""
    mirrored: bool
    """True where the images show the phantom's mirror image in scanner coordinates."""
    reversed_order: bool
    """True where slice 11 comes first along the slice normal."""
    residual_mm: float
    """RMS distance of found wall points from the fitted wall."""
    symmetry: str
    """What ambiguity is left, or `none`."""
    evidence: tuple[str, ...]
    """What each decision rests on, in words."""
    overrides: tuple[str, ...] = ()
    hint: str | None = None
    """How to position better next time, in words; None where nothing needs mending."""
    inserts: tuple[InsertPosition, ...] = ()
    """Inserts of an arrangement with their labels; empty where the labels are unresolved."""
    alternatives: tuple[PhantomPose, ...] = ()
    """All poses that fit alike, where the labels are unresolved."""
    labels: Literal["none", "independent", "by_values", "unresolved"] = "none"
    """What the labels rest on: `independent` of the values measured (geometry, landmarks,
    facing), or chosen `by_values`, which then are no evidence for those values; `none` for
    phantoms whose inserts need no labels."""
