"""Speed of the pixel checks, beside the same kinds of metrics in plain numpy and scikit-image.

    python benchmarks/vetting_pixels.py            # prints a table
    python benchmarks/vetting_pixels.py --reduced  # small, only shows that it runs

Times are processor time of one process, the best of several: other work on the machine counts for
less than in wall time. MB/s is of pixels as stored, two bytes each. `--processes 2` adds the wall
time of as many processes, each with a stack of its own.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vetting import Examined, SeriesFacts, Settings, Stack
from qiqa.vetting.checks import burned_in, plausibility, quality

CHECKS = (quality, plausibility, burned_in)
SHAPES = (
    (256, 256, 40, 1),
    (512, 512, 30, 1),
    (128, 128, 30, 30),
    (256, 256, 160, 1),
    (100, 100, 25, 1),
)
Image = NDArray[np.float32]


def stack_of(shape: tuple[int, int, int, int]) -> Stack:
    """Return an ellipsoid of two tissues with Rician noise, as stored."""
    rng = np.random.default_rng(1)
    i, j, k = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape[:3]], indexing="ij")
    inside = (i / 0.7) ** 2 + (j / 0.8) ** 2 + (k / 1.2) ** 2 < 1
    truth = np.where(inside, np.where(np.sin(6 * i) * np.cos(5 * j) > 0, 900, 600), 0)
    signal = np.empty(shape, np.float32, order="F")
    for n in range(shape[3]):
        real = truth + rng.normal(0, 20, truth.shape)
        signal[..., n] = np.rint(np.hypot(real, rng.normal(0, 20, truth.shape)))
    return Stack(
        facts=SeriesFacts(path="", series_uid="1", attributes={"Modality": ("MR",)}),
        signal=signal,
        affine=np.diag([1.0, 1.0, 3.0, 1.0]),
        stored_range=(0.0, 65535.0),
        quantization=1.0,
    )


def defaults(module: object) -> Settings:
    """Return the settings of a check."""
    return {one.name: one.default for one in module.CHECK.settings}  # type: ignore[attr-defined]


def best(call: Callable[[], object], runs: int) -> float:
    """Return the least processor time [s]; the first call, which compiles, does not count."""
    call()
    times = []
    for _ in range(runs):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


def plain_numpy(stack: Stack) -> dict[str, float]:
    """Return metrics as MRQy and MRIQC write them down, on all voxels of the first volume."""
    from skimage.filters import threshold_otsu

    found = {}
    volume = stack.signal[..., 0]
    mask = volume > threshold_otsu(volume)
    front, back = volume[mask].astype(float), volume[~mask].astype(float)
    found["range"] = float(np.ptp(volume))
    found["cv"] = float(front.std() / front.mean())
    found["snr"] = float(np.median(front) / back.std())
    split = threshold_otsu(front)
    low, high = front[front < split], front[front >= split]
    found["cnr"] = float((high.mean() - low.mean()) / back.std())
    found["cjv"] = float((high.std() + low.std()) / (high.mean() - low.mean()))
    energy = float(np.sqrt((volume.astype(float) ** 2).sum()))
    x = volume[volume > 0] / energy
    found["efc"] = float(-(x * np.log(x)).sum())
    found["fber"] = float(np.median(front**2) / np.median(back**2))
    across, down = np.gradient(volume, axis=(0, 1))
    size = np.hypot(across, down)
    p = size[size > 0] / size.sum()
    found["entropy"] = float(-(p * np.log(p)).sum())
    found["finite"] = float(np.isfinite(stack.signal).mean())
    found["negative"] = float((stack.signal < 0).mean())
    found["top"] = float((stack.signal == stack.signal.max()).mean())
    return found


def noise_by_wavelets(stack: Stack) -> float:
    """Return the noise by the median of the finest wavelets, slice by slice (scikit-image)."""
    from skimage.restoration import estimate_sigma

    return float(
        np.median([estimate_sigma(stack.signal[:, :, k, 0]) for k in range(stack.signal.shape[2])])
    )


def spectra(stack: Stack) -> float:
    """Return the strongest point over the median of k-space, of all slices (numpy)."""
    tops = []
    for k in range(stack.signal.shape[2]):
        size = np.abs(np.fft.rfft2(stack.signal[:, :, k, 0]))
        tops.append(size[8:-8, 8:].max() / np.median(size))
    return max(tops)


def look(module: object, stack: Stack) -> Examined:
    """Run one check."""
    return module.look(stack, defaults(module))  # type: ignore[attr-defined,no-any-return]


def _together(shape: tuple[int, int, int, int], runs: int) -> tuple[float, float]:
    stack = stack_of(shape)
    for module in CHECKS:
        look(module, stack)
    began = time.time()
    for _ in range(runs):
        for module in CHECKS:
            look(module, stack)
    return began, time.time()


def measure(shape: tuple[int, int, int, int], runs: int) -> dict[str, float]:
    """Return processor seconds by name for one shape."""
    stack = stack_of(shape)
    found = {m.CHECK.name: best(lambda m=m: look(m, stack), runs) for m in CHECKS}  # type: ignore[misc]
    found["all three"] = sum(found.values())
    found["plain numpy"] = best(lambda: plain_numpy(stack), max(1, runs // 3))
    try:
        found["wavelet noise"] = best(lambda: noise_by_wavelets(stack), max(1, runs // 3))
    except ImportError:
        found["wavelet noise"] = float("nan")  # needs PyWavelets
    found["spectra"] = best(lambda: spectra(stack), max(1, runs // 3))
    return found


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--reduced", action="store_true")
    options.add_argument("--processes", type=int, default=0)
    given = options.parse_args()
    shapes = ((64, 64, 6, 1),) if given.reduced else SHAPES
    for shape in shapes:
        voxels = int(np.prod(shape))
        for name, seconds in measure(shape, 2 if given.reduced else 9).items():
            print(
                f"{'x'.join(map(str, shape)):16s} {name:14s} {1e3 * seconds:8.1f} ms "
                f"{1e9 * seconds / voxels:7.2f} ns/voxel {2e-6 * voxels / seconds:7.0f} MB/s"
            )
        if given.processes:
            context = multiprocessing.get_context("spawn")
            runs = 1 if given.reduced else 20
            with concurrent.futures.ProcessPoolExecutor(given.processes, context) as pool:
                spans = list(
                    pool.map(_together, [shape] * given.processes, [runs] * given.processes)
                )
            wall = max(end for _, end in spans) - min(began for began, _ in spans)
            rate = 2e-6 * voxels * runs * given.processes / wall
            print(f"{'x'.join(map(str, shape)):16s} {given.processes} at once: {rate:.0f} MB/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
