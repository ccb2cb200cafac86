"""A voxel's result depends on nothing but its own signal: not on its place, not on its neighbors.

Signals with noise, some of them with points that are missing, clipped or at the noise floor, so
that the quick iteration, the careful one and the fit of shorter series all take part.
"""

import importlib

import numpy as np
import pytest

from qiqa.fitting import fit_arrays

NAMES = (
    "t2", "t1_inversion_recovery", "adc_log_linear", "adc_weighted", "diffusion_tensor",
    "b1_double_angle", "t2_epg",
)  # fmt: skip
VOXELS = 1013  # no multiple of a block
NOISE_SD = 12.0
CLIPPED = 1080.0
PARTS = ("estimates", "standard_errors", "residual_sd", "n_used", "status")


def _case(name, voxels=VOXELS, seed=5):
    """Return whole-number signals (n, voxels), float32, and what else the fit needs."""
    example = importlib.import_module(f"qiqa.models.{name}").EXAMPLE
    module = importlib.import_module(f"qiqa.models.{name}")
    rng = np.random.default_rng(seed)
    parameters = np.stack([rng.uniform(low, high, voxels) for low, high in example.ranges])
    clean = np.abs(module.predict(parameters, example.points()))
    clean *= 1000 / clean.max(axis=0)
    n = clean.shape[0]
    noisy = np.hypot(
        clean + rng.normal(0, NOISE_SD, clean.shape), rng.normal(0, NOISE_SD, clean.shape)
    )
    noisy[:, rng.random(voxels) < 0.05] /= 30  # mostly noise
    noisy[rng.integers(0, n, voxels), np.arange(voxels)] += np.where(
        rng.random(voxels) < 0.1, 2000, 0
    )
    signal = np.rint(np.minimum(noisy, CLIPPED)).astype(np.float32)
    settings = {"tr_ms": example.tr_ms, "directions": example.directions}
    return signal, np.asarray(example.values), settings


def _fit(name, signal, values, settings, **more):
    more = {"noise_sd": NOISE_SD, "saturation": CLIPPED, **more}
    return fit_arrays(signal, name, values, **settings, **more)


def _same(found, wanted, take=slice(None), *, parts=PARTS):
    """Assert the same bits, NaN being NaN."""
    for part in parts:
        own, other = getattr(found, part), getattr(wanted, part)
        flat = other.reshape(*other.shape[:-3], -1, order="F")[..., take]
        np.testing.assert_array_equal(
            own.reshape(*own.shape[:-3], -1, order="F"), flat, err_msg=part, strict=True
        )


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    """Return (name, signal, values, settings, what they give)."""
    signal, values, settings = _case(request.param)
    return request.param, signal, values, settings, _fit(request.param, signal, values, settings)


def test_the_signals_do_take_every_road(case):
    _, _, _, _, maps = case
    assert maps.n_clipped > 0 or maps.model == "b1_double_angle"  # lives on two points alone
    assert len(maps.counts()) >= 2
    answered = np.isfinite(maps.estimates[0])
    assert 0.5 < answered.mean() < 1
    used = np.unique(maps.n_used[answered])
    assert used.size > 1 or maps.n_points == maps.estimates.shape[0]


def test_order_of_voxels(case):
    name, signal, values, settings, maps = case
    order = np.random.default_rng(1).permutation(VOXELS)
    _same(_fit(name, signal[:, order], values, settings), maps, order)


def test_voxels_one_by_one(case):
    name, signal, values, settings, maps = case
    for voxel in (*range(0, VOXELS, 101), 255, 256, VOXELS - 1):
        alone = _fit(name, signal[:, voxel : voxel + 1], values, settings)
        _same(alone, maps, slice(voxel, voxel + 1))


def test_a_part_from_the_middle(case):
    name, signal, values, settings, maps = case
    _same(_fit(name, signal[:, 77:700], values, settings), maps, slice(77, 700))


def test_mask(case):
    name, signal, values, settings, maps = case
    mask = np.random.default_rng(2).random(VOXELS) < 0.4
    masked = _fit(name, signal, values, settings, mask=mask)
    for part in PARTS:
        own, other = getattr(masked, part), getattr(maps, part)
        np.testing.assert_array_equal(own[..., mask, :, :], other[..., mask, :, :], err_msg=part)
        outside = own[..., ~mask, :, :]
        assert (outside == 0).all() if own.dtype.kind == "u" else np.isnan(outside).all(), part


def test_threads(case):
    name, _, _, _, _ = case
    signal, values, settings = _case(name, voxels=9001)
    one = _fit(name, signal, values, settings, threads=1)
    two = _fit(name, signal, values, settings, threads=2)
    _same(two, one)
    counts = ("n_clipped", "n_floor", "n_non_finite")
    assert [getattr(two, c) for c in counts] == [getattr(one, c) for c in counts]


@pytest.mark.parametrize(
    "laid_out",
    [
        np.asfortranarray,
        lambda s: np.repeat(s, 2, axis=1)[:, ::2],
        lambda s: np.ascontiguousarray(s[:, ::-1])[:, ::-1],
        lambda s: np.ascontiguousarray(s[::-1])[::-1],
        lambda s: s.astype(np.int16),
        lambda s: s.astype(np.uint16),
        lambda s: s.astype(np.float64),
        lambda s: s.astype(">f4"),
        lambda s: s.astype(np.int64),
    ],
    ids=["F", "strided", "reversed", "rows reversed", "int16", "uint16", "f8", ">f4", "int64"],
)
def test_memory_layout_and_type(case, laid_out):
    name, signal, values, settings, maps = case
    _same(_fit(name, laid_out(signal), values, settings), maps)


def test_volumes_as_images(case):
    """(n, i, j, k) is the same as (n, voxels), i fastest as in the maps."""
    name, signal, values, settings, maps = case
    flat = signal[:, :1008]
    images = flat.reshape(-1, 12, 7, 12, order="F")
    found = _fit(name, images, values, settings)
    assert found.status.shape == (12, 7, 12)
    _same(found, maps, slice(1008))


def test_volumes_in_another_order(case):
    name, signal, values, settings, maps = case
    order = np.random.default_rng(3).permutation(values.size)
    directions = settings["directions"]
    tr = settings["tr_ms"]
    moved = {
        "directions": None if directions is None else np.asarray(directions)[order],
        "tr_ms": np.asarray(tr)[order] if np.size(tr) > 1 else tr,
    }
    found = _fit(name, signal[order], values[order], moved)
    if np.unique(values).size == values.size:
        _same(found, maps)
        return
    # volumes of the same value are added up in the order of the files
    _same(found, maps, parts=("status", "n_used"))
    for part in ("estimates", "standard_errors", "residual_sd"):
        np.testing.assert_allclose(getattr(found, part), getattr(maps, part), rtol=1e-5)


def test_what_else_is_asked_for_changes_no_estimate(case):
    name, signal, values, settings, maps = case
    lean = _fit(name, signal, values, settings, uncertainty=False, covariance=False)
    _same(lean, maps, parts=("n_used", "status"))
    # the compiler may merge a product and a sum in one and not in the other
    np.testing.assert_allclose(lean.estimates, maps.estimates, rtol=3e-7)
    assert lean.standard_errors is None
    assert lean.residual_sd is None
    assert lean.covariance is None


def test_repeated_runs(case):
    name, signal, values, settings, maps = case
    _same(_fit(name, signal, values, settings), maps)


def test_the_signal_is_not_changed(case):
    name, signal, values, settings, _ = case
    before = signal.copy()
    _fit(name, signal, values, settings)
    np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("name", NAMES)
def test_covariance_of_a_voxel_alone(name):
    """Alone in the image, or alone in lacking just these points."""
    signal, values, settings = _case(name)
    signal = np.minimum(signal, CLIPPED - 1)
    if name != "b1_double_angle":
        signal[-1, 5] = CLIPPED
    maps = _fit(name, signal, values, settings, covariance=True)
    _same(maps, _fit(name, signal, values, settings))
    for voxel in (5, 17):
        alone = _fit(name, signal[:, voxel : voxel + 1], values, settings, covariance=True)
        _same(alone, maps, slice(voxel, voxel + 1), parts=("estimates", "covariance"))
        for which in range(len(maps.parameters)):
            variance = alone.standard_errors[which, 0, 0, 0] ** 2
            assert alone.covariance[which, which, 0, 0, 0] == pytest.approx(
                variance, rel=1e-5, nan_ok=True
            )
