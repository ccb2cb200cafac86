"""exp, log, sine and cosine against numpy in extended precision, and at their edges.

The reference has 64 bits of mantissa where the platform has them (x86), 53 where it has not; the
bounds hold either way.
"""

import numba
import numpy as np
import pytest

from qiqa.kernels.elementary import exp, fade, log, sincos

TINY_64, TINY_32 = np.finfo(np.float64).tiny, np.finfo(np.float32).tiny


@numba.njit
def _exps(x, out):
    for i in range(x.size):
        out[i] = exp(x[i])


@numba.njit
def _fades(x, out):
    for i in range(x.size):
        out[i] = fade(x[i])


@numba.njit
def _logs(x, out):
    for i in range(x.size):
        out[i] = log(x[i])


@numba.njit
def _sincoses(x, sine, cosine):
    for i in range(x.size):
        sine[i], cosine[i] = sincos(x[i])


def _call(function, x):
    out = np.empty_like(x)
    function(x, out)
    return out


def _relative_error(found, truth):
    return float(np.max(np.abs((found.astype(np.longdouble) - truth) / truth)))


@pytest.mark.parametrize(("dtype", "low", "bound"), [(np.float64, -700, 3e-16),
                                                     (np.float32, -87, 1.5e-7)])  # fmt: skip
def test_exp_is_as_exact_as_it_says(dtype, low, bound):
    rng = np.random.default_rng(1)
    x = np.concatenate(
        [rng.uniform(low, 80, 200_000), rng.uniform(-1, 1, 50_000), np.arange(low, 81.0)]
    ).astype(dtype)
    assert _relative_error(_call(_exps, x), np.exp(x.astype(np.longdouble))) < bound


@pytest.mark.parametrize(("dtype", "low"), [(np.float64, -700.0), (np.float32, -87.0)])
def test_exp_beyond_its_range_is_that_of_the_end(dtype, low):
    x = np.array([0.0, -0.0, low, -1e30, -np.inf, 80.0, 81.0, 1e30, np.inf], dtype=dtype)
    found = _call(_exps, x)
    assert found[0] == found[1] == 1.0
    assert found[2] == found[3] == found[4] > 0.0
    assert found[5] == found[6] == found[7] == found[8]
    np.testing.assert_allclose(found[[2, 5]], np.exp([low, 80.0]), rtol=2e-7)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exp_does_not_fall(dtype):
    """Steps from one number to the next never lead down by more than rounding."""
    x = np.linspace(-5, 5, 400_001).astype(dtype)
    found = _call(_exps, x)
    step = np.finfo(dtype).eps * found[1:]
    assert (np.diff(found) >= -step).all()


@pytest.mark.parametrize(("dtype", "tiny", "bound"), [(np.float64, TINY_64, 2e-15),
                                                      (np.float32, TINY_32, 2e-7)])  # fmt: skip
def test_log_over_all_normal_numbers(dtype, tiny, bound):
    rng = np.random.default_rng(2)
    most = np.log10(float(np.finfo(dtype).max)) - 1e-3
    x = np.concatenate([10.0 ** rng.uniform(np.log10(float(tiny)), most, 300_000), [tiny]])
    x = x[(x >= tiny)].astype(dtype)
    x = x[x >= tiny]
    truth = np.log(x.astype(np.longdouble))
    error = np.abs(_call(_logs, x) - truth)
    # relative to the result, absolute (of a relative change of x) where that is below 1
    assert float(np.max(error / np.maximum(np.abs(truth), 1))) < bound


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_log_near_one_keeps_its_digits(dtype, bound):
    """ln(1 + d) is d: no cancellation for the smallest d."""
    d = np.geomspace(np.finfo(dtype).eps, 0.3, 20_000)
    x = np.concatenate([1 + d, 1 - d]).astype(dtype)
    x = x[x != 1]
    assert _relative_error(_call(_logs, x), np.log(x.astype(np.longdouble))) < bound


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_log_at_marked_places(dtype):
    x = np.array([1.0, 2.0, 0.5, 4.0, np.e, np.sqrt(0.5), np.sqrt(2.0)], dtype=dtype)
    found = _call(_logs, x)
    assert found[0] == 0.0
    np.testing.assert_allclose(found, np.log(x.astype(np.float64)), rtol=2e-7, atol=0)


def test_sine_and_cosine_are_exact_to_rounding():
    rng = np.random.default_rng(3)
    quarters = np.pi / 4 * np.arange(-8, 9)
    near = np.concatenate([quarters + d for d in (0.0, 1e-9, -1e-9, 1e-4)])
    x = np.concatenate([rng.uniform(-2 * np.pi, 2 * np.pi, 200_000), near])
    x = x[np.abs(x) <= 2 * np.pi]
    sine, cosine = np.empty_like(x), np.empty_like(x)
    _sincoses(x, sine, cosine)
    wide = x.astype(np.longdouble)
    assert float(np.max(np.abs(sine - np.sin(wide)))) < 4e-16
    assert float(np.max(np.abs(cosine - np.cos(wide)))) < 4e-16


def test_sine_of_little_keeps_its_digits():
    """Flip angles may be small: the error is relative there, not absolute."""
    x = np.geomspace(1e-12, np.pi / 4, 20_000)
    sine, cosine = np.empty_like(x), np.empty_like(x)
    _sincoses(x, sine, cosine)
    assert _relative_error(sine, np.sin(x.astype(np.longdouble))) < 4e-16
    _sincoses(-x, cosine, np.empty_like(x))
    np.testing.assert_array_equal(cosine, -sine)


def test_sine_of_float32():
    x = np.linspace(-2 * np.pi, 2 * np.pi, 100_001).astype(np.float32)
    sine, cosine = np.empty_like(x), np.empty_like(x)
    _sincoses(x, sine, cosine)
    np.testing.assert_allclose(sine, np.sin(x.astype(np.float64)), rtol=0, atol=1.2e-7)
    np.testing.assert_allclose(cosine, np.cos(x.astype(np.float64)), rtol=0, atol=1.2e-7)
    little = np.geomspace(1e-6, 0.5, 20_000).astype(np.float32)
    sine, cosine = np.empty_like(little), np.empty_like(little)
    _sincoses(little, sine, cosine)
    assert _relative_error(sine, np.sin(little.astype(np.longdouble))) < 1.2e-7


def test_a_decay_in_float32_has_a_normal_square():
    x = np.linspace(-300, 0, 20_001).astype(np.float32)
    found = _call(_fades, x)
    truth = np.exp(np.maximum(x.astype(np.longdouble), -40))
    assert _relative_error(found, truth) < 1.5e-7
    assert (found * found).min() > TINY_32
    wide = np.linspace(-600, 0, 20_001)
    assert _relative_error(_call(_fades, wide), np.exp(wide.astype(np.longdouble))) < 3e-16


def test_outside_compiled_code_they_are_those_of_python():
    """Model files call them from numpy code too."""
    assert exp(1.0) == pytest.approx(np.e, rel=1e-15)
    assert log(2.0) == pytest.approx(0.6931471805599453, rel=1e-15)
    assert sincos(0.5) == pytest.approx((0.479425538604203, 0.8775825618903728), rel=1e-14)
