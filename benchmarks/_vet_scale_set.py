"""Many small series from a few drawn ones: other persons, UIDs, days and anatomy."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SITES, PEOPLE = 6, 5
CONTRASTS = 3
"""Series a person."""
DRAWN = SITES * PEOPLE * CONTRASTS
_LONG = 20
"""Digits of a UID that is to be another one."""
_MIXED = 3
"""Heads that are laid over each other."""
_PATIENT = re.compile(rb"(\x10\x00 \x00LO\x08\x00\d\d-)(\d{4})")
"""PatientID: two digits of the site, a dash, four digits of the person."""
_UID = re.compile(rb"2\.25\.\d+(?:\.\d+)*")

Pixels = NDArray[np.uint16]


@dataclasses.dataclass(frozen=True)
class _Drawn:
    """One series as it was drawn: headers and pixels (slices, pixels)."""

    headers: tuple[bytes, ...]
    pixels: Pixels
    side: int


def write_set(folder: Path, count: int, seed: int = 8) -> None:
    """Write `count` series of three slices below `folder`; `done` is made last.

    Drawing an image takes far longer than vetting it, so a few are drawn, and each series is three
    of one contrast laid over each other, mirrored and moved at random: no two are copies. UIDs and
    PatientID are others of the same length.
    """
    rng = np.random.default_rng(seed)
    drawn = _drawn(seed)
    for number in range(count):
        home = folder / "dicom" / f"{number // 1000:04d}" / f"{number:07d}"
        home.mkdir(parents=True, exist_ok=True)
        own = number % DRAWN
        alike = drawn[own % CONTRASTS :: CONTRASTS]
        pixels = _mixed([alike[i] for i in rng.permutation(len(alike))[:_MIXED]], rng)
        for i, header in enumerate(drawn[own].headers):
            content = _other(header, number // DRAWN) + pixels[i].astype("<u2").tobytes()
            (home / f"{i}.dcm").write_bytes(content)
    (folder / "done").write_text(f"{count}\n", encoding="utf-8")


def _drawn(seed: int) -> list[_Drawn]:
    from qiqa.simulate.training_set import TrainingSetSpec
    from qiqa.workflows.simulated_training_set import make_training_set

    with tempfile.TemporaryDirectory() as scratch:
        spec = TrainingSetSpec(sites=SITES, people_a_site=PEOPLE, slices=3, matrix=48, seed=seed)
        make_training_set(spec, Path(scratch) / "drawn")
        groups: dict[Path, list[bytes]] = {}
        for path in sorted((Path(scratch) / "drawn" / "dicom").rglob("*.dcm")):
            groups.setdefault(path.parent, []).append(path.read_bytes())
    return [_taken_apart(files, spec.matrix) for files in groups.values()]


def _taken_apart(files: Sequence[bytes], side: int) -> _Drawn:
    at = [content.rindex(b"\xe0\x7f\x10\x00OW\x00\x00") + 12 for content in files]
    pixels = [np.frombuffer(f[a:], dtype="<u2") for f, a in zip(files, at, strict=True)]
    headers = tuple(f[:a] for f, a in zip(files, at, strict=True))
    return _Drawn(headers, np.array(pixels), side)


def _mixed(some: Sequence[_Drawn], rng: np.random.Generator) -> Pixels:
    """Return the mean of some images (slices, pixels), each mirrored and moved at random."""
    total = np.zeros(some[0].pixels.shape)
    for one in some:
        image = one.pixels.reshape(-1, one.side, one.side)
        image = image[:: rng.choice((-1, 1)), :: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
        moved = np.roll(image, tuple(rng.integers(-3, 4, 2)), axis=(1, 2))
        total += moved.reshape(total.shape) * (1000.0 / max(float(moved.mean()), 1.0))
    return np.clip(total / len(some), 0, 4095).astype(np.uint16)


def _other(header: bytes, turn: int) -> bytes:
    """Return the header of another series; its length is the same."""
    header = _UID.sub(lambda found: _turned(found[0], turn), header)
    return _PATIENT.sub(
        lambda found: found[1] + f"{turn * PEOPLE + int(found[2]) % PEOPLE:04d}".encode(), header
    )


def _turned(uid: bytes, turn: int) -> bytes:
    """Return a UID of the same length: five digits of its number are those of a turn."""
    head, dot, tail = uid[5:].partition(b".")
    if len(head) < _LONG:
        return uid  # of a frame of reference: may be shared
    return b"2.25." + head[:-5] + f"{turn:05d}".encode() + dot + tail
