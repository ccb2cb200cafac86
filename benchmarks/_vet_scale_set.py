"""Many small series from a few drawn ones: other persons, UIDs, days and noise, same anatomy."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np

SITES, PEOPLE = 6, 5
DRAWN = SITES * PEOPLE * 3
"""Three series a person."""
_LONG = 20
"""Digits of a UID that is to be another one."""
_PATIENT = re.compile(rb"(\x10\x00 \x00LO\x08\x00\d\d-)(\d{4})")
"""PatientID: two digits of the site, a dash, four digits of the person."""
_UID = re.compile(rb"2\.25\.\d+(?:\.\d+)*")


def write_set(folder: Path, count: int, seed: int = 8) -> None:
    """Write `count` series of three slices below `folder`; `done` is made last.

    Drawing an image takes far longer than vetting it, so each image drawn is written many times:
    with other UIDs and another PatientID of the same length, and noise of +-2 on every stored
    value, so that no two are copies of each other.
    """
    from qiqa.simulate.training_set import TrainingSetSpec
    from qiqa.workflows.simulated_training_set import make_training_set

    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        spec = TrainingSetSpec(sites=SITES, people_a_site=PEOPLE, slices=3, matrix=48, seed=seed)
        make_training_set(spec, Path(scratch) / "drawn")
        groups: dict[Path, list[bytes]] = {}
        for path in sorted((Path(scratch) / "drawn" / "dicom").rglob("*.dcm")):
            groups.setdefault(path.parent, []).append(path.read_bytes())
    drawn = list(groups.values())
    for number in range(count):
        home = folder / "dicom" / f"{number // 1000:04d}" / f"{number:07d}"
        home.mkdir(parents=True, exist_ok=True)
        for i, content in enumerate(drawn[number % len(drawn)]):
            (home / f"{i}.dcm").write_bytes(_other(content, number, rng))
    (folder / "done").write_text(f"{count}\n", encoding="utf-8")


def _other(content: bytes, number: int, rng: np.random.Generator) -> bytes:
    """Return a file of another series; its length is the same."""
    turn = number // DRAWN
    at = content.rindex(b"\xe0\x7f\x10\x00OW\x00\x00") + 12
    header = _UID.sub(lambda found: _turned(found[0], turn), content[:at])
    header = _PATIENT.sub(
        lambda found: found[1] + f"{turn * PEOPLE + int(found[2]) % PEOPLE:04d}".encode(), header
    )
    pixels = np.frombuffer(content[at:], dtype="<u2").astype(np.int32)
    noisy = np.clip(pixels + rng.integers(-2, 3, pixels.size), 0, 4095).astype("<u2")
    return header + noisy.tobytes()


def _turned(uid: bytes, turn: int) -> bytes:
    """Return a UID of the same length: five digits of its number are those of a turn."""
    head, dot, tail = uid[5:].partition(b".")
    if len(head) < _LONG:
        return uid  # of a frame of reference: may be shared
    return b"2.25." + head[:-5] + f"{turn:05d}".encode() + dot + tail
