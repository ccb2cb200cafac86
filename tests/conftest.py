"""Shared by all tests: real scans, verified before use, and an account of what was skipped."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

# as the command line does: the matrices are small, and threads only compete for the processors
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from qiqa.core.pose import PhantomPose
    from qiqa.core.series import Series
    from qiqa.simulate.acr_large import SimulatedExam
    from qiqa.simulate.spec import AcrSpec

MANIFEST = Path(__file__).with_name("real_data.toml")
SKIP_REASON = "QIQA_REAL_DATA is not set (tests/fetch_real_data.py gets the scans)"


@functools.cache
def _expected_sha256() -> dict[str, str]:
    """Return path below QIQA_REAL_DATA -> SHA-256 of every scan the tests may use."""
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return {
        f"{entry['folder']}/{name}": digest
        for entry in manifest["set"]
        for name, digest in entry["sha256"].items()
    }


@functools.cache
def _not_fetchable() -> tuple[str, ...]:
    """Return the folders of scans that their origin holds under other names."""
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    return tuple(e["folder"] for e in manifest["set"] if e.get("renamed"))


@functools.cache
def _complaint(path: Path, sha256: str) -> str | None:
    """Return what is wrong with a file, or None; each file is hashed once a run."""
    if not path.is_file():
        return f"{path} is missing"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return None if found == sha256 else f"{path} has SHA-256 {found}, not {sha256}"


def check_real_data(root: Path, relative: str) -> Path:
    """Return the file or folder `relative` below `root` after verifying every listed file in it.

    Raises
    ------
    ValueError
        If it is not listed in tests/real_data.toml, or a file is missing or differs.
    """
    relative = relative.strip("/")
    listed = {
        name: digest
        for name, digest in _expected_sha256().items()
        if name == relative or name.startswith(f"{relative}/")
    }
    if not listed:
        raise ValueError(f"{relative!r} is not listed in {MANIFEST.name}; add it with its origin")
    complaints = [
        text for name, digest in listed.items() if (text := _complaint(root / name, digest))
    ]
    if complaints:
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise ValueError(f"{complaints[0]}{more}; run tests/fetch_real_data.py {root}")
    return root / relative


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return a function from a path below QIQA_REAL_DATA to the verified file or folder.

    Skips when the variable is unset. Fails when it is set and a file is missing or is not the one
    that tests/real_data.toml lists: a wrong scan must not look like a wrong measurement.
    """
    given = os.environ.get("QIQA_REAL_DATA")
    if not given:
        pytest.skip(SKIP_REASON)

    def find(relative: str) -> Path:
        path = Path(given) / relative
        if not path.exists() and relative.startswith(_not_fetchable()):
            pytest.skip(f"{relative} cannot be fetched by name; see tests/real_data.toml")
        try:
            return check_real_data(Path(given), relative)
        except ValueError as error:
            pytest.fail(str(error), pytrace=False)

    return find


@pytest.fixture(scope="session")
def acr_located(real_data) -> Callable[[str], tuple[Series, PhantomPose]]:
    """Return a function from a folder of the ACR scans to its first series and pose.

    Loading and locating take most of a second: each folder is done once a run.
    """

    @functools.cache
    def find(name: str) -> tuple[Series, PhantomPose]:
        from qiqa.io import load, read
        from qiqa.io.definitions import load_phantom
        from qiqa.locate import locate

        contents = read([real_data(f"phantoms/acr_large/{name}")])
        series = load(contents.headers[0])
        return series, locate(series, load_phantom("acr_large"))

    return find


@pytest.fixture(scope="session")
def acr_simulated() -> Callable[[AcrSpec], SimulatedExam]:
    """Return a function from a specification to its axial stack; each is simulated once a run."""

    @functools.cache
    def make(spec: AcrSpec) -> SimulatedExam:
        import numpy as np

        from qiqa.io.definitions import load_phantom
        from qiqa.simulate.acr_large import simulate_exam

        rng = np.random.default_rng(20)
        return simulate_exam(load_phantom("acr_large"), spec, rng, localizer=False)

    return make


@pytest.fixture(scope="session")
def system_phantom() -> ModuleType:
    """Return the renderer of the NIST system phantom: tests/system_phantom.py."""
    return _beside("system_phantom")


@pytest.fixture(scope="session")
def vial_stack() -> ModuleType:
    """Return the renderer of the diffusion phantom, cut any way: tests/vial_stack.py."""
    return _beside("vial_stack")


@pytest.fixture(scope="session")
def phantom_rounds() -> ModuleType:
    """Return rounds of one phantom through many scanners: tests/harmonize/phantom_rounds.py."""
    return _beside("harmonize/phantom_rounds")


@pytest.fixture(scope="session")
def rounds(phantom_rounds):
    """Return `rounds(rng, **what is true)`; see phantom_rounds.py."""
    return phantom_rounds.rounds


def _beside(name: str) -> ModuleType:
    path = Path(__file__).parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def vials(tmp_path_factory):
    """Return a function that writes a scan of four vials of known value as BIDS NIfTI.

    `vials(name, volumes, sidecars, ...)`: volumes are functions from a value to a signal of 1000
    at most; the vials have the four values of `truth` on a grid of 24 x 20 x 2, in air. Noise is
    Rician with an SD of 2. Each volume goes to a file of its own, unless `together`.
    """
    import json

    import nibabel
    import numpy as np

    places = {0: (slice(2, 10), slice(2, 8)), 1: (slice(13, 22), slice(2, 8)),
              2: (slice(2, 10), slice(11, 18)), 3: (slice(13, 22), slice(11, 18))}  # fmt: skip
    affine = np.diag([-2.0, 2.0, 5.0, 1.0])

    def write(name, volumes, sidecars, truth, *, kind="anat", together=False, factor=None):
        folder = tmp_path_factory.mktemp("vials")
        home = folder / "sub-07" / kind
        home.mkdir(parents=True)
        rng = np.random.default_rng(11)
        images = []
        for volume in volumes:
            clean = np.zeros((24, 20, 2))
            for number, value in enumerate(truth):
                clean[places[number]] = volume(value) if factor is None else (
                    volume(value, factor[places[number]])
                )  # fmt: skip
            noisy = np.hypot(clean + rng.normal(0, 2, clean.shape), rng.normal(0, 2, clean.shape))
            images.append(np.rint(noisy).astype(np.int16))
        if together:
            images = [np.stack(images, axis=-1)]
        for number, (image, sidecar) in enumerate(zip(images, sidecars, strict=True), start=1):
            stem = home / f"sub-07_{name.format(number)}"
            nibabel.save(nibabel.Nifti1Image(image, affine), f"{stem}.nii.gz")
            Path(f"{stem}.json").write_text(json.dumps(sidecar), encoding="utf-8")
        return folder

    write.places, write.affine = places, affine
    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how many tests did not run for want of real scans."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "QIQA_REAL_DATA" in str(report.longrepr)
    ]
    root = os.environ.get("QIQA_REAL_DATA")
    if root:
        text = f"real scans: taken from {root}"
    else:
        text = f"real scans: {len(skipped)} tests skipped because {SKIP_REASON}"
    terminalreporter.write_line(text)
