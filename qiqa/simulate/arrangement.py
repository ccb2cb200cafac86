"""Simulate a series of an arrangement: contents, pose, k-space, coils, noise, stored images."""

from __future__ import annotations

import dataclasses
import uuid

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement
from qiqa.core.errors import UsageError
from qiqa.core.scanner import Acquisition, Reconstruction
from qiqa.core.series import Encoding, FrameSource, Series, SeriesHeader
from qiqa.simulate.arrangement_draw import Piece, in_stack, pieces_of, slice_samples, volume_image
from qiqa.simulate.arrangement_pose import Geometry, geometry_of
from qiqa.simulate.arrangement_signals import Spread, encoding_of, half_width, spread
from qiqa.simulate.arrangement_spec import ArrangementSpec, Filling
from qiqa.simulate.arrangement_truth import ArrangementTruth, truth_of
from qiqa.simulate.filling import batch_name, contents
from qiqa.simulate.kspace import Samples, add_ghost, apodize, inverse, window

__all__ = ["SimulatedArrangement", "simulate_arrangement", "split_volumes"]

_COIL_MM = 80.0
"""Distance from the center at which the slope of an element is stated."""
_WORDS = {
    "ir": "T1 inversion recovery",
    "mse": "T2 multi-echo",
    "dwi": "diffusion",
    "pd": "proton density",
    "vfa": "T1 variable flip angle",
    "volume": "3D volume",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedArrangement:
    """One series and what is true about it."""

    series: Series
    truth: ArrangementTruth


def _new_uid(rng: np.random.Generator) -> str:
    """Return a UID of a random UUID, as DICOM PS3.5 annex B.2 has it."""
    return f"2.25.{uuid.UUID(bytes=rng.bytes(16), version=4).int}"


def simulate_arrangement(
    phantom: Arrangement,
    spec: ArrangementSpec,
    rng: np.random.Generator,
    *,
    study: tuple[str, str] | None = None,
) -> SimulatedArrangement:
    """Return one series with all its volumes, and what is true about it.

    Parameters
    ----------
    rng
        Source of the noise and of all UIDs.
    study
        Study and frame of reference UID to share; None makes new ones.

    Raises
    ------
    UsageError
        For a group, batch or label that the phantom does not have, or slices along its tubes.
    CertificateError
        If the certificates do not hold at the temperature.
    """
    group = phantom.group[0]
    if spec.group is not None:
        try:
            group = phantom.find_group(spec.group)
        except KeyError as error:
            raise UsageError(str(error.args[0]), where="group") from None
    filled = contents(phantom, spec)
    geometry = geometry_of(spec, group)
    rows = {label: number for number, label in enumerate(filled, start=1)}
    pieces = pieces_of(phantom, spec, rows)
    if spec.kind != "volume":
        pieces = in_stack(pieces, geometry, spec, half_width(spec))
    touched = {piece.row for piece in pieces}
    fillings = [spec.bath] + [
        filling if row in touched else spec.bath  # what no slice shows is not worth the time
        for row, (filling, _) in enumerate(filled.values(), start=1)
    ]
    gains = _gains(phantom, spec, geometry, 0.0)
    even = spread(spec, fillings, np.array([1.0, *gains.values()]))
    # What SNR refers to: the brightest liquid of the group that is imaged, or the bath.
    used = [0, *(rows[label] for label in group.labels if label not in spec.missing)]
    volume = -1 if spec.kind == "ir" else 0
    reference = float(np.abs(even.total[used, volume]).max())
    scale, noise = spec.reference_counts / reference, reference / spec.snr
    if spec.kind == "volume":
        signal = _volume(pieces, spec, geometry, even, rng, (scale, noise))
    else:
        signal = _slices(phantom, pieces, spec, geometry, fillings, even, rng, (scale, noise))
    pixel = spec.fov_mm / spec.matrix
    spacing = pixel if spec.kind == "volume" else spec.slice_spacing_mm
    size = (signal.shape[0], signal.shape[1], signal.shape[2])
    uids = study or (_new_uid(rng), _new_uid(rng))
    header = _header(phantom, spec, geometry, size, spacing, uids, rng)
    truth = truth_of(
        phantom, spec, geometry, filled, gains, (size, (pixel, pixel, spacing)), noise * scale,
        scale, batch_name(phantom, spec),
    )  # fmt: skip
    return SimulatedArrangement(
        series=Series(header=header, signal=signal, stored_range=(0.0, float(spec.stored_max))),
        truth=truth,
    )


def _gains(
    phantom: Arrangement, spec: ArrangementSpec, geometry: Geometry, z_mm: float
) -> dict[str, float]:
    """Return apparent over true ADC of each label in the slice at `z_mm` from the middle.

    A sphere has its center's; a tube that of its axis where the slice cuts it.
    """
    gains = {}
    normal = geometry.frame[:, 2]
    for group in phantom.group:
        places = geometry.scanner_mm(np.array(group.centers_mm))
        if group.shape == "tube" and spec.kind == "dwi":
            axis = geometry.turn @ np.array(group.axis)
            depth = z_mm - (places - geometry.center_mm) @ normal
            places = places + (depth / float(axis @ normal))[:, None] * axis
        radius = np.linalg.norm(places, axis=1)
        for label, r in zip(group.labels, radius, strict=True):
            gains[label] = 1 + spec.adc_gain_60mm * (float(r) / 60) ** 2
    return gains


def _fields(spec: ArrangementSpec) -> list[NDArray[np.float32]]:
    """Return the field of each element; together, before any is lost, they are even."""
    axis = (np.arange(spec.matrix) - (spec.matrix - 1) / 2) * (spec.fov_mm / spec.matrix)
    if spec.n_coils == 1:
        field = np.ones((spec.matrix, spec.matrix))
        return [(field * (0 not in spec.lost_coils)).astype(np.float32)]
    elements = []
    for number in range(spec.n_coils):
        angle = 2 * np.pi * (number + 0.5) / spec.n_coils
        toward = axis[None, :] * np.sin(angle) - axis[:, None] * np.cos(angle)
        elements.append(np.maximum(1 + spec.coil_slope * toward / _COIL_MM, 0.05))
    together = np.sqrt(sum(element**2 for element in elements))
    return [
        (element / together * (number not in spec.lost_coils)).astype(np.float32)
        for number, element in enumerate(elements)
    ]


def _noise(spec: ArrangementSpec, sd: float, rng: np.random.Generator) -> Samples:
    """Return complex noise of an image whose SD in each channel is `sd` after the filter."""
    size = spec.matrix
    noise = rng.standard_normal((size, size, 2), dtype=np.float32).view(np.complex64)[..., 0]
    if spec.apodization == 0:
        return noise * np.float32(sd)
    before = sd / float(np.mean(window(size, spec.apodization) ** 2))
    return inverse(apodize(noise * np.float32(before / size), spec.apodization), size)


def _combined(
    spec: ArrangementSpec, clean: Samples | NDArray[np.float32],
    fields: list[NDArray[np.float32]], noise: float, scale: float, rng: np.random.Generator,
) -> NDArray[np.float32]:  # fmt: skip
    """Return the stored image (columns, rows) of a complex one: root of the sum of squares."""
    power = np.zeros(clean.shape, dtype=np.float32)
    for field in fields:
        one = clean if spec.n_coils == 1 and not spec.lost_coils else clean * field
        if noise > 0:
            one = one + _noise(spec, noise, rng)
        power += one.real**2 + one.imag**2
    stored = np.clip(np.rint(np.sqrt(power) * np.float32(scale)), 0, spec.stored_max)
    result: NDArray[np.float32] = stored.T.astype(np.float32)
    return result


def _slices(
    phantom: Arrangement, pieces: list[Piece], spec: ArrangementSpec, geometry: Geometry,
    fillings: list[Filling], even: Spread, rng: np.random.Generator, units: tuple[float, float],
) -> NDArray[np.float32]:  # fmt: skip
    """Return signal (i, j, k, n) of a stack of slices."""
    fields, (scale, noise) = _fields(spec), units
    n_volumes = even.parts.shape[1]
    signal = np.zeros(
        (spec.matrix, spec.matrix, spec.n_slices, n_volumes), dtype=np.float32, order="F"
    )
    for k in range(spec.n_slices):
        z = (k - (spec.n_slices - 1) / 2) * spec.slice_spacing_mm
        here = even
        if spec.kind == "dwi" and spec.adc_gain_60mm:
            gains = _gains(phantom, spec, geometry, z)
            here = spread(spec, fillings, np.array([1.0, *gains.values()]))
        sampled = slice_samples(pieces, geometry, spec, here, z)
        for n in range(n_volumes):
            samples = add_ghost(sampled[n], spec.ghost_fraction, spec.matrix / 2, "COL")
            clean = inverse(apodize(samples, spec.apodization), spec.matrix)
            signal[:, :, k, n] = _combined(spec, clean, fields, noise, scale, rng)
    return signal


def _volume(
    pieces: list[Piece], spec: ArrangementSpec, geometry: Geometry, even: Spread,
    rng: np.random.Generator, units: tuple[float, float],
) -> NDArray[np.float32]:  # fmt: skip
    """Return signal (i, j, k, 1) of a volume; `n_slices` above 1 keeps as many in the middle."""
    fields = _fields(spec)
    image = volume_image(pieces, geometry, spec, even.total[:, 0])
    count = spec.matrix if spec.n_slices == 1 else min(spec.n_slices, spec.matrix)
    count -= count % 2  # an even number stays centered
    first = (spec.matrix - count) // 2
    signal = np.zeros((spec.matrix, spec.matrix, count, 1), dtype=np.float32, order="F")
    for k in range(count):
        signal[:, :, k, 0] = _combined(spec, image[first + k], fields, units[1], units[0], rng)
    return signal


def _header(
    phantom: Arrangement, spec: ArrangementSpec, geometry: Geometry, size: tuple[int, int, int],
    spacing: float, uids: tuple[str, str], rng: np.random.Generator,
) -> SeriesHeader:  # fmt: skip
    pixel, encoding = spec.fov_mm / spec.matrix, encoding_of(spec)
    step = geometry.frame * np.array([pixel, pixel, spacing])
    lps = np.eye(4)
    lps[:3, :3] = step
    lps[:3, 3] = geometry.center_mm - step @ ((np.array(size) - 1) / 2)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    normal = affine[:3, 2] / spacing
    n_volumes = len(encoding.values)
    return SeriesHeader(
        series_uid=_new_uid(rng),
        study_uid=uids[0],
        frame_of_reference_uid=uids[1],
        description=f"{phantom.id} {_WORDS[spec.kind]}",
        modality="MR",
        scanner=spec.scanner,
        acquisition=_acquisition(spec, spacing),
        affine=affine,
        shape=(*size, n_volumes),
        encoding=encoding,
        frames=tuple(
            tuple(FrameSource(path="simulated", frame=n * size[2] + k) for k in range(size[2]))
            for n in range(n_volumes)
        ),
        slice_positions_mm=tuple(
            float(normal @ (affine[:3, 3] + k * affine[:3, 2])) for k in range(size[2])
        ),
        dialect="simulated",
    )


def _acquisition(spec: ArrangementSpec, spacing: float) -> Acquisition:
    echo = spec.kind not in ("vfa", "volume")
    flip = {"vfa": spec.flip_deg[0], "volume": spec.flip_deg[-1]}.get(spec.kind, 90.0)
    return Acquisition(
        acquired_at=spec.acquired_at,
        software="qiqa simulation",
        coil="simulated",
        coil_elements=f"{spec.n_coils} elements",
        sequence=f"{'SE' if echo else 'GR'} simulated",
        spin_echo=echo,
        tr_ms=spec.tr_ms,
        te_ms=spec.te_ms,
        ti_ms=spec.ti_ms[0] if spec.kind == "ir" else None,
        flip_angle_deg=flip,
        echo_train_length=spec.n_echoes if spec.kind == "mse" else 1,
        averages=1.0,
        slice_thickness_mm=spacing if spec.kind == "volume" else spec.thickness_mm,
        slice_spacing_mm=spacing,
        matrix=(spec.matrix, spec.matrix),
        matrix_acquired=(spec.matrix, spec.matrix),
        fov_mm=(spec.fov_mm, spec.fov_mm),
        phase_encode_direction="COL",
        center_frequency_hz=42.577478518e6 * (spec.scanner.field_strength_t or 1.5),
        center_frequency_resolution_hz=1.0,
        patient_position="HFS",
        temperature_degc=spec.stated_temperature_degc,
        reconstruction=Reconstruction(
            intensity_normalization="none",
            distortion_correction="none",
            interpolation=False,
            combine_mode="sum of squares" if spec.n_coils > 1 else None,
        ),
    )


def split_volumes(series: Series, rng: np.random.Generator) -> tuple[Series, ...]:
    """Return each volume as a series of its own, as scanners store inversion times or angles."""
    made = []
    header, encoding = series.header, series.header.encoding
    for n, value in enumerate(encoding.values):
        acquisition = header.acquisition
        if encoding.name == "inversion_time":
            acquisition = dataclasses.replace(acquisition, ti_ms=value)
        elif encoding.name == "flip_angle":
            acquisition = dataclasses.replace(acquisition, flip_angle_deg=value)
        alone = dataclasses.replace(
            header,
            series_uid=_new_uid(rng),
            acquisition=acquisition,
            shape=(*header.shape[:3], 1),
            encoding=Encoding(),
            frames=header.frames[n : n + 1],
        )
        signal = np.asfortranarray(series.signal[..., n : n + 1])
        made.append(dataclasses.replace(series, header=alone, signal=signal))
    return tuple(made)
