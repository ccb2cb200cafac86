"""Maps of labels among the images, masks and segmentations: not asked what images are asked.

They lie beside the images of most training sets. A label has no noise, and the same mask drawn for
two persons is no copy of an image.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vetting import LABELS, Check, Examined, Needs, Observation, Reason, Settings, Stack
from qiqa.vetting.sets.wording import named

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="labels",
    needs=Needs.KIND,
    title="Maps of labels are told from images",
    reasons=(
        Reason(
            code="label_map",
            severity=Severity.INFO,
            title="labels of an image, no image",
            meaning="Few whole numbers in areas of one value, and its name or header says that it "
            "holds labels: it belongs to an image and is not judged as one. The value is the "
            "number of labels.",
        ),
        Reason(
            code="looks_like_labels",
            severity=Severity.WARNING,
            title="labels where an image is expected",
            meaning="Few whole numbers in areas of one value, as in a mask, though neither name "
            "nor header says so: a mask among the images, or an image of which nothing is left. "
            "The value is the number of labels.",
        ),
        Reason(
            code="undeclared_labels",
            severity=Severity.ERROR,
            title="labels that dataset.json does not declare",
            meaning="A map of labels holds values that dataset.json has no name for: labels of "
            "another scheme, fractions left by resampling, or no labels at all. The value is how "
            "many different ones.",
        ),
    ),
)

_MOST_LABELS = 4096
"""Atlases number some thousand regions."""
_ALIKE = 0.5
"""Share of neighbors along a row, both of them labeled, that have the same label, at least, where a
name says that it is a map of labels: parcels of cortex are two voxels thick."""
_MOST_UNSAID, _ALIKE_UNSAID = 32, 0.95
"""Where nothing says so: the noise of an image leaves hardly any neighbors alike."""
_FEWEST = 8
"""Voxels of labels: fewer say nothing of areas."""
_FOLDERS = re.compile(r"labels?(tr|ts|val|train|test)?|masks?|seg(mentation)?s?|rois?|annotations?")
_NAMES = re.compile(r"(^|[_\-. +])(dseg|seg(mentation)?|labels?|masks?|roi|aseg|aparc)[0-9]*$")
_SUFFIXES = (".nii.gz", ".nii")


@dataclasses.dataclass(frozen=True, slots=True)
class _Labels:
    """What is in a stack of whole numbers."""

    values: NDArray[np.float32]
    """All different ones, ascending."""
    alike: float
    """NaN where there are too few of them."""

    @property
    def count(self) -> int:
        """Return how many there are besides 0."""
        return self.values.size - 1


def look(stack: Stack, settings: Settings) -> Examined:  # noqa: ARG001
    """Say whether a stack is a map of labels; docs/vetting/labels.md says how it is told."""
    said = _says(stack.facts.path) or stack.facts.text("Modality").upper() == LABELS
    found = _labels(stack.signal)
    declared = stack.facts.attributes.get("declared_labels", ())
    if declared:
        return _held_against(np.array(declared, dtype=np.float64), found, stack.signal)
    if found is None:
        return Examined()
    if said and (found.count == 0 or not found.alike < _ALIKE):
        return _seen("label_map", found)
    if not said and 0 < found.count <= _MOST_UNSAID and found.alike >= _ALIKE_UNSAID:
        return _seen("looks_like_labels", found)
    return Examined()


def _held_against(
    declared: NDArray[np.float64], found: _Labels | None, signal: NDArray[np.float32]
) -> Examined:
    """Return what is seen of a map whose labels are declared: it is one, whatever it holds."""
    values = np.unique(signal) if found is None else found.values
    others = values[~np.isin(values, declared)]
    kept = () if found is None else _seen("label_map", found).observations
    if others.size == 0:
        return Examined(observations=kept, modality=LABELS)
    held, known = (named([f"{v:.6g}" for v in some.tolist()]) for some in (others, declared))
    said = Observation(
        code="undeclared_labels",
        value=float(others.size),
        evidence=f"holds {held}; declared are {known}",
    )
    return Examined(observations=(*kept, said), modality=LABELS)


def _seen(code: str, found: _Labels) -> Examined:
    words = f"{found.count} labels" if found.count != 1 else "one label"
    if found.count and np.isfinite(found.alike):
        words += f"; {100 * found.alike:.1f} % of labeled neighbors have the same"
    said = Observation(code=code, value=float(found.count), evidence=words)
    # what only looks like labels stands where an image is expected, and is judged as one as well
    return Examined(observations=(said,), modality=LABELS if code == "label_map" else "")


def _says(path: str) -> bool:
    """Say whether a path names a map of labels: `labelsTr/`, `sub-01_dseg.nii.gz`, `mask.nii`."""
    *folders, name = path.replace("\\", "/").lower().split("/")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return bool(_NAMES.search(name)) or any(_FOLDERS.fullmatch(folder) for folder in folders)


def _labels(signal: NDArray[np.float32]) -> _Labels | None:
    """Return what labels a stack holds; None where it holds other numbers, or no background."""
    # most images say by a single slice that they are none
    middle = signal[:, :, signal.shape[2] // 2, 0]
    if not _whole(middle) or _alike(middle) < _ALIKE:
        return None
    if not _whole(signal) or not (signal == 0).any():
        return None
    values = np.unique(signal)
    return _Labels(values, _alike(signal)) if values.size <= _MOST_LABELS + 1 else None


def _alike(values: NDArray[np.float32]) -> float:
    """Return the share of labeled neighbors that have one label; NaN where there are too few."""
    before, after = values[:-1], values[1:]
    both = (before != 0) & (after != 0)
    pairs = int(np.count_nonzero(both))
    same = int(np.count_nonzero((before == after) & both))
    return same / pairs if pairs >= _FEWEST else float("nan")


def _whole(values: NDArray[np.float32]) -> bool:
    return bool((values >= 0).all() and (values == np.floor(values)).all())
