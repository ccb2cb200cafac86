"""Images and their maps of labels: each has the other, on the same grid, in all channels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qiqa.core.declared import DeclaredSet, Place, case_and_channel, declared_at, place_of, stem_of
from qiqa.core.finding import Severity
from qiqa.core.vet_table import GRID, VetTable
from qiqa.core.vetting import (
    Check,
    Needs,
    Observation,
    Reason,
    SetAnswer,
    SetStatement,
    Settings,
)

__all__ = ["CHECK", "look"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

CHECK = Check(
    name="pairing",
    needs=Needs.SET,
    title="Images and maps of labels belong together",
    reasons=(
        Reason(
            code="image_without_labels",
            severity=Severity.ERROR,
            title="image without labels",
            meaning="An image for training whose map of labels is not there, or cannot be read: "
            "nothing can be learned from it, and some programs stop at it.",
        ),
        Reason(
            code="labels_without_image",
            severity=Severity.ERROR,
            title="labels without an image",
            meaning="A map of labels whose image is not there: the image was lost or renamed.",
        ),
        Reason(
            code="labels_on_other_grid",
            severity=Severity.ERROR,
            title="image and labels on different grids",
            meaning="Voxels of the same number lie at other places in the image than in its map of "
            "labels, or their numbers differ: training goes by numbers, and would learn shifted "
            "labels. Said of both, since either may be wrong. The value is the largest distance, "
            "and at least the number of voxels that there are more along an axis.",
            unit="voxels",
        ),
        Reason(
            code="channels_differ",
            severity=Severity.ERROR,
            title="channels are not those stated",
            meaning="dataset.json states channels that the case has not, or the case has others. "
            "The value is their number.",
        ),
        Reason(
            code="pairs",
            severity=Severity.INFO,
            title="images and labels found",
            meaning="Images with a map of labels, by the names of folders and files.",
            unit="images",
        ),
        Reason(
            code="split_by_folder",
            severity=Severity.INFO,
            title="splits are those of folders",
            meaning="No table states splits: imagesTr and labelsTr are train, imagesTs and "
            "labelsTs test.",
            unit="series",
        ),
    ),
)

_LEAST = 1e-3
"""Voxels; positions in single precision are as uncertain as a tenth of it."""
_CORNERS = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(8, 3)


@dataclasses.dataclass(slots=True)
class _Group:
    """Images and maps of one pair of folders."""

    images: list[tuple[int, Place]] = dataclasses.field(default_factory=list)
    maps: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    """Case -> rows; several where `case.nii` lies beside `case.nii.gz`."""
    case_of: dict[int, str] = dataclasses.field(default_factory=dict)
    """Row of an image -> its case."""
    one_grid: bool = True
    """Whether all images of a case are to lie on the grid of its map, or one at least."""

    @property
    def pairs(self) -> list[tuple[int, int, bool]]:
        """Rows of image and map, and `one_grid`."""
        return [
            (i, row, self.one_grid)
            for i, case in self.case_of.items()
            for row in self.maps.get(case, ())
        ]


def look(observed: VetTable, settings: Settings) -> SetAnswer:  # noqa: ARG001
    """Put images and maps together by folder and name, and compare their grids."""
    groups = _groups(observed)
    if not groups:
        return SetAnswer()
    found: list[tuple[int, Observation]] = []
    for group in groups:
        found += _alone(group)
        found += _channels(group, observed)
    pairs = sorted(pair for group in groups for pair in group.pairs)
    known = _known(observed, pairs)
    found += _grids(observed, known)
    found.sort(key=lambda one: (one[0], one[1].code, -one[1].value))
    images = len({image for image, *_ in pairs})
    several = len({labels for _, labels, _ in pairs})
    stated = SetStatement(
        code="pairs",
        value=float(images),
        evidence=f"{images} images and {several} maps of labels belong together; "
        f"{len(known)} of {len(pairs)} grids could be compared",
    )
    return SetAnswer(observations=tuple(found), statements=(stated, *_splits(observed)))


def _groups(observed: VetTable) -> list[_Group]:
    """Return images and maps by pair of folders; of plain names only where a name fits."""
    made: dict[tuple[str, str, str], _Group] = {}
    stated = {labels: image for one in observed.declared for image, labels in one.listed}
    for row, path in enumerate(observed.path):
        place = place_of(path)
        if place is None or not place.labels:
            continue
        group = made.setdefault(place.group, _Group(one_grid=not place.own_folder))
        known = declared_at(place, observed.declared)
        # what a list names otherwise belongs together; its images lack the numbers of channels
        by_list = path in stated and known is not None and not known.channel_files
        case = stem_of(stated[path]) if by_list else place.stem
        group.maps.setdefault(case, []).append(row)
    for row, path in enumerate(observed.path):
        place = place_of(path)
        # a million images in a folder of that name, without labels, are not held in memory
        if place is not None and not place.labels and (place.part or place.group in made):
            made.setdefault(place.group, _Group()).images.append((row, place))
    for group in made.values():
        group.case_of = {row: _case(place, group, observed) for row, place in group.images}
    return [group for (_, part, _), group in made.items() if part or group.pairs]


def _case(place: Place, group: _Group, observed: VetTable) -> str:
    case, channel = case_and_channel(place.stem)
    known = declared_at(place, observed.declared)
    by_channel = known is not None and known.channel_files
    if place.stem in group.maps or channel is None:
        return place.stem
    return case if case in group.maps or by_channel else place.stem


def _alone(group: _Group) -> Iterator[tuple[int, Observation]]:
    cases = set(group.case_of.values())
    for row, place in group.images:
        # maps of a test are kept elsewhere more often than not
        if group.case_of[row] not in group.maps and place.part != "ts":
            text = "no map of labels of its name that can be read"
            yield row, Observation(code="image_without_labels", evidence=text)
    for row in (row for case, rows in group.maps.items() if case not in cases for row in rows):
        text = "no image of its name that can be read"
        yield row, Observation(code="labels_without_image", evidence=text)


def _channels(group: _Group, observed: VetTable) -> Iterator[tuple[int, Observation]]:
    """Yield images of cases that have other channels than `dataset.json` states."""
    known = declared_at(group.images[0][1], observed.declared) if group.images else None
    if known is None or not known.channels:
        return
    volumes = observed.number("grid_n")
    if not known.channel_files:
        for row, _ in group.images:
            if np.isfinite(volumes[row]) and volumes[row] != len(known.channels):
                text = f"{volumes[row]:.0f} volumes, {_stated(known)}"
                count = abs(volumes[row] - len(known.channels))
                yield row, Observation(code="channels_differ", value=float(count), evidence=text)
        return
    held: dict[str, set[int | None]] = {}
    for row, place in group.images:
        held.setdefault(group.case_of[row], set()).add(case_and_channel(place.stem)[1])
    wanted: set[int | None] = set(range(len(known.channels)))
    for row, _ in group.images:
        own = held[group.case_of[row]]
        if wrong := len(own ^ wanted):
            numbers = ", ".join(f"{n:04d}" for n in sorted(n for n in own if n is not None))
            text = f"the case has the channels {numbers or 'without a number'}, {_stated(known)}"
            yield row, Observation(code="channels_differ", value=float(wrong), evidence=text)


def _stated(known: DeclaredSet) -> str:
    return f"dataset.json states {len(known.channels)} channels"


def _all_grids(observed: VetTable) -> FloatArray:
    return np.stack([observed.number(name) for name in GRID], axis=1)


def _known(observed: VetTable, pairs: list[tuple[int, int, bool]]) -> IntArray:
    """Return the pairs, (m, 3), whose grids are both known."""
    there = np.asarray(np.isfinite(_all_grids(observed)).all(axis=1))
    both = np.array(pairs, dtype=np.intp).reshape(-1, 3)
    return both[there[both[:, :2]].all(axis=1)]


def _grids(observed: VetTable, both: IntArray) -> Iterator[tuple[int, Observation]]:
    """Yield image and map of each pair whose grids differ."""
    if both.size == 0:
        return
    grids = _all_grids(observed)
    image, labels = grids[both[:, 0]], grids[both[:, 1]]
    off, off_mm = _distance(image, labels)
    shape, other = image[:, :3], labels[:, :3]
    value = np.maximum(off, np.abs(shape - other).max(axis=1))
    for n in np.flatnonzero(_counts(both, value) & (value > _LEAST)).tolist():
        if (shape[n] != other[n]).any():
            text = f"the image has {_voxels(shape[n])} voxels, its labels {_voxels(other[n])}"
        else:
            text = f"voxels of the same number lie up to {off_mm[n]:.3g} mm apart"
            text += _turned(image[n], labels[n])
        for row, beside in (both[n, :2], both[n, 1::-1]):
            seen = Observation(
                code="labels_on_other_grid",
                value=float(value[n]),
                evidence=text,
                where=observed.path[beside],
            )
            yield int(row), seen


def _counts(both: IntArray, value: FloatArray) -> NDArray[np.bool_]:
    """(m,) whether a pair counts: of a map that needs one image on its grid, the nearest one."""
    counts = both[:, 2] > 0
    nearest: dict[int, int] = {}
    for n in np.flatnonzero(~counts).tolist():
        before = nearest.setdefault(int(both[n, 1]), n)
        if value[n] < value[before]:
            nearest[int(both[n, 1])] = n
    counts[[*nearest.values()]] = True
    return counts


def _voxels(shape: FloatArray) -> str:
    return " x ".join(f"{n:.0f}" for n in shape)


def _distance(image: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how far apart corners of the same number lie at most: voxels of the image, mm.

    Both are affine, so that no voxel between them is farther off.
    """
    apart = _corners(labels) - _corners(image)
    axes = image[:, 4:].reshape(-1, 3, 4)[:, :, :3]
    voxels = np.linalg.solve(axes[:, None], apart[..., None])[..., 0]
    return np.linalg.norm(voxels, axis=2).max(axis=1), np.linalg.norm(apart, axis=2).max(axis=1)


def _corners(grids: FloatArray) -> FloatArray:
    """Return where the first and last voxels lie, (n, 8, 3) mm, of grids (n, 16)."""
    affine = grids[:, 4:].reshape(-1, 3, 4)
    last = _CORNERS[None] * (grids[:, None, :3] - 1)
    axes, origin = affine[:, :, :3], affine[:, None, :, 3]
    return np.asarray(np.einsum("nxc,nkc->nkx", axes, last) + origin)


def _turned(image: FloatArray, labels: FloatArray) -> str:
    """Say so where two grids have the same corners in another order."""
    a, b = _corners(image[None])[0], _corners(labels[None])[0]
    apart = np.linalg.norm(a[:, None] - b[None], axis=2).min(axis=1).max()
    size = np.linalg.norm(image[4:].reshape(3, 4)[:, :3], axis=0).min()
    return "; the same places with axes turned over or exchanged" if apart < 0.1 * size else ""


def _splits(observed: VetTable) -> Iterator[SetStatement]:
    """Say it where splits are those of folders, and no others."""
    places = map(place_of, observed.path)
    split = ["" if place is None else place.split for place in places]
    if any(split) and split == list(observed.text("split")):
        train, test = split.count("train"), split.count("test")
        yield SetStatement(
            code="split_by_folder",
            value=float(train + test),
            evidence=f"{train} series train, {test} test",
        )
