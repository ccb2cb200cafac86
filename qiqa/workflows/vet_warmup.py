"""Compile what `qiqa vet` needs ahead of time: by vetting a small made-up set."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qiqa.core.pseudonyms import PseudonymKey
from qiqa.io.map_file import write_map
from qiqa.io.policy_file import default_policy_text, parse_policy
from qiqa.simulate.training_set import TrainingSetSpec, image_of
from qiqa.store.vet_work import VetWork
from qiqa.workflows.executing import Processes
from qiqa.workflows.simulated_training_set import make_training_set
from qiqa.workflows.vet_checks import known_checks
from qiqa.workflows.vetting_walk import Given, vet_images

__all__ = ["warm_vetting"]

_SET = TrainingSetSpec(
    sites=2,  # can sites be told apart
    people_a_site=20,  # so many series of a scanner are enough to look for outliers
    slices=8,
    matrix=64,
    # copies are held together in full, text is looked at closely
    faults={"copy_resampled": 0.1, "burned_in": 0.1, "motion": 0.1},
)


def warm_vetting(tell: Callable[[str], None]) -> float:
    """Vet a set once, so that machine code of all that it runs is kept; return the seconds."""
    tell("compiling what vetting needs")
    begun = time.perf_counter()
    policy = parse_policy(default_policy_text().encode("utf-8"), known_checks(), "default policy")
    given = Given(policy=policy, key=PseudonymKey(b"warmup" * 6), now=dt.datetime(2026, 1, 1))
    with tempfile.TemporaryDirectory(prefix="qiqa-") as name:
        folder = Path(name)
        images = folder / "set" / "dicom"
        plan = make_training_set(_SET, folder / "set")
        # pixels of NIfTI lie in another order, for which everything is compiled once more
        write_map(images / "a.nii", image_of(plan, plan.series[0]), np.diag([2, 2, 4, 1.0]), None)
        with VetWork(folder / "work.sqlite") as work:
            # one process: two would compile the same side by side
            vet_images(images, work, given, Processes(1))
    return time.perf_counter() - begun
