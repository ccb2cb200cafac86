"""Small training sets as nnU-Net and Decathlon lay them out, written with nibabel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

SHAPE = (32, 28, 10)
AFFINE = np.array([[2.0, 0, 0, -31], [0, 2.0, 0, -27], [0, 0, 3.0, -13], [0, 0, 0, 1]])
LABELS = {"background": 0, "liver": 1, "tumor": 2}


def body(seed: int, radius: float = 0.7) -> np.ndarray:
    """Return a ball at a place of its own, (i, j, k)."""
    center = np.random.default_rng(seed).uniform(-0.2, 0.2, 3)
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    return sum(((g - c) / radius) ** 2 for g, c in zip(grid, center, strict=True)) < 1


def image(seed: int, contrast: float = 200.0) -> np.ndarray:
    """Return whole numbers with noise."""
    noise = np.random.default_rng([seed, int(contrast)]).normal(0, 20, SHAPE)
    signal = 300 * body(seed) + contrast * body(seed, 0.3)
    return np.abs(signal + noise).round().astype(np.int16)


def segmentation(seed: int) -> np.ndarray:
    """Return the map of labels of an image."""
    return (body(seed) + 1.0 * body(seed, 0.3)).astype(np.uint8)


def save(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write a NIfTI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def describe(folder: Path, **stated: Any) -> None:
    """Write `dataset.json`, or change some of its keys; None takes one out."""
    path = folder / "dataset.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    after = {key: value for key, value in {**before, **stated}.items() if value is not None}
    path.write_text(json.dumps(after), "utf-8")


def nnunet(folder: Path, cases: int = 6) -> Path:
    """Write cases of two channels, and one for testing."""
    for case in range(cases):
        for channel in range(2):
            values = image(case, 200.0 + 150 * channel)
            save(folder / "imagesTr" / f"liver_{case}_{channel:04d}.nii.gz", values)
        save(folder / "labelsTr" / f"liver_{case}.nii.gz", segmentation(case))
    for channel in range(2):
        values = image(90, 200.0 + 150 * channel)
        save(folder / "imagesTs" / f"liver_90_{channel:04d}.nii.gz", values)
    describe(
        folder,
        channel_names={"0": "T1", "1": "FLAIR"},
        labels=LABELS,
        numTraining=cases,
        file_ending=".nii.gz",
    )
    return folder


def brats(folder: Path, cases: int = 6, sign: str = "_") -> Path:
    """Write a folder for each case: three contrasts, and a map."""
    for case in range(cases):
        own = folder / "Training" / f"BraTS_{case:03d}"
        for number, contrast in enumerate(("t1", "t2", "flair")):
            values = image(case, 200.0 + 150 * number)
            save(own / f"{own.name}{sign}{contrast}.nii.gz", values)
        save(own / f"{own.name}{sign}seg.nii.gz", segmentation(case))
    own = folder / "Validation" / "BraTS_090"  # without labels: to be sent in
    save(own / f"{own.name}{sign}t1.nii.gz", image(90))
    return folder


def decathlon(folder: Path, cases: int = 6) -> Path:
    """Write cases of two volumes, and one for testing."""
    for case in (*range(cases), 90):
        values = np.stack([image(case), image(case, 350.0)], axis=-1)
        part = "Ts" if case == 90 else "Tr"
        save(folder / f"images{part}" / f"pro_{case:02d}.nii.gz", values)
        if part == "Tr":
            save(folder / "labelsTr" / f"pro_{case:02d}.nii.gz", segmentation(case))
    listed = [
        {"image": f"./imagesTr/pro_{n:02d}.nii.gz", "label": f"./labelsTr/pro_{n:02d}.nii.gz"}
        for n in range(cases)
    ]
    describe(
        folder,
        modality={"0": "T2", "1": "ADC"},
        labels={str(value): name for name, value in LABELS.items()},
        numTraining=cases,
        training=listed,
        test=["./imagesTs/pro_90.nii.gz"],
    )
    return folder
