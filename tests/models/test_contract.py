"""What every signal model must be and do; a new model file is taken up by itself.

What a model needs from here is one independent formula of its signal, in `FORMULAS`.
"""

import importlib
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.maps import FitStatus, Parameter
from qiqa.core.signal_model import Points
from qiqa.fitting import fit_arrays
from qiqa.fitting.engines import ENGINES
from qiqa.models import MODELS

NAMES = MODELS.names()
ENCODINGS = {"echo_time", "inversion_time", "repetition_time", "b_value", "flip_angle"}
PAGES = Path(__file__).resolve().parents[2] / "docs" / "models"
LOGS = ("log_linear", "log_weighted", "tensor")
SEPARABLE = ("amplitude", "two_amplitudes")


def module_of(name):
    return importlib.import_module(f"qiqa.models.{name}")


def neighbor(name):
    """Return a module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def separable():
    return [name for name in NAMES if module_of(name).ENGINE in SEPARABLE]


# one measurement of one voxel, numbers of Python only: (parameters, value, TR, direction) -> signal
def _decay(p, x, _tr, _g):
    return p[1] * math.e ** (-x / p[0])


def _diffusion(p, b, _tr, _g):
    return p[1] * math.e ** (-b * p[0])


def _tensor(p, b, _tr, g):
    """Rotate diag(l1, l2, l2) to the axis (1, 2, 2) / 3 and measure along g."""
    md, fa, s0 = p
    # FA of (l1, l2, l2): |l1 - l2| / sqrt(l1² + 2 l2²), by bisection in l1
    low, high = md, 3 * md
    for _ in range(200):
        l1 = (low + high) / 2
        l2 = (3 * md - l1) / 2
        low, high = (l1, high) if (l1 - l2) / math.sqrt(l1**2 + 2 * l2**2) < fa else (low, l1)
    along = (g[0] + 2 * g[1] + 2 * g[2]) / 3
    squared = g[0] ** 2 + g[1] ** 2 + g[2] ** 2
    return s0 * math.exp(-b * (l1 * along**2 + l2 * (squared - along**2)))


def _recovery(p, ti, tr, _g):
    t1, m0, k = p
    return m0 * (1 - math.exp(-ti / t1) - k * (math.exp(-ti / t1) - math.exp(-tr / t1)))


def _ernst(p, angle, tr, _g):
    e1, a = math.exp(-tr / p[0]), math.pi * angle / 180
    return p[1] * (1 - e1) * math.sin(a) / (1 - e1 * math.cos(a))


_echo_train = neighbor("_isochromats").echo_train


def _train(p, te, _tr, _g):
    """Echoes 10 ms apart, T1 1000 ms; the only one that is no formula but a simulation."""
    return p[1] * _echo_train(p[0], p[2], 1000.0, 10.0, 32)[round(te / 10.0) - 1]


FORMULAS = {
    "adc": _diffusion,
    "adc_log_linear": _diffusion,
    "adc_weighted": _diffusion,
    "diffusion_tensor": _tensor,
    "t1_inversion_recovery": lambda *a: abs(_recovery(*a)),
    "t1_inversion_recovery_signed": _recovery,
    "t1_inversion_recovery_tr": lambda *a: abs(_recovery(*a)),
    "t1_saturation_recovery": lambda p, x, _tr, _g: p[1] - p[1] * math.exp(-x / p[0]),
    "t1_vfa": _ernst,
    "t2": _decay,
    "t2star": _decay,
    "t2_epg": _train,
    "t2_offset": lambda p, x, _tr, _g: p[1] / math.exp(x / p[0]) + p[2],
    "b1_double_angle": lambda p, a, _tr, _g: p[1] * abs(math.sin(p[0] * a * math.pi / 180)),
}


def drawn(module, voxels, seed=0, amplitude=1.0):
    """Return parameters (p, voxels) over the ranges of the example, corners included."""
    ranges = module.EXAMPLE.ranges
    rng = np.random.default_rng(seed)
    found = np.stack([rng.uniform(low, high, voxels) for low, high in ranges])
    corners = np.stack([c.ravel() for c in np.meshgrid(*ranges)])
    found[:, : corners.shape[1]] = corners
    amplitudes = [i for i, p in enumerate(module.PARAMETERS) if p.unit == "signal"]
    found[amplitudes] *= amplitude
    return found


def fitted(module, signal, **settings):
    example = module.EXAMPLE
    return fit_arrays(
        signal, module.__name__.rpartition(".")[2], example.values, tr_ms=example.tr_ms,
        directions=example.directions, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_documentation_page(name):
    """docs/models/<name>.md: the one test here that looks outside the package."""
    page = PAGES / f"{name}.md"
    assert page.is_file(), f"{page.name} is missing"
    assert module_of(name).EQUATION.split(",")[0] in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_fields(name):
    module = module_of(name)
    assert module.__doc__.strip()
    assert module.TITLE.strip() == module.TITLE != ""
    assert "=" in module.EQUATION
    assert module.REFERENCES
    assert all(isinstance(text, str) and len(text) > 10 for text in module.REFERENCES)
    assert module.QUANTITY in {"adc", "t1", "t2", "t2star", "b1"}
    assert module.ENCODING in ENCODINGS
    assert module.ENGINE in ENGINES.names()
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("name", NAMES)
def test_parameters(name):
    module = module_of(name)
    assert all(type(parameter) is Parameter for parameter in module.PARAMETERS)
    names = [parameter.name for parameter in module.PARAMETERS]
    assert len(set(names)) == len(names)
    assert all(text.isidentifier() and text == text.lower() for text in names)
    assert {p.unit for p in module.PARAMETERS} <= {"ms", "mm²/s", "1", "signal"}
    assert all(p.lower < p.upper for p in module.PARAMETERS)
    assert all(p.bids.isalnum() for p in module.PARAMETERS)


@pytest.mark.parametrize("name", NAMES)
def test_example_can_be_told(name):
    module = module_of(name)
    example = module.EXAMPLE
    assert len(example.ranges) == len(module.PARAMETERS)
    assert len(example.values) >= len(module.PARAMETERS)
    for parameter, (low, high) in zip(module.PARAMETERS, example.ranges, strict=True):
        assert parameter.lower < low <= high < parameter.upper


@pytest.mark.parametrize("name", NAMES)
def test_signal_is_that_of_an_independent_formula(name):
    module = module_of(name)
    assert name in FORMULAS, f"write the formula of {name} into FORMULAS"
    points, parameters = module.EXAMPLE.points(), drawn(module, 40, amplitude=700.0)
    found = module.predict(parameters, points)
    directions = points.directions if points.directions is not None else [None] * len(points.values)
    rows = list(zip(points.values.tolist(), points.tr_ms.tolist(), directions, strict=True))
    truth = [[FORMULAS[name](p, x, tr, g) for p in parameters.T.tolist()] for x, tr, g in rows]
    np.testing.assert_allclose(found, truth, rtol=1e-11, atol=1e-9)
    images = module.predict(parameters.reshape(-1, 2, 4, 5), points)
    np.testing.assert_array_equal(images, found.reshape(-1, 2, 4, 5))


@pytest.mark.parametrize("amplitude", [1.0, 3000.0, 1e-6])
@pytest.mark.parametrize("name", NAMES)
def test_noise_free_example_is_found(name, amplitude):
    module = module_of(name)
    parameters = drawn(module, 300, amplitude=amplitude)
    maps = fitted(module, module.predict(parameters, module.EXAMPLE.points()), noise_sd=None)
    assert set(maps.counts()) <= {FitStatus.CONVERGED, FitStatus.EXACT}
    found = maps.estimates[:, :, 0, 0]
    for which, parameter in enumerate(maps.parameters):
        truth = parameters[which]
        scale = np.maximum(np.abs(truth), amplitude if parameter.unit == "signal" else 0.0)
        worst = float(np.max(np.abs(found[which] - truth) / scale))
        assert worst < 1e-4, f"{parameter.name}: {worst:.2g}"


@pytest.fixture
def exact_elementary(monkeypatch):
    """Return a function that gives the functions of a model as Python runs them, all in float64."""

    def prepared(name):
        module = module_of(name)
        for function, numpy_one in (
            ("exp", np.exp),
            ("log", np.log),
            ("sincos", lambda x: (np.sin(x), np.cos(x))),
        ):
            if hasattr(module, function):
                monkeypatch.setattr(module, function, numpy_one)
        return module

    return prepared


def _basis(module, t, a, b, q, kind=""):
    a, b, t, q = (np.float64(x) for x in (a, b, t, q))
    decay = getattr(module, f"decay{kind}", lambda t, a: np.exp(-a * t))
    return tuple(float(x) for x in getattr(module, f"basis{kind}")(decay(t, a), t, a, b, q))


@pytest.mark.parametrize("kind", ["", "_b1"])
@pytest.mark.parametrize("name", separable())
def test_derivatives_of_the_basis(name, kind, exact_elementary):
    """Against central differences in ln t, over the whole range of the example."""
    module = exact_elementary(name)
    if kind and not hasattr(module, f"basis{kind}"):
        assert not hasattr(module, f"decay{kind}")
        return
    points = module.EXAMPLE.points()
    step = 1e-4
    for truth in np.geomspace(*module.EXAMPLE.ranges[0], 7):
        t = module.coordinate(float(truth), points)
        for a, b in module.constants(points).T:
            for q in (0.8, 1.0, 1.15) if kind else (1.0,):
                here = _basis(module, t, a, b, q, kind)
                up = _basis(module, t * math.exp(step), a, b, q, kind)
                down = _basis(module, t * math.exp(-step), a, b, q, kind)
                for f in range(0, len(here), 2):
                    slope = (up[f] - down[f]) / (2 * step)
                    assert here[f + 1] == pytest.approx(slope, rel=1e-6, abs=1e-7), (truth, a, f)


@pytest.mark.parametrize("name", separable())
def test_basis_value_and_finish_make_up_the_signal(name, exact_elementary):
    """Amplitudes fitted to `predict` give back its parameters; their derivatives are right."""
    module = exact_elementary(name)
    points, k = module.EXAMPLE.points(), module.scale(module.EXAMPLE.points())
    signed = {"t1_inversion_recovery", "t1_inversion_recovery_tr"}
    for p in drawn(module, 12, seed=4, amplitude=3.0).T:
        t = module.coordinate(float(p[0]), points)
        rows = np.array([_basis(module, t, a, b, 1.0) for a, b in module.constants(points).T])
        if name in signed:
            xs = zip(points.values, points.tr_ms, strict=True)
            signal = np.array([_recovery(p.tolist(), x, tr, None) for x, tr in xs])
        else:
            signal = module.predict(p, points)
        c, left, *_ = np.linalg.lstsq(rows[:, ::2], signal, rcond=None)
        assert left.size == 0 or left[0] < 1e-18
        found, slope = module.value(np.float64(t), k)
        assert found == pytest.approx(p[0], rel=1e-9)
        h = 1e-5
        up, down = (module.value(np.float64(t * math.exp(s)), k)[0] for s in (h, -h))
        assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6)
        if rows.shape[1] == 2:
            assert c[0] == pytest.approx(p[1], rel=1e-9)
            continue
        whole = module.finish(np.float64(t), c[0], c[1], k)
        assert (whole[0], whole[4]) == pytest.approx((p[1], p[2]), rel=1e-7, abs=1e-9)
        for first in (0, 4):
            moves = ((t * math.exp(h), c[0], c[1]), (t, c[0] + h, c[1]), (t, c[0], c[1] + h))
            backs = ((t * math.exp(-h), c[0], c[1]), (t, c[0] - h, c[1]), (t, c[0], c[1] - h))
            for d in range(3):
                rise = module.finish(*moves[d], k)[first] - module.finish(*backs[d], k)[first]
                assert whole[first + 1 + d] == pytest.approx(rise / (2 * h), rel=1e-6, abs=1e-8)


def jacobian(module, p, points):
    """Return d signal / d parameters (n, p) by central differences."""
    columns = []
    for which in range(p.size):
        h = 1e-5 * max(abs(p[which]), 1e-2 * abs(p[1]) if which == 2 else 0.0)
        up, down = p.copy(), p.copy()
        up[which] += h
        down[which] -= h
        columns.append((module.predict(up, points) - module.predict(down, points)) / (2 * h))
    return np.stack(columns, axis=1)


def least_squares_covariance(module, p, y, points):
    """Return covariance and residual SD of a least-squares fit to the signal."""
    j = jacobian(module, p, points)
    residual = y - module.predict(p, points)
    variance = residual @ residual / (y.size - p.size)
    return np.linalg.inv(j.T @ j) * variance, math.sqrt(variance)


def log_covariance(module, p, y, points):
    """Return covariance and residual SD of straight lines through logarithms.

    The noise is equal in the signal, so that of a logarithm is sigma / s. The estimator is linear
    in the logarithms: its covariance is G diag(sigma² / s²) G'. sigma² is the sum of squared
    (s times residual), over what that sum is for sigma = 1 (equal weights), or over the degrees of
    freedom (weights s², where the two are the same). The tensor takes s from the line before: an
    unweighted one, then one weighted by it.
    """
    b = points.values
    if module.ENGINE == "tensor":
        x, y_, z = points.directions.T
        design = (
            np.stack([x * x, y_ * y_, z * z, 2 * x * y_, 2 * x * z, 2 * y_ * z]).T * -b[:, None]
        )
    else:
        design = -b[:, None]
    scale = np.abs(design).max()
    design = np.column_stack([design / scale, np.ones_like(b)])
    s = y
    if module.ENGINE == "tensor":
        weights = np.ones_like(y)
        for _ in range(2):
            normal = design.T @ (design * weights[:, None])
            s = np.exp(design @ np.linalg.solve(normal, design.T @ (weights * np.log(y))))
            weights = s**2
    w = np.ones_like(y) if module.ENGINE == "log_linear" else s**2
    gain = np.linalg.solve(design.T @ (design * w[:, None]), design.T * w)
    solved = gain @ np.log(y)
    left = np.eye(y.size) - design @ gain
    expected = np.sum(s[:, None] ** 2 * left**2 / s[None, :] ** 2)
    variance = np.sum((s * (left @ np.log(y))) ** 2) / expected
    covariance = gain @ np.diag(variance / s**2) @ gain.T

    def named(x):
        if module.ENGINE != "tensor":
            return np.array([x[0] / scale, math.exp(x[1])])
        d = np.array([[x[0], x[3], x[4]], [x[3], x[1], x[5]], [x[4], x[5], x[2]]]) / scale
        own = np.linalg.eigvalsh(d)
        fa = math.sqrt(1.5 * np.sum((own - own.mean()) ** 2) / np.sum(own**2))
        return np.array([own.mean(), fa, math.exp(x[6])])

    np.testing.assert_allclose(named(solved), p, rtol=2e-5)  # the estimates too
    columns = []
    for which in range(solved.size):
        h = np.zeros(solved.size)
        h[which] = 1e-6
        columns.append((named(solved + h) - named(solved - h)) / 2e-6)
    g = np.stack(columns, axis=1)
    return g @ covariance @ g.T, math.sqrt(variance)


def noisy_maps(name, voxels=60, sd=8.0):
    module = module_of(name)
    parameters = drawn(module, voxels, seed=11, amplitude=1000.0)
    if name == "t1_vfa":
        parameters[1] *= 2  # the signal is a few percent of m0
    rng = np.random.default_rng(12)
    clean = module.predict(parameters, module.EXAMPLE.points())
    noisy = (clean + rng.normal(0, sd, clean.shape)).astype(np.float32)
    if name != "t1_inversion_recovery_signed":
        noisy = np.abs(noisy)
    given = None if len(module.EXAMPLE.values) > len(module.PARAMETERS) else sd
    maps = fitted(module, noisy, noise_sd=given, rician=False, covariance=True)
    return module, noisy.astype(np.float64), maps


def expectations(name):
    """Yield per voxel: estimates, residual SD and covariance expected, and the voxel's index."""
    module, noisy, maps = noisy_maps(name)
    points, n = module.EXAMPLE.points(), len(module.EXAMPLE.values)
    answered = np.flatnonzero(np.isfinite(maps.estimates[0, :, 0, 0]))
    assert answered.size > 50
    for v in answered:
        p = maps.estimates[:, v, 0, 0].astype(np.float64)
        if module.ENGINE in LOGS:
            expected, residual = log_covariance(module, p, noisy[:, v], points)
        elif n > p.size:
            expected, residual = least_squares_covariance(module, p, noisy[:, v], points)
        else:
            inverse = np.linalg.inv(jacobian(module, p, points))
            expected, residual = inverse @ inverse.T * 8.0**2, math.nan
        yield maps, v, expected, residual


# the weighted line is summed up in float32: of the variance of the residuals this share of the
# squared signal is lost
LOST = {"adc_weighted": 2e-7 * 1000.0**2}


@pytest.mark.parametrize("name", NAMES)
def test_standard_errors(name):
    """Against a covariance made from numerical derivatives of `predict` alone."""
    for maps, v, expected, residual in expectations(name):
        found, errors = float(maps.residual_sd[v, 0, 0]), maps.standard_errors[:, v, 0, 0]
        close = pytest.approx(residual**2, rel=4e-3, abs=LOST.get(name, 0.0), nan_ok=True)
        assert found**2 == close, f"voxel {v}"
        wanted = np.sqrt(np.diag(expected)) * (found / residual if residual > 0 else 1.0)
        where = f"voxel {v}: {maps.estimates[:, v, 0, 0]}"
        np.testing.assert_allclose(errors, wanted, rtol=5e-3, err_msg=where)


@pytest.mark.parametrize("name", NAMES)
def test_covariance(name):
    """The same, all elements; symmetric; what stands on the diagonal are the errors squared."""
    for maps, v, expected, residual in expectations(name):
        full, errors = maps.covariance[:, :, v, 0, 0], maps.standard_errors[:, v, 0, 0]
        np.testing.assert_array_equal(full, full.T)
        np.testing.assert_allclose(np.diag(full), errors**2, rtol=1e-5)
        found = float(maps.residual_sd[v, 0, 0])
        scaled = expected * ((found / residual) ** 2 if residual > 0 else 1.0)
        wanted = np.sqrt(np.diag(scaled))
        off = np.abs(full - scaled) / np.outer(wanted, wanted)
        if module_of(name).ENGINE == "tensor":
            off = np.diag(off)  # only these are given, the others are NaN
        assert off.max() < 1e-2, f"voxel {v}: {maps.estimates[:, v, 0, 0]}"


@pytest.mark.parametrize("name", NAMES)
def test_standard_errors_tell_the_spread(name):
    """Over many noises the estimates scatter as the errors say."""
    module = module_of(name)
    middle = np.array([[(low + high) / 2] for low, high in module.EXAMPLE.ranges])
    amplitudes = [i for i, p in enumerate(module.PARAMETERS) if p.unit == "signal"]
    middle[amplitudes] *= 1000.0
    clean = module.predict(middle, module.EXAMPLE.points())
    sd = 0.005 * clean.max()
    rng = np.random.default_rng(13)
    noisy = clean + rng.normal(0, sd, (clean.shape[0], 3000))
    maps = fitted(module, noisy, noise_sd=sd, rician=False)
    assert np.isfinite(maps.estimates).mean() > 0.99
    spread = np.nanstd(maps.estimates[:, :, 0, 0].astype(np.float64), axis=1)
    said = np.sqrt(np.nanmean(maps.standard_errors[:, :, 0, 0].astype(np.float64) ** 2, axis=1))
    np.testing.assert_allclose(said / spread, 1.0, atol=0.08)


BEYOND = {
    # values that can tell a first parameter below the lower bound; the parameters
    "adc": ((0.0, 200.0, 500.0, 1000.0), (2e-7, 1000.0)),
    "t1_inversion_recovery": ((0.2, 0.5, 1.0, 2.0, 30.0), (0.6, 1000.0, 1.0)),
    "t1_inversion_recovery_signed": ((0.2, 0.5, 1.0, 2.0, 30.0), (0.6, 1000.0, 1.0)),
    "t1_inversion_recovery_tr": ((0.2, 0.5, 1.0, 2.0, 30.0), (0.6, 1000.0, 1.0)),
    "t1_saturation_recovery": ((0.2, 0.5, 1.0, 2.0, 30.0), (0.6, 1000.0)),
    "t2": ((0.1, 0.2, 0.4, 0.8, 1.6), (0.3, 1000.0)),
    "t2_epg": ((0.5, 1.0, 1.5, 2.0, 2.5), (0.3, 1000.0, 0.8)),
    "t2_offset": ((0.1, 0.2, 0.4, 0.8, 1.6), (0.3, 1000.0, 100.0)),
    "t2star": ((0.05, 0.1, 0.2, 0.4, 1.2), (0.12, 1000.0)),
}


def assert_at_bound(maps):
    assert maps.counts() == {FitStatus.AT_BOUND: 1}
    assert np.isnan(maps.estimates).all()
    assert np.isnan(maps.standard_errors).all()
    assert np.isnan(maps.residual_sd).all()


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_below_the_bound_there_is_no_answer(name):
    module = module_of(name)
    values, parameters = BEYOND[name]
    assert parameters[0] < module.PARAMETERS[0].lower
    tr = 40.0 if module.ENCODING == "inversion_time" else None
    points = Points(values=np.array(values), tr_ms=np.full(len(values), tr or np.nan))
    signal = module.predict(np.array(parameters)[:, None], points)
    assert_at_bound(fit_arrays(signal, name, values, tr_ms=tr, noise_sd=None))


@pytest.mark.parametrize("name", [n for n in NAMES if math.isfinite(
    module_of(n).PARAMETERS[0].upper)])  # fmt: skip
def test_above_the_bound_there_is_no_answer(name):
    module = module_of(name)
    values, tr = module.EXAMPLE.values, module.EXAMPLE.tr_ms
    if module.QUANTITY == "adc":
        values = (0.0, 5.0, 10.0, 30.0)
    if module.QUANTITY == "b1":
        values = (20.0, 40.0)
    parameters = [module.PARAMETERS[0].upper * (1.3 if module.QUANTITY == "b1" else 1.6)]
    parameters += [1e5 * low if low else 0.0 for low, _ in module.EXAMPLE.ranges[1:]]
    if len(parameters) == 3 and module.PARAMETERS[2].unit == "1":
        parameters[2] = 1.0
    points = Points(
        values=np.array(values), tr_ms=np.broadcast_to(np.float64(tr or np.nan), len(values))
    )
    signal = module.predict(np.array(parameters)[:, None], points)
    assert_at_bound(fit_arrays(signal, name, values, tr_ms=tr, noise_sd=None))


@pytest.mark.parametrize("name", [n for n in NAMES if not math.isfinite(
    module_of(n).PARAMETERS[0].lower)])  # fmt: skip
def test_without_bounds_negative_values_come_out_as_they_are(name):
    module = module_of(name)
    b = np.array(module.EXAMPLE.values)
    maps = fitted(module, 500 * np.exp(0.2e-3 * b)[:, None], noise_sd=None)
    assert maps.status[0, 0, 0] == FitStatus.CONVERGED
    assert maps.estimates[0, 0, 0, 0] == pytest.approx(-0.2e-3, rel=1e-4)
