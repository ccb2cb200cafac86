"""Simulate an exam of the large ACR phantom: object, coils, k-space, noise, stored images."""

from __future__ import annotations

import dataclasses
import uuid

import numpy as np
from numpy.typing import NDArray

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import UsageError
from qiqa.core.scanner import Acquisition, Reconstruction
from qiqa.core.series import FrameSource, Series, SeriesHeader
from qiqa.simulate.coils import sensitivities
from qiqa.simulate.kspace import (
    Samples,
    add_ghost,
    add_noise,
    apodize,
    fold,
    reconstruct,
    sample,
    window,
)
from qiqa.simulate.pose import (
    Placement,
    Plane,
    axial_plane,
    place,
    sagittal_plane,
    stated_z_mm,
)
from qiqa.simulate.primitives import Pieces, cut
from qiqa.simulate.profile import SliceProfile, slice_profile
from qiqa.simulate.spec import AcrSpec
from qiqa.simulate.truth import Truth, truth_of

__all__ = ["SimulatedExam", "simulate_exam", "simulate_localizer", "simulate_stack"]

_OVERSAMPLING = 4
"""Fine pixels an acquired pixel, along rows and columns."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedExam:
    """Series of one exam with the role of each, and what is true about them."""

    series: tuple[Series, ...]
    roles: tuple[str, ...]
    """`T1`, `localizer`, `repeat` (T1 again, other noise), `T2`."""
    truth: Truth

    @property
    def named(self) -> dict[str, Series]:
        """Series by role, in order."""
        return dict(zip(self.roles, self.series, strict=True))

    def role(self, name: str) -> Series:
        """Return the series of one role.

        Raises
        ------
        KeyError
            If the exam has none.
        """
        if name not in self.roles:
            raise KeyError(f"no series {name!r}; the exam has {self.roles}")
        return self.series[self.roles.index(name)]


def _new_uid(rng: np.random.Generator) -> str:
    """Return a UID of a random UUID, as DICOM PS3.5 annex B.2 has it."""
    return f"2.25.{uuid.UUID(bytes=rng.bytes(16), version=4).int}"


def _reach_mm(pieces: Pieces, placement: Placement, plane: Plane) -> float:
    """Return how far the body reaches from the center of the field along rows or columns."""
    axis, radius = placement.turn[:, 2], float(pieces.cylinder[0, 2])
    reach = 0.0
    for step in (plane.right, plane.down):
        length = float(np.linalg.norm(step))
        along = step / length
        rim = radius * np.sqrt(max(0.0, 1 - float(axis @ along) ** 2))
        for z in pieces.box[0, 4:]:
            end = placement.turn @ (np.array([0.0, 0.0, z]) - placement.anchor_mm)
            middle = float(along @ (end + placement.center_mm - plane.center_mm))
            reach = max(reach, (abs(middle) + float(rim)) / length)
    return reach


def _draw(
    spec: AcrSpec, placement: Placement, plane: Plane, pieces: Pieces, profile: SliceProfile
) -> NDArray[np.float32]:
    """Return the object in the slice on the fine grid of the field of view."""
    from qiqa.simulate.raycast import Grid, render  # numba: costs a second to import

    padding = 1 if _reach_mm(pieces, placement, plane) < spec.fov_mm / 2 else 2
    size = spec.matrix * _OVERSAMPLING * padding
    step = spec.fov_mm * padding / size
    turn = placement.turn.T
    right, down = turn @ plane.right * step, turn @ plane.down * step
    corner = placement.to_phantom(plane.center_mm) - (right + down) * (size / 2)
    grid = Grid(corner=corner, right=right, down=down, normal=turn @ plane.normal, size=size)
    fine = render(pieces, profile, grid)
    return fold(fine, padding, spec.phase_encode_direction)


def _fine_axis(spec: AcrSpec) -> NDArray[np.float32]:
    size = spec.matrix * _OVERSAMPLING
    return ((np.arange(size) - (size - 1) / 2) * (spec.fov_mm / size)).astype(np.float32)


def _receive(
    spec: AcrSpec, fine: NDArray[np.float32], fields: list[NDArray[np.float32]]
) -> list[Samples]:
    """Return what each coil samples, ghost included, without noise."""
    shift = spec.matrix / 2 if spec.ghost_shift_px is None else spec.ghost_shift_px
    direction = spec.ghost_direction or spec.phase_encode_direction
    plain = spec.n_coils == 1 and spec.shading_percent == 0
    return [
        add_ghost(
            sample(fine if plain else fine * field, spec.matrix),
            spec.ghost_fraction,
            shift,
            direction,
        )
        for field in fields
    ]


def _store(spec: AcrSpec, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the scanner stores of an image in units of the bath: whole numbers."""
    counts: NDArray[np.float32] = np.rint(image * np.float32(spec.bath_counts))
    counts[image < spec.air_zero_threshold] = 0
    counts = np.clip(counts, 0, spec.stored_max)
    border = spec.zero_border_px
    if border:
        framed = np.zeros_like(counts)
        framed[border:-border, border:-border] = counts[border:-border, border:-border]
        counts = framed
    return counts


def _stack(
    spec: AcrSpec, slices: list[list[Samples]], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return signal (i, j, k, 1) of slices that each coil has sampled, with new noise."""
    stored = spec.stored_matrix
    # SNR is that of the image: the filter takes noise away, so there is more before it.
    before = 1 / (spec.snr * float(np.mean(window(spec.matrix, spec.apodization) ** 2)))
    signal = np.zeros((stored, stored, len(slices), 1), dtype=np.float32, order="F")
    for index, coils in enumerate(slices):
        noisy = [apodize(add_noise(samples, before, rng), spec.apodization) for samples in coils]
        signal[:, :, index, 0] = _store(spec, reconstruct(noisy, stored)).T
    return signal


def _affine_ras(
    spec: AcrSpec, right: tuple[float, ...], down: tuple[float, ...], normal: tuple[float, ...],
    first_center: tuple[float, ...], spacing: float,
) -> NDArray[np.float64]:  # fmt: skip
    """Return voxel to RAS of a stack whose directions and first center are given in LPS."""
    pixel, middle = spec.fov_mm / spec.stored_matrix, (spec.stored_matrix - 1) / 2
    lps = np.eye(4)
    lps[:3, 0] = np.array(right) * pixel
    lps[:3, 1] = np.array(down) * pixel
    lps[:3, 2] = np.array(normal) * spacing
    lps[:3, 3] = np.array(first_center) - (lps[:3, 0] + lps[:3, 1]) * middle
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def _acquisition(spec: AcrSpec, thickness_mm: float, spacing_mm: float | None) -> Acquisition:
    return Acquisition(
        acquired_at=spec.acquired_at,
        software="qiqa simulation",
        coil="simulated",
        coil_elements=f"{spec.n_coils} elements",
        sequence="SE simulated",
        spin_echo=True,
        tr_ms=spec.tr_ms,
        te_ms=spec.te_ms,
        flip_angle_deg=90.0,
        echo_train_length=1,
        averages=1.0,
        slice_thickness_mm=thickness_mm,
        slice_spacing_mm=spacing_mm,
        matrix=(spec.stored_matrix, spec.stored_matrix),
        matrix_acquired=(spec.matrix, spec.matrix),
        fov_mm=(spec.fov_mm, spec.fov_mm),
        phase_encode_direction=spec.phase_encode_direction,
        pixel_bandwidth_hz=150.0,
        center_frequency_hz=42.577478518e6 * (spec.scanner.field_strength_t or 1.5),
        center_frequency_resolution_hz=1.0,
        patient_position="HFS",
        reconstruction=Reconstruction(
            intensity_normalization="none",
            distortion_correction="2D" if spec.zero_border_px else "none",
            interpolation=spec.stored_matrix != spec.matrix,
            combine_mode="sum of squares" if spec.n_coils > 1 else None,
        ),
    )


def _series(
    spec: AcrSpec, signal: NDArray[np.float32], affine: NDArray[np.float64],
    acquisition: Acquisition, description: str, study: tuple[str, str], rng: np.random.Generator,
) -> Series:  # fmt: skip
    count = signal.shape[2]
    normal = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    positions = tuple(float(normal @ (affine[:3, 3] + k * affine[:3, 2])) for k in range(count))
    header = SeriesHeader(
        series_uid=_new_uid(rng),
        study_uid=study[0],
        frame_of_reference_uid=study[1],
        description=description,
        modality="MR",
        scanner=spec.scanner,
        acquisition=acquisition,
        affine=affine,
        shape=(signal.shape[0], signal.shape[1], count, 1),
        frames=(tuple(FrameSource(path="simulated", frame=k) for k in range(count)),),
        slice_positions_mm=positions,
        dialect="simulated",
    )
    return Series(header=header, signal=signal, stored_range=(0.0, float(spec.stored_max)))


def _signals(phantom: CylinderPhantom, spec: AcrSpec) -> dict[str, float]:
    """Return the signals, by name of insert, that differ from the definition's."""
    signals = {
        insert.name: insert.signal * spec.hole_signal
        for insert in phantom.insert
        if insert.shape.kind == "hole_array"
    }
    return signals if spec.vial_signal is None else {**signals, "vial_fluid": spec.vial_signal}


def _check(phantom: CylinderPhantom, spec: AcrSpec) -> None:
    if spec.variant not in phantom.variants:
        raise UsageError(
            f"variant is {spec.variant!r}, {phantom.id} has {list(phantom.variants)}",
            where="AcrSpec",
        )


def _sampled_stack(
    phantom: CylinderPhantom, spec: AcrSpec, slices: tuple[int, ...] | None
) -> list[list[Samples]]:
    """Return the samples of every slice, feet to head."""
    pieces = cut(phantom, spec.variant, bubble_deg=spec.bubble_deg, signals=_signals(phantom, spec))
    bare = cut(dataclasses.replace(phantom, insert=()), spec.variant)
    profile = slice_profile(spec.profile, spec.thickness_mm)
    axis = _fine_axis(spec)
    fields = sensitivities(spec, axis[None, :], axis[:, None])
    placement, count = place(phantom, spec), phantom.stack.n_slices

    def received(index: int, drawn: Pieces) -> list[Samples]:
        fine = _draw(spec, placement, axial_plane(phantom, spec, index), drawn, profile)
        return _receive(spec, fine, fields)

    # Slices that nobody asked for all show the bath as it is on the middle one.
    plain = received(count // 2, bare) if slices is not None and len(slices) < count else []
    sampled = []
    for index in range(count):
        number = count - index if spec.reversed_order else index + 1
        drawn = slices is None or number in slices
        sampled.append(received(index, pieces) if drawn else plain)
    return sampled


def _axial_series(
    phantom: CylinderPhantom, spec: AcrSpec, sampled: list[list[Samples]], description: str,
    study: tuple[str, str], rng: np.random.Generator,
) -> Series:  # fmt: skip
    spacing = phantom.stack.spacing_mm
    affine = _affine_ras(
        spec, (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, stated_z_mm(phantom, 0)), spacing
    )
    acquisition = _acquisition(spec, phantom.stack.thickness_mm, spacing)
    return _series(spec, _stack(spec, sampled, rng), affine, acquisition, description, study, rng)


def simulate_stack(
    phantom: CylinderPhantom,
    spec: AcrSpec,
    rng: np.random.Generator,
    *,
    slices: tuple[int, ...] | None = None,
) -> Series:
    """Return the axial stack alone; see `simulate_exam`."""
    return simulate_exam(phantom, spec, rng, slices=slices, localizer=False).series[0]


def simulate_localizer(
    phantom: CylinderPhantom,
    spec: AcrSpec,
    rng: np.random.Generator,
    *,
    study: tuple[str, str] | None = None,
) -> Series:
    """Return one sagittal slice through the phantom's center, TR/TE 200/20 ms.

    Parameters
    ----------
    study
        Study and frame of reference UID to share; None makes new ones.
    """
    _check(phantom, spec)
    pieces = cut(phantom, spec.variant, bubble_deg=spec.bubble_deg, signals=_signals(phantom, spec))
    profile = slice_profile(spec.profile, spec.localizer_thickness_mm)
    fine = _draw(spec, place(phantom, spec), sagittal_plane(spec), pieces, profile)
    axis = _fine_axis(spec)
    fields = sensitivities(spec, axis[None, :], axis[:, None])
    affine = _affine_ras(
        spec, (0, 1, 0), (0, 0, -1), (-1, 0, 0), (spec.center_offset_mm[0], 0, 0),
        spec.localizer_thickness_mm,
    )  # fmt: skip
    quick = dataclasses.replace(spec, tr_ms=200.0, te_ms=20.0)
    acquisition = _acquisition(quick, spec.localizer_thickness_mm, None)
    signal = _stack(spec, [_receive(spec, fine, fields)], rng)
    uids = study or (_new_uid(rng), _new_uid(rng))
    return _series(spec, signal, affine, acquisition, "ACR localizer", uids, rng)


def _without_noise(
    phantom: CylinderPhantom, spec: AcrSpec, sampled: list[list[Samples]], number: int
) -> NDArray[np.float32]:
    index = phantom.stack.n_slices - number if spec.reversed_order else number - 1
    filtered = [apodize(samples, spec.apodization) for samples in sampled[index]]
    return reconstruct(filtered, spec.stored_matrix)


def simulate_exam(
    phantom: CylinderPhantom,
    spec: AcrSpec,
    rng: np.random.Generator,
    *,
    slices: tuple[int, ...] | None = None,
    localizer: bool = True,
    repeat: bool = False,
    t2: AcrSpec | None = None,
) -> SimulatedExam:
    """Return an exam of the large ACR phantom and what is true about it.

    Parameters
    ----------
    phantom
        Definition of the phantom.
    spec
        State of the scanner and placement.
    rng
        Source of the noise and of all UIDs.
    slices
        Slices of the phantom to draw in full; the others show the bath of the middle slice and
        nothing in it. None draws all.
    localizer
        Add the sagittal localizer.
    repeat
        Add the same axial series with new noise, for SNR from two images.
    t2
        Add an axial series made by this specification (say TR/TE 2000/80, vial 0.55).

    Raises
    ------
    UsageError
        If the phantom has no such variant.
    """
    _check(phantom, spec)
    study = (_new_uid(rng), _new_uid(rng))
    sampled = _sampled_stack(phantom, spec, slices)
    series = [_axial_series(phantom, spec, sampled, "ACR axial T1", study, rng)]
    roles = ["T1"]
    if localizer:
        series.append(simulate_localizer(phantom, spec, rng, study=study))
        roles.append("localizer")
    if repeat:
        series.append(_axial_series(phantom, spec, sampled, "ACR axial T1", study, rng))
        roles.append("repeat")
    if t2 is not None:
        _check(phantom, t2)
        second = _sampled_stack(phantom, t2, slices)
        series.append(_axial_series(phantom, t2, second, "ACR axial T2", study, rng))
        roles.append("T2")
    clean = None
    if slices is None or 7 in slices:  # the slice that uniformity and ghosting are judged on
        clean = _without_noise(phantom, spec, sampled, 7)
    return SimulatedExam(
        series=tuple(series), roles=tuple(roles), truth=truth_of(phantom, spec, clean)
    )
