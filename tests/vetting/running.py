"""`qiqa vet` as a process of its own, on a set of small series made for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from qiqa.io.policy_file import default_policy_text
from qiqa.io.write_training_set import write_planned_series
from qiqa.simulate.training_set import TrainingSetSpec, image_of, plan_training_set

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS = ("manifest.csv", "manifest.parquet")
_OFF = 'off = ["confounding", "outliers", "predictability", "representativeness"]\n'
"""What looks at all series together is slow and has no part in what is killed."""


def make_set(folder: Path, sites: int = 3, people: int = 4) -> Path:
    """Write 3 x sites x people series of 3 slices, a key and a policy; return the images."""
    spec = TrainingSetSpec(sites=sites, people_a_site=people, slices=3, matrix=32)
    plan = plan_training_set(spec)
    for one in plan.series:
        scanner = plan.scanners[one.scanner]
        write_planned_series(folder / "images", one, scanner, image_of(plan, one))
    (folder / "key").write_bytes(b"k" * 64)
    (folder / "policy.toml").write_text(_OFF + default_policy_text(), encoding="utf-8")
    return folder / "images"


def words(images: Path, output: Path) -> list[str]:
    """Return the command."""
    beside = images.parent
    given = ["--key", str(beside / "key"), "--policy", str(beside / "policy.toml")]
    return [sys.executable, "-m", "qiqa", "vet", str(images), "-o", str(output), *given]


def start(
    command: list[str],
    told: dict[str, str] | None = None,
    *,
    quiet: bool = False,
    **more: Any,
) -> subprocess.Popen[bytes]:
    """Start it, with what its environment is to hold besides."""
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": paths, **(told or {})}
    where = subprocess.DEVNULL if quiet else subprocess.PIPE
    return subprocess.Popen(command, stdout=where, stderr=where, env=environment, **more)


def made(output: Path) -> dict[str, bytes]:
    """Return the bytes of the manifests."""
    return {name: (output / name).read_bytes() for name in OUTPUTS}
