"""How many voxels lie side by side changes no bit: the kernels built anew with other blocks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qiqa
from qiqa.fitting import fit_arrays

VOXELS = 1300  # more than two of the largest blocks, a multiple of none
BUILDS = {64: ("t2", "adc_log_linear"), 512: ("t1_inversion_recovery", "adc_weighted")}
VALUES = {
    "t2": tuple(10.0 * n for n in range(1, 14)),
    "adc_log_linear": (0.0, 100.0, 300.0, 600.0, 800.0),
    "adc_weighted": (0.0, 100.0, 300.0, 600.0, 800.0),
    "t1_inversion_recovery": (35.0, 75.0, 100.0, 150.0, 250.0, 500.0, 1000.0, 2000.0, 3000.0),
}
CHILD = """
import sys
import numpy as np
from qiqa.fitting import fit_arrays
from qiqa.kernels.compiling import BLOCK
given, out = np.load(sys.argv[1]), {"block": BLOCK}
for name in sys.argv[3:]:
    maps = fit_arrays(given[name], name, given[name + "_values"], noise_sd=10.0)
    out[name + "_estimates"], out[name + "_status"] = maps.estimates, maps.status
    out[name + "_errors"], out[name + "_residual"] = maps.standard_errors, maps.residual_sd
np.savez(sys.argv[2], **out)
"""


def _signal(name):
    rng = np.random.default_rng(len(name))
    x = np.array(VALUES[name])[:, None]
    if name == "t2":
        clean = np.exp(-x / rng.uniform(10, 300, VOXELS))
    elif name.startswith("adc"):
        clean = np.exp(-x * rng.uniform(1e-4, 2.5e-3, VOXELS))
    else:
        clean = np.abs(1 - 1.9 * np.exp(-x / rng.uniform(50, 2500, VOXELS)))
    sd = 10.0
    return np.hypot(
        1000 * clean + rng.normal(0, sd, clean.shape), rng.normal(0, sd, clean.shape)
    ).astype(np.float32)


def _copy_with_block(folder, block):
    """Copy the package with another block size."""
    shutil.copytree(
        Path(qiqa.__file__).parent, folder / "qiqa", ignore=shutil.ignore_patterns("__pycache__")
    )
    path = folder / "qiqa" / "kernels" / "compiling.py"
    text, changed = re.subn(
        r"^BLOCK = \d+$", f"BLOCK = {block}", path.read_text("utf-8"), flags=re.MULTILINE
    )
    assert changed == 1, "where is the block size now?"
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    """Return what each build finds; both are compiled at the same time."""
    root = tmp_path_factory.mktemp("blocks")
    given = {name: _signal(name) for names in BUILDS.values() for name in names}
    np.savez(root / "given.npz", **given, **{f"{n}_values": VALUES[n] for n in given})
    running = {}
    for block, names in BUILDS.items():
        folder = root / str(block)
        _copy_with_block(folder, block)
        running[block] = subprocess.Popen(
            [sys.executable, "-c", CHILD, root / "given.npz", folder / "found.npz", *names],
            env={**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")},
            cwd=folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    found = {}
    for block, child in running.items():
        _, errors = child.communicate(timeout=600)
        assert child.returncode == 0, errors
        found[block] = dict(np.load(root / str(block) / "found.npz"))
    return given, found


@pytest.mark.slow
@pytest.mark.parametrize(("block", "name"), [(b, n) for b, names in BUILDS.items() for n in names])
def test_same_bits(rebuilt, block, name):
    given, found = rebuilt
    assert found[block]["block"] == block
    maps = fit_arrays(given[name], name, VALUES[name], noise_sd=10.0)
    assert (np.isfinite(maps.estimates[0])).mean() > 0.9
    for part, array in (
        ("estimates", maps.estimates), ("status", maps.status), ("errors", maps.standard_errors),
        ("residual", maps.residual_sd),
    ):  # fmt: skip
        np.testing.assert_array_equal(found[block][f"{name}_{part}"], array, err_msg=part)
