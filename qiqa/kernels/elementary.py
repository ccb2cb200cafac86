"""exp, log, sine and cosine without branches, so that the compiler can run them side by side.

The compiler has no vector form of the mathematics library. Each function here reduces its
argument exactly (Cody and Waite, Software Manual for the Elementary Functions, 1980) and
evaluates one polynomial (interpolation at Chebyshev points, coefficients by mpmath, 40 digits).
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from qiqa.kernels.compiling import inlined

__all__ = ["exp", "fade", "log", "sincos"]


def exp(x):
    """Return e to the power x, x from -700 (f64) or -87 (f32) to 80; clamped beyond.

    Relative error below 3e-16 (f64) and 1.5e-7 (f32).
    """
    return math.exp(x)


def fade(x):
    """Return exp(x) of a decay, x up to 0; in float32 not less than exp(-40), 4e-18.

    Beside a signal of 1 that is nothing, but its square is a normal number: the denormal ones
    beyond take a processor a hundred times longer.
    """
    return math.exp(x)


def log(x):
    """Return the natural logarithm of a positive normal number; garbage for any other."""
    return math.log(x)


def sincos(x):
    """Return sine and cosine of x [radian], |x| up to 2 pi; to 1e-16 (f64) or 1e-7 (f32)."""
    return math.sin(x), math.cos(x)


# exp(x) = 2**k exp(r), |r| <= log(2)/2. Adding 1.5 * 2**52 rounds to a whole number and leaves it
# in the low bits, where a shift puts it into the exponent: no conversion that AVX2 lacks.
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
_ROUND_64 = 6755399441055744.0
_ROUND_32 = np.float32(12582912.0)


@inlined
def _exp_64(x):
    x = min(max(x, -700.0), 80.0)
    shifted = x * _LOG2_E + _ROUND_64
    k = shifted - _ROUND_64
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 2.763265472252779e-07 + r * 2.5110049204818658e-08
    p = 2.755724088722987e-06 + r * p
    p = 2.4801485441561313e-05 + r * p
    p = 0.00019841269890076403 + r * p
    p = 0.0013888888952352863 + r * p
    p = 0.008333333333319589 + r * p
    p = 0.04166666666648795 + r * p
    p = 0.1666666666666668 + r * p
    p = 0.5000000000000019 + r * p
    p = 1.0 + r * (1.0 + r * p)
    bits = np.float64(p).view(np.int64) + (np.float64(shifted).view(np.int64) << 52)
    return np.int64(bits).view(np.float64)


@inlined
def _exp_32(x):
    x = min(max(x, np.float32(-87.0)), np.float32(80.0))
    shifted = x * np.float32(_LOG2_E) + _ROUND_32
    k = shifted - _ROUND_32
    r = (x - k * np.float32(_LN2_HIGH)) - k * np.float32(_LN2_LOW)
    p = np.float32(0.008375134774624326) + r * np.float32(0.0013941118895837)
    p = np.float32(0.04166635277111221) + r * p
    p = np.float32(0.16666415414041177) + r * p
    p = np.float32(0.5000000047146057) + r * p
    p = np.float32(1.0) + r * (np.float32(1.0) + r * p)
    bits = np.int32(
        np.float32(p).view(np.int32) + np.int32(np.float32(shifted).view(np.int32) << np.int32(23))
    )
    return bits.view(np.float32)


# log(x) = k log(2) + log(m), m in [sqrt(1/2), sqrt(2)].
_SQRT_HALF_64 = 0x3FE6A09E667F3BCD
_SQRT_HALF_32 = np.int32(0x3F3504F3)
_WHOLE_64 = 0x4338000000000000


@inlined
def _log_64(x):
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _SQRT_HALF_64) >> 52
    m = np.int64(bits - (exponent << 52)).view(np.float64)
    k = np.int64(exponent + _WHOLE_64).view(np.float64) - _ROUND_64
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 0.18121810095796076 + z * 0.16839196030892914
    p = 0.22223438289974737 + z * p
    p = 0.28571415969715536 + z * p
    p = 0.400000000620566 + z * p
    p = 0.6666666666655222 + z * p
    p = 2.0 + z * p
    return k * _LN2_HIGH + (s * p + k * _LN2_LOW)


@inlined
def _log_32(x):
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits - _SQRT_HALF_32) >> np.int32(23))
    m = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32)
    k = np.float32(exponent)
    f = m - np.float32(1.0)
    p = np.float32(-0.14269657064598293) + f * np.float32(0.08533275217525023)
    p = np.float32(0.14977594343386266) + f * p
    p = np.float32(-0.16577953951040714) + f * p
    p = np.float32(0.19955911696978132) + f * p
    p = np.float32(-0.2500135306933999) + f * p
    p = np.float32(0.33334193884199403) + f * p
    p = np.float32(-0.4999999637900757) + f * p
    p = np.float32(1.0) + f * p
    return k * np.float32(_LN2_HIGH) + (f * p + k * np.float32(_LN2_LOW))


# sin and cos: x = k pi/2 + r, |r| <= pi/4; the two change places and signs with k.
_PI_HALF_HIGH, _PI_HALF_LOW = 1.5707963267341256, 6.077100506506192e-11


@inlined
def _sincos_64(x):
    shifted = x * 0.6366197723675814 + _ROUND_64
    k = shifted - _ROUND_64
    quadrant = np.float64(shifted).view(np.int64) & 3
    r = (x - k * _PI_HALF_HIGH) - k * _PI_HALF_LOW
    z = r * r
    p = -2.5050716419233388e-08 + z * 1.589470394697773e-10
    p = 2.755731337289906e-06 + z * p
    p = -0.0001984126982864022 + z * p
    p = 0.008333333333320349 + z * p
    p = -0.16666666666666616 + z * p
    sine = r + r * z * p
    q = -2.755523305360796e-07 + z * 2.063040538544112e-09
    q = 2.4801578533318056e-05 + z * q
    q = -0.0013888888869963557 + z * q
    q = 0.04166666666647211 + z * q
    q = -0.4999999999999925 + z * q
    cosine = 1.0 + z * q
    first = cosine if (quadrant & 1) == 1 else sine
    second = sine if (quadrant & 1) == 1 else cosine
    first = -first if quadrant >= 2 else first
    second = -second if ((quadrant + 1) & 2) == 2 else second
    return first, second


_TURN_HIGH, _TURN_MIDDLE, _TURN_LOW = 1.5703125, 4.837512969970703e-4, 7.549789954891882e-8


@inlined
def _sincos_32(x):
    shifted = x * np.float32(0.6366197723675814) + _ROUND_32
    k = shifted - _ROUND_32
    quadrant = np.int32(np.float32(shifted).view(np.int32) & np.int32(3))
    r = x - k * np.float32(_TURN_HIGH)
    r = (r - k * np.float32(_TURN_MIDDLE)) - k * np.float32(_TURN_LOW)
    z = r * r
    p = np.float32(0.008332748150929674) + z * np.float32(-0.0001958786529298897)
    p = np.float32(-0.16666664661666014) + z * p
    sine = r + r * z * p
    q = np.float32(-0.0013887588890345902) + z * np.float32(2.446375414651935e-05)
    q = np.float32(0.04166665063952304) + z * q
    q = np.float32(-0.4999999996910535) + z * q
    cosine = np.float32(1.0) + z * q
    # one comparison for each choice: a truth value used twice would not stay in vectors
    first = cosine if (quadrant & 1) == 1 else sine
    second = sine if (quadrant & 1) == 1 else cosine
    first = -first if quadrant >= 2 else first
    second = -second if ((quadrant + 1) & 2) == 2 else second
    return first, second


@overload(exp, inline="always")
def _exp(x):
    if x == types.float32:
        return lambda x: _exp_32(x)  # noqa: PLW0108
    return lambda x: _exp_64(x)  # noqa: PLW0108


@overload(fade, inline="always")
def _fade(x):
    if x == types.float32:
        return lambda x: _exp_32(max(x, np.float32(-40.0)))
    return lambda x: _exp_64(x)  # noqa: PLW0108


@overload(log, inline="always")
def _log(x):
    if x == types.float32:
        return lambda x: _log_32(x)  # noqa: PLW0108
    return lambda x: _log_64(x)  # noqa: PLW0108


@overload(sincos, inline="always")
def _sincos(x):
    if x == types.float32:
        return lambda x: _sincos_32(x)  # noqa: PLW0108
    return lambda x: _sincos_64(x)  # noqa: PLW0108
