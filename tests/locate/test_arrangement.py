"""Arrangements: found under any turn, labeled by what breaks the symmetry, refused otherwise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.errors import LocateError
from qiqa.core.pose import Override, PhantomPose
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, Series, SeriesHeader
from qiqa.io.collecting import collect
from qiqa.io.definitions import load_phantom
from qiqa.io.loading import load
from qiqa.io.reading import read
from qiqa.locate import locate, locate_together
from qiqa.locate._symmetry import symmetries

TI = (35.0, 75.0, 150.0, 400.0, 1000.0, 3000.0)
TE = tuple(10.0 * n for n in range(1, 9))
IR = Encoding(name="inversion_time", values=TI, unit="ms")
SE = Encoding(name="echo_time", values=TE, unit="ms")


# --- plates painted with partial volume: shares no code with what finds them -------------------

FINE = 4


def upright(turn_deg: float = 0.0, behind: bool = False) -> NDArray[np.float64]:
    """Return the rotation phantom -> RAS of a coronal plate, turned in its plane or turned over."""
    # phantom x, y, z are left, posterior, superior
    lps = np.diag([-1.0, -1.0, 1.0])
    a = np.deg2rad(turn_deg)
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    over = np.diag([-1.0, -1.0, 1.0]) if behind else np.eye(3)
    return lps @ about_y @ over


def painted(
    phantom: Arrangement,
    group: Group,
    rotation: NDArray[np.float64],
    *,
    signals: NDArray[np.float64],
    bath: NDArray[np.float64],
    encoding: Encoding,
    center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
    size: int = 192,
    voxel_mm: float = 1.3,
    thickness_mm: float = 5.0,
    missing: tuple[str, ...] = (),
    landmarks: bool = True,
    frame: str | None = "1.2.3",
) -> Series:
    """Return one coronal slice through the middle of a flat group.

    Parameters
    ----------
    signals
        (n, inserts) signal of each insert in each volume.
    bath
        (n,) signal of what is around them; walls and posts are dark.
    rotation
        Phantom -> RAS.
    center_mm
        RAS of the middle of the group; the slice lies there.
    """
    affine = np.eye(4)
    affine[:3, :3] = np.array([[-voxel_mm, 0, 0], [0, 0, -thickness_mm], [0, -voxel_mm, 0]])
    half = (size - 1) / 2 * voxel_mm
    affine[:3, 3] = np.array(center_mm) + np.array([half, 0.0, half]) + np.array([0.7, 0.0, -0.4])
    affine[1, 3] = center_mm[1]
    middle = np.mean(group.centers_mm, axis=0)
    to_world = np.eye(4)
    to_world[:3, :3] = rotation
    to_world[:3, 3] = np.array(center_mm) - rotation @ middle
    grid = (np.arange(size * FINE) + 0.5) / FINE - 0.5
    i, j = np.meshgrid(grid, grid, indexing="ij")
    world = np.stack(
        [affine[row, 0] * i + affine[row, 1] * j + affine[row, 3] for row in range(3)], axis=-1
    )
    at = (world - to_world[:3, 3]) @ np.linalg.inv(rotation).T  # phantom mm
    n = len(bath)
    shell = np.linalg.norm(at - [0, middle[1], 0], axis=-1) < 92
    volumes = [np.where(shell, b, 0.0) for b in bath]
    for index, (label, center) in enumerate(zip(group.labels, group.centers_mm, strict=True)):
        if label in missing:
            continue
        r = np.linalg.norm(at - np.array(center), axis=-1)
        for k in range(n):
            volumes[k] = np.where(r < group.outer_diameter_mm / 2, 0.0, volumes[k])
            volumes[k] = np.where(r < group.inner_diameter_mm / 2, signals[k, index], volumes[k])
    for mark in phantom.landmark if landmarks else ():
        if mark.group == group.name:
            r = np.linalg.norm(at - np.array(mark.center_mm), axis=-1)
            for k in range(n):
                level = 1.5 * bath[k] if mark.bright else 0.0
                volumes[k] = np.where(r < mark.diameter_mm / 2, level, volumes[k])
    coarse = np.stack([v.reshape(size, FINE, size, FINE).mean(axis=(1, 3)) for v in volumes], -1)
    if noise:
        assert rng is not None
        parts = rng.normal(0, noise, (2, *coarse.shape))
        coarse = np.hypot(coarse + parts[0], parts[1])
    signal = np.asfortranarray(coarse[:, :, None, :].astype(np.float32))
    header = SeriesHeader(
        series_uid="1.2.3.4",
        frame_of_reference_uid=frame,
        description="painted",
        modality="MR",
        scanner=Scanner(field_strength_t=3.0),
        acquisition=Acquisition(slice_thickness_mm=thickness_mm),
        affine=affine,
        shape=signal.shape,
        encoding=encoding,
        frames=(),
        slice_positions_mm=(0.0,),
    )
    return Series(header=header, signal=signal)


@pytest.fixture(scope="module")
def system() -> Arrangement:
    found = load_phantom("nist_system")
    assert isinstance(found, Arrangement)
    return found


@pytest.fixture(scope="module")
def vials() -> Arrangement:
    found = load_phantom("qiba_diffusion")
    assert isinstance(found, Arrangement)
    return found


def recovery(t1: np.ndarray) -> np.ndarray:
    """Return magnitudes of an inversion recovery (n, inserts)."""
    return np.abs(1000 * (1 - 1.9 * np.exp(-np.array(TI)[:, None] / t1)))


def decay(t2: np.ndarray) -> np.ndarray:
    return 1000 * np.exp(-np.array(TE)[:, None] / t2)


def plate(system: Arrangement, name: str, turn: float, behind: bool, seed: int, **more) -> Series:
    """Return one plate of the system phantom with its certified values."""
    group = system.find_group(name)
    quantity = "t2" if name == "T2" else "t1"
    table = system.certificates(name, quantity, "130-0001", 3.0)[0]
    values = np.array([row[0] for row in table.value])
    signals = decay(values) if quantity == "t2" else recovery(values)
    bath = (
        decay(np.array([300.0]))[:, 0] if quantity == "t2" else recovery(np.array([2500.0]))[:, 0]
    )
    rotation = upright(turn, behind)
    middle = np.mean(group.centers_mm, axis=0)
    return painted(
        system,
        group,
        rotation,
        signals=signals,
        bath=bath,
        encoding=SE if quantity == "t2" else IR,
        center_mm=tuple(rotation @ middle),
        noise=1000 / 40,
        rng=np.random.default_rng(seed),
        **more,
    )


def truth(series: Series, system: Arrangement, name: str, rotation: np.ndarray) -> dict[str, tuple]:
    """Return true centers in voxels by label."""
    group = system.find_group(name)
    inverse = np.linalg.inv(series.header.affine)
    found = {}
    for label, center in zip(group.labels, group.centers_mm, strict=True):
        world = np.array([*(rotation @ np.array(center)), 1.0])
        found[label] = tuple((inverse @ world)[:2])
    return found


def right(pose: PhantomPose, true: dict[str, tuple], voxel_mm: float = 1.3) -> bool:
    """Say whether every label lies on its own insert."""
    return all(
        math.dist(item.center_voxel[:2], true[item.label]) * voxel_mm < 2.0 for item in pose.inserts
    )


# --- symmetries --------------------------------------------------------------------------------


def test_symmetries_are_those_of_the_published_layouts(system, vials):
    """4 for a plate, 12 for the vials, 48 (24 without mirrors) for the fiducial lattice."""
    plate_xz = np.array(system.find_group("T1").centers_mm)[:, [0, 2]]
    vials_xy = np.array(vials.group[0].centers_mm)[:, :2]
    assert len(symmetries(plate_xz)) == 4
    assert len(symmetries(vials_xy)) == 12
    assert symmetries(plate_xz)[0].permutation == tuple(range(14))


def test_a_square_has_eight_and_a_scalene_triangle_one():
    square = np.array([[0, 0], [40, 0], [40, 40], [0, 40]], dtype=float)
    assert len(symmetries(square)) == 8
    assert sum(not s.mirror for s in symmetries(square)) == 4
    assert len(symmetries(np.array([[0.0, 0], [50, 0], [15, 30]]))) == 1


# --- one plate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("turn", [0.0, 33.0, 90.0, 171.0, -100.0])
def test_two_plates_of_one_exam_are_labeled_without_values(system, turn, behind):
    """The posts of the MnCl2 plate tell all ways apart but that of the PD plate from behind."""
    both = [plate(system, name, turn, behind, seed=3) for name in ("T1", "T2")]
    poses = locate_together(both, system)
    for name, series, pose in zip(("T1", "T2"), both, poses, strict=True):
        assert isinstance(pose, PhantomPose)
        assert pose.labels == "independent"
        assert {item.group for item in pose.inserts} == {name}
        assert right(pose, truth(series, system, name, upright(turn, behind)))


@pytest.mark.parametrize("turn", [0.0, 57.0, 140.0])
def test_one_plate_alone_leaves_two_ways_and_is_not_labeled(system, turn):
    pose = locate(plate(system, "T1", turn, False, seed=1), system, Override())
    assert (pose.labels, pose.inserts) == ("unresolved", ())
    assert len(pose.alternatives) == 2
    # one of the two is the truth
    true = truth(plate(system, "T1", turn, False, seed=1), system, "T1", upright(turn))
    assert sum(right(one, true) for one in pose.alternatives) == 1


def test_without_posts_all_four_ways_of_every_plate_are_left(system):
    series = plate(system, "T1", 20.0, False, seed=5, landmarks=False)
    pose = locate(series, system, Override())
    assert pose.labels == "unresolved"
    assert len(pose.alternatives) == 12


@pytest.mark.parametrize("missing", ["T2-1", "T2-7", "T2-12"])
def test_a_missing_insert_is_told(system, missing):
    both = [
        plate(system, "T1", 10.0, False, 1),
        plate(system, "T2", 10.0, False, 2, missing=(missing,)),
    ]
    pose = locate_together(both, system)[1]
    assert pose.labels == "independent"
    assert [item.label for item in pose.inserts if not item.seen] == [missing]


def test_series_of_other_frames_of_reference_do_not_settle_each_other(system):
    both = [
        plate(system, "T1", 0.0, False, 1, frame="1.1"),
        plate(system, "T2", 0.0, False, 2, frame="1.2"),
    ]
    assert [pose.labels for pose in locate_together(both, system)] == ["unresolved", "unresolved"]


@pytest.mark.parametrize("turn", [0.0, 75.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_low_signal(system, turn, seed):
    group = system.find_group("T2")
    rotation = upright(turn)
    series = painted(
        system, group, rotation, signals=np.full((1, 14), 600.0), bath=np.array([1000.0]),
        encoding=Encoding(), center_mm=tuple(rotation @ np.mean(group.centers_mm, axis=0)),
        noise=1000 / 15, rng=np.random.default_rng(seed),
    )  # fmt: skip
    pose = locate(series, system, Override())
    assert pose.score > 0.5
    assert len(pose.alternatives) == 2  # MnCl2, or PD from behind


# --- what is none ------------------------------------------------------------------------------


def test_noise_and_emptiness_are_refused(system):
    rng = np.random.default_rng(1)
    series = plate(system, "T1", 0.0, False, 1)
    for signal in (np.zeros(series.signal.shape), np.abs(rng.normal(0, 1, series.signal.shape))):
        nothing = Series(header=series.header, signal=np.asfortranarray(signal.astype(np.float32)))
        with pytest.raises(LocateError, match="no slice shows its inserts"):
            locate(nothing, system, Override())


def test_half_a_plate_is_refused(system):
    series = plate(system, "T1", 0.0, False, 1)
    signal = series.signal.copy(order="F")
    signal[: signal.shape[0] // 2] = 0
    with pytest.raises(LocateError):
        locate(Series(header=series.header, signal=signal), system, Override())


def test_the_other_phantom_is_refused(system, vials):
    with pytest.raises(LocateError):
        locate(plate(system, "T1", 0.0, False, 1), vials, Override())


# --- real scans --------------------------------------------------------------------------------


def _loaded(path: Path) -> list[Series]:
    headers, _ = collect(read([path]).headers)
    return [load(h) for h in headers if h.component != "adc" and h.shape[2] <= 64]


@pytest.mark.parametrize("name", ["mrbias_A", "hazen/T1/site3_ge", "hazen/T2/site3_ge"])
def test_real_plates_are_labeled_without_values(system, real_data, name):
    for pose in locate_together(_loaded(real_data(f"phantoms/system/{name}")), system):
        assert isinstance(pose, PhantomPose)
        assert pose.labels == "independent"
        assert all(item.seen for item in pose.inserts)
        assert pose.residual_mm < 1.0


@pytest.mark.parametrize("name", ["hazen/T1/site1_20200218", "hazen/T2/site1_20200218"])
def test_real_plates_alone_are_found_and_left_open(system, real_data, name):
    (pose,) = locate_together(_loaded(real_data(f"phantoms/system/{name}")), system)
    assert isinstance(pose, PhantomPose)
    assert (pose.labels, len(pose.alternatives)) == ("unresolved", 2)


def test_real_vials(vials, real_data):
    for pose in locate_together(_loaded(real_data("phantoms/diffusion"))[1:], vials):
        assert isinstance(pose, PhantomPose)
        assert pose.labels == "independent"
        assert len(pose.inserts) == 13
        assert all(item.seen for item in pose.inserts)


@pytest.mark.parametrize("name", ["dcm_qa_canon", "dcm_qa_uih", "dcm_qa_xa30"])
def test_heads_are_refused(system, vials, real_data, name):
    """Coarse diffusion images of heads come nearest: smooth blobs are a little like inserts."""
    for series in _loaded(real_data(f"vendors/{name}")):
        for phantom in (system, vials):
            with pytest.raises(LocateError):
                locate(series, phantom, Override())


@pytest.mark.parametrize("name", ["GE_Artist_1.5T_T1", "Philips3TdStream", "SiemensMTF"])
def test_real_scans_of_another_phantom_are_refused(system, vials, real_data, name):
    for series in _loaded(real_data(f"phantoms/acr_large/{name}")):
        for phantom in (system, vials):
            with pytest.raises(LocateError):
                locate(series, phantom, Override())
