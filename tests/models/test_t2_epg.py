"""The exact echo train and its fit: analytic facts, isochromats, the table, the edges."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.errors import FitError
from qiqa.core.maps import FitStatus
from qiqa.core.signal_model import Points, Pulses
from qiqa.fitting import fit_arrays
from qiqa.fitting.engines import epg as engine
from qiqa.fitting.misfit import misfit
from qiqa.kernels.epg import echo_trains, hann_sinc, slice_angles
from qiqa.models import t2_epg

SPACING, ECHOES = 10.0, 32
TE = SPACING * np.arange(1, ECHOES + 1)
NO_T1 = np.empty(0, np.float32)


def isochromats():
    path = Path(__file__).with_name("_isochromats.py")
    spec = importlib.util.spec_from_file_location("_isochromats", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def points(te=TE):
    te = np.asarray(te, dtype=np.float64)
    return Points(values=te, tr_ms=np.full(te.size, np.nan))


def predicted(t2, b1, s0=1.0, te=TE, **more):
    parameters = np.stack(np.broadcast_arrays(np.atleast_1d(t2), s0, b1)).astype(np.float64)
    return t2_epg.predict(parameters, points(te), **more)


def one_angle(degree, t2=np.inf, t1=np.inf, n=ECHOES):
    """Return the train of one position with one refocusing angle, magnetization 1."""
    half = np.array([[math.sin(math.radians(degree) / 2)]])
    decay = [np.array([math.exp(-SPACING / t)]) for t in (t1, t2)]
    trains = np.empty((1, n))
    echo_trains(np.ones((1, 1)), half, np.zeros(1, np.int64), *decay, 1.0, trains)
    return trains[0]


def test_perfect_refocusing_is_one_exponential():
    np.testing.assert_allclose(one_angle(180, t2=70.0, t1=500.0), np.exp(-TE / 70.0), rtol=1e-13)


@pytest.mark.parametrize("degree", [30, 60, 90, 120, 150, 175])
def test_first_echoes_in_closed_form(degree):
    """Hennig 1988, doi 10.1016/0022-2364(88)90128-X: pathways of the first three echoes."""
    a, e1, e2 = math.radians(degree), math.exp(-SPACING / 400), math.exp(-SPACING / 60)
    s, c = math.sin(a / 2) ** 2, math.cos(a / 2) ** 2
    found = one_angle(degree, t2=60.0, t1=400.0, n=2)
    assert found[0] == pytest.approx(s * e2, rel=1e-13)
    # spin echo of the spin echo, and the stimulated echo, stored for one spacing
    second = s * s * e2**2 + 0.5 * math.sin(a) ** 2 * e1 * e2
    assert found[1] == pytest.approx(second, rel=1e-13)
    assert c + s == pytest.approx(1.0)


def test_train_comes_to_a_steady_value():
    """Without relaxation a long train of small angles tends to a plateau, never above 1."""
    train = one_angle(120, n=200)
    assert (train < 1 + 1e-12).all()
    assert np.ptp(train[150:]) < 0.02
    assert train[150:].mean() > math.sin(math.radians(60)) ** 2  # the first echo is the lowest


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, math.pi])
def test_pulse_against_rotation_matrices(angle):
    z = np.linspace(0.0, 1.4, 9)
    half, along = np.empty((1, 9)), np.empty((1, 9))
    slice_angles(hann_sinc(3.0, 64), angle, np.ones(1), 6 * np.pi * z, half, along)
    brute = isochromats()
    matrix = brute.pulse(angle, 3.0, z, 64)
    np.testing.assert_allclose(1 - 2 * half[0] ** 2, matrix[:, 2, 2], atol=1e-12)
    after = brute.about_z(-3 * np.pi * z) @ matrix @ [0.0, 0.0, 1.0]
    np.testing.assert_allclose(along[0], -after[:, 1], atol=1e-12)


def test_pulse_without_gradient_turns_by_its_angle():
    half, along = np.empty((1, 1)), np.empty((1, 1))
    slice_angles(hann_sinc(3.0, 256), math.pi / 2, np.array([0.8]), np.zeros(1), half, along)
    assert half[0, 0] == pytest.approx(math.sin(0.2 * math.pi), rel=1e-13)
    assert along[0, 0] == pytest.approx(math.sin(0.4 * math.pi), rel=1e-13)


@pytest.mark.parametrize(("t2", "t1", "b1"), [(15, 300, 0.55), (90, 90, 1.3), (900, 3000, 1.0)])
def test_train_against_isochromats(t2, t1, b1):
    truth = isochromats().echo_train(float(t2), b1, float(t1), SPACING, ECHOES)
    np.testing.assert_allclose(predicted(t2, b1, t1=t1)[:, 0], truth, rtol=1e-11)


def test_positions_and_steps_are_enough():
    """Against five times as many positions, twice as far, and four times as many steps."""
    fine = isochromats().echo_train(
        80.0, 0.85, 1000.0, SPACING, 12, steps=1024, positions=480, reach=3.0
    )
    found = predicted(80.0, 0.85, te=TE[:12])[:, 0]
    np.testing.assert_allclose(found / found.sum(), fine / fine.sum(), rtol=5e-5)


def test_the_table_is_good_to_a_ten_thousandth():
    rng = np.random.default_rng(0)
    p = np.stack([
        np.exp(rng.uniform(math.log(1.0), math.log(9000), 3000)),
        np.ones(3000),
        rng.uniform(0.31, 1.59, 3000),
    ])  # fmt: skip
    exact = t2_epg.predict(p, points())
    found = engine.plan(t2_epg, points(), False).predict(p, NO_T1)
    assert (np.abs(found - exact).max(axis=0) / exact.max(axis=0)).max() < 1e-4


def test_t1_needs_no_axis_of_the_table():
    rng = np.random.default_rng(1)
    t1 = rng.uniform(100, 4000, 500).astype(np.float32)
    p = np.stack([t1 * rng.uniform(0.02, 1.0, 500), np.ones(500), rng.uniform(0.5, 1.4, 500)])
    exact = t2_epg.predict(p, points(), t1=t1)
    found = engine.plan(t2_epg, points(), False).predict(p, t1)
    assert (np.abs(found - exact).max(axis=0) / exact.max(axis=0)).max() < 1e-4


def test_t1_matters_little():
    signal = predicted(80.0, 0.8, 1000.0)
    for t1 in (800.0, 1200.0):
        found = fit_arrays(signal, "t2_epg", TE, noise_sd=None, t1=t1).estimate("t2")[0, 0, 0]
        assert found == pytest.approx(80.0, rel=0.01)


@pytest.mark.parametrize("t1", [300.0, np.array([300.0, 900.0, 2500.0])])
def test_given_t1(t1):
    t2 = np.array([50.0, 80.0, 200.0])
    maps = fit_arrays(predicted(t2, 0.8, 700.0, t1=t1), "t2_epg", TE, noise_sd=None, t1=t1)
    np.testing.assert_allclose(maps.estimate("t2").ravel(), t2, rtol=2e-5)
    assert not [f for f in maps.findings if f.code == "t1_assumed"]


def test_assumed_t1_is_said():
    maps = fit_arrays(predicted(80.0, 0.8), "t2_epg", TE, noise_sd=None)
    assert "1000 ms" in next(f.message for f in maps.findings if f.code == "t1_assumed")


def test_t2_above_a_given_t1_is_no_answer():
    signal = predicted(400.0, 0.8, 1000.0, t1=600.0)
    maps = fit_arrays(signal, "t2_epg", TE, noise_sd=None, t1=300.0)
    assert maps.status[0, 0, 0] == FitStatus.AT_BOUND


@pytest.mark.parametrize("field", [0.5, 0.7, 0.98, 1.0, 1.1, 1.4])
def test_given_b1(field):
    """With a map both sides of the turning point are told apart; its error is not known here."""
    t2, b1 = np.array([40.0, 120.0]), np.full(2, field)
    maps = fit_arrays(predicted(t2, field, 900.0), "t2_epg", TE, noise_sd=None, b1=b1,
                      covariance=True)  # fmt: skip
    np.testing.assert_allclose(maps.estimate("t2").ravel(), t2, rtol=2e-5)
    np.testing.assert_allclose(maps.estimate("b1").ravel(), b1, rtol=1e-6)
    assert np.isnan(maps.standard_error("b1")).all()
    assert np.isfinite(maps.standard_error("t2")).all()
    assert np.isnan(maps.covariance[2]).all()
    assert np.isfinite(maps.covariance[:2, :2]).all()


def test_unusable_given_maps():
    signal = np.repeat(predicted(80.0, 0.8, 900.0), 4, axis=1)
    b1 = [0.8, np.nan, 0.0, 1.9]
    maps = fit_arrays(signal, "t2_epg", TE, noise_sd=None, b1=b1)
    assert np.isfinite(maps.estimate("t2").ravel()).tolist() == [True, False, False, False]
    assert maps.status.ravel()[3] == FitStatus.AT_BOUND
    maps = fit_arrays(signal, "t2_epg", TE, noise_sd=None, t1=[900.0, np.nan, -1.0, 800.0])
    assert np.isfinite(maps.estimate("t2").ravel()).tolist() == [True, False, False, True]


def test_b1_above_its_turning_point_is_read_as_below():
    """What docs/models/t2_epg.md says: T2 is then up to 3 % long at 1.1."""
    t2 = np.array([30.0, 100.0, 300.0])
    maps = fit_arrays(predicted(t2, 1.1, 1000.0), "t2_epg", TE, noise_sd=None)
    assert (maps.estimate("b1") < 0.9).all()
    off = maps.estimate("t2").ravel() / t2 - 1
    assert ((off > 0) & (off < 0.03)).all()


def test_points_left_out_keep_the_train():
    """Echoes that are clipped or missing: the rest is still echo 1, 3, 4, ... of the same train."""
    signal = predicted(np.array([60.0, 90.0, 150.0]), 0.75, 1000.0)
    signal[3, 0] = np.nan
    signal[10, 1], signal[0, 1] = np.inf, np.nan
    maps = fit_arrays(signal, "t2_epg", TE, noise_sd=None, saturation=float(signal[1, 2]) * 0.999)
    np.testing.assert_allclose(maps.estimate("t2").ravel(), [60.0, 90.0, 150.0], rtol=1e-3)
    assert maps.n_used.ravel()[1] == 30
    assert maps.n_clipped > 0


def test_volumes_in_any_order():
    order = np.random.default_rng(2).permutation(ECHOES)
    signal = predicted(np.linspace(30, 200, 9), 0.8, 500.0)
    signal[5, 4] = np.nan
    one = fit_arrays(signal, "t2_epg", TE, noise_sd=None)
    other = fit_arrays(signal[order], "t2_epg", TE[order], noise_sd=None)
    np.testing.assert_array_equal(one.estimates, other.estimates)


def test_noise_floor_in_the_kernel_and_beside_it_agree():
    rng = np.random.default_rng(3)
    t2 = rng.uniform(15, 60, 3000)
    clean, sd = predicted(t2, 0.8, 500.0), 10.0
    noisy = np.hypot(clean + rng.normal(0, sd, clean.shape), rng.normal(0, sd, clean.shape))
    maps = fit_arrays(noisy, "t2_epg", TE, noise_sd=sd)
    assert maps.n_floor > 3000
    good = np.isfinite(maps.estimate("t2").ravel())
    assert good.mean() > 0.99
    z = (maps.estimate("t2").ravel() - t2)[good] / maps.standard_error("t2").ravel()[good]
    assert abs(np.median(z)) < 0.3
    # one unusable echo sends a voxel the other way; the points that it leaves out are the same
    broken = noisy.copy()
    broken[-1] = np.nan
    other = fit_arrays(broken, "t2_epg", TE, noise_sd=sd)
    same = good & (maps.n_used.ravel() == other.n_used.ravel())
    assert same.mean() > 0.9
    np.testing.assert_allclose(
        other.estimate("t2").ravel()[same], maps.estimate("t2").ravel()[same], rtol=2e-3
    )


@pytest.mark.parametrize(
    ("te", "words"),
    [
        (TE[1:], ["first echo time 20 ms is not the echo spacing 10 ms", "missing", "fit t2"]),
        ((10.0, 20.0, 40.0, 80.0), ["not equally spaced", "10, 20, 40, 80"]),
        ((10.0, 10.0, 20.0, 30.0), ["not equally spaced"]),
        ((5.0, 15.0, 25.0, 35.0), ["first echo time 5 ms is not the echo spacing 10 ms"]),
        ((0.0, 10.0, 20.0, 30.0), ["first echo time 0 ms"]),
    ],
)
def test_what_is_no_whole_train_is_refused(te, words):
    with pytest.raises(FitError) as refused:
        fit_arrays(np.ones((len(te), 3)), "t2_epg", te, noise_sd=None)
    for word in words:
        assert word in str(refused.value)


def test_rounded_echo_times_are_a_train():
    te = np.round(9.64 * np.arange(1, 9), 1)
    signal = predicted(80.0, 0.8, 1000.0, te=9.64 * np.arange(1, 9))
    found = fit_arrays(signal, "t2_epg", te, noise_sd=None).estimate("t2")[0, 0, 0]
    assert found == pytest.approx(80.0, rel=2e-3)


@pytest.mark.parametrize(
    ("t1", "words"),
    [(1.0, "looks like s"), (1e6, "µs"), (np.ones(5), "shape"), (-1.0, "above 0")],
)
def test_t1_that_cannot_be(t1, words):
    with pytest.raises(FitError, match=words):
        fit_arrays(np.ones((4, 3)), "t2_epg", (10.0, 20.0, 30.0, 40.0), t1=t1)


def test_other_models_have_no_use_for_t1():
    with pytest.raises(FitError, match="has no use for T1"):
        fit_arrays(np.ones((4, 3)), "t2", (10.0, 20.0, 30.0, 40.0), t1=900.0)


def varying_train(n=12):
    """Return a train whose refocusing angle falls from 180 to 60 degree, by isochromats."""
    brute, spins = isochromats(), 2 * n + 4
    crush = brute.about_z(2 * math.pi * np.arange(spins) / spins)
    m, out = np.tile([1.0, 0.0, 0.0], (spins, 1)), []
    for angle in np.radians(np.linspace(180, 60, n)):
        m = np.einsum("sij,sj->si", crush, m)
        m = m @ brute.rotations(np.array(angle), np.array(0.0)).T
        m = np.einsum("sij,sj->si", crush, m)
        out.append(m[:, 0].mean())
    return np.array(out)[:, None]


def test_misfit_tells_a_train_of_changing_angles():
    te, rng = TE[:12], np.random.default_rng(4)
    decay = np.exp(-te / 80.0)[:, None]
    constant = predicted(np.full(400, 80.0), 0.85, 1000.0, te=te)
    changing = np.repeat(1000.0 * decay * varying_train(), 400, axis=1)
    said = []
    for signal in (constant, changing):
        noisy = np.abs(signal + rng.normal(0, 2.0, signal.shape))
        maps = fit_arrays(noisy, "t2_epg", te, noise_sd=2.0, rician=False)
        said.append((misfit(maps), any(f.code == "misfit" for f in maps.findings)))
    assert said[0][0] < 0.002
    assert said[1][0] > 0.015
    assert [warned for _, warned in said] == [False, True]
    assert misfit(fit_arrays(constant, "t2_epg", te, noise_sd=None)) is None


CELLS = [(t2, b1, snr) for t2 in (20.0, 80.0, 300.0) for b1 in (0.7, 0.85) for snr in (100, 200)]


@pytest.mark.parametrize(("t2", "b1", "snr"), CELLS)
def test_precision(t2, b1, snr):
    """SD against the Cramer-Rao bound of Gaussian noise, standard error against SD, bias."""
    trials, sd = 4000, 1000.0 / snr
    clean = predicted(t2, b1, 1000.0)
    columns = []
    for which, value in enumerate((t2, 1000.0, b1)):
        h, p = 1e-5 * value, [t2, 1000.0, b1]
        up, down = p.copy(), p.copy()
        up[which], down[which] = value + h, value - h
        difference = predicted(up[0], up[2], up[1]) - predicted(down[0], down[2], down[1])
        columns.append(difference[:, 0] / (2 * h))
    j = np.stack(columns, axis=1)
    bound = sd * math.sqrt(np.linalg.inv(j.T @ j)[0, 0])
    rng = np.random.default_rng([round(t2), round(100 * b1), snr])
    noisy = clean + rng.normal(0, sd, (ECHOES, trials))
    maps = fit_arrays(noisy, "t2_epg", TE, noise_sd=None, rician=False)
    found = maps.estimate("t2").ravel().astype(float)
    assert np.isfinite(found).mean() > 0.999
    spread = float(np.nanstd(found))
    said = math.sqrt(float(np.nanmean(maps.standard_error("t2").astype(float) ** 2)))
    assert spread / bound == pytest.approx(1.0, abs=0.12)
    # toward the turning point of B1 the error is said to be larger than it is, never smaller
    assert 0.93 < said / spread < (1.12 if b1 < 0.8 else 1.5)
    assert abs(np.nanmean(found) - t2) < 0.25 * spread
    inside = np.abs(found - t2) < 2 * maps.standard_error("t2").ravel()
    assert 0.9 < inside.mean() < 0.99


def test_pulses_of_ones_own():
    """What a train was made with gives its T2 back; the usual pulses do not."""
    pulses = Pulses(excitation_time_bandwidth=2.0, refocusing_time_bandwidth=6.0,
                    refocusing_width=1.4)  # fmt: skip
    t2 = np.array([40.0, 90.0, 250.0])
    signal = predicted(t2, 0.9, s0=1000.0, pulses=pulses, t1=1000.0)
    own = fit_arrays(signal, "t2_epg", TE, noise_sd=None, pulses=pulses, t1=1000.0)
    assert own.estimate("t2")[:, 0, 0] == pytest.approx(t2, rel=2e-3)
    usual = fit_arrays(signal, "t2_epg", TE, noise_sd=None, t1=1000.0)
    assert np.abs(usual.estimate("t2")[:, 0, 0] / t2 - 1).max() > 0.01


def test_pulses_are_refused_where_they_mean_nothing():
    with pytest.raises(FitError, match="has no use for Pulses"):
        fit_arrays(np.ones((3, 2)), "t2", (10.0, 20.0, 30.0), pulses=Pulses())
