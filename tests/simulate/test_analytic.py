"""Closed forms against brute force, and echo trains against a simulation of isochromats."""

import math

import numpy as np
import pytest

from qiqa.simulate import relaxation
from qiqa.simulate.analytic import Weights, sphere_section, sphere_table, tube_section

SCALE = np.array([1.03, 0.98, 1.01])


def weights():
    z = np.linspace(-4, 4, 129)
    basis = np.stack([np.exp(-((z / 3) ** 2)), np.cos(z / 3)])
    return Weights(half_mm=4.0, z_mm=z, basis=basis)


def brute(inside, functions, ku, kv, reach, step=0.2):
    """Return sums over a fine grid of a body times functions of z times waves."""
    line = np.arange(-reach + step / 2, reach, step)
    deep = np.arange(-4 + step / 4, 4, step / 2)
    x, y, z = np.meshgrid(line, line, deep, indexing="ij")
    body = inside(x, y, z)
    weighted = [(body * np.interp(z, functions.z_mm, one)).sum(axis=2) for one in functions.basis]
    wave = np.exp(-2j * np.pi * (ku * x[:, :, 0] + kv * y[:, :, 0]))
    return np.array([(one * wave).sum() for one in weighted]) * step * step * step / 2


@pytest.mark.parametrize("k", [(0.0, 0.0), (0.03, -0.05), (0.2, 0.1)])
@pytest.mark.parametrize("depth", [0.0, 2.5, -7.0])
def test_a_sphere_cut_by_a_slice(k, depth):
    def inside(x, y, z):
        away = (x / SCALE[0]) ** 2 + (y / SCALE[1]) ** 2 + ((z - depth) / SCALE[2]) ** 2
        return away <= 7.5**2

    exact = sphere_section(
        7.5, depth, weights(), (np.array([[k[0], 0.4]]), np.array([[k[1], 0.0]])), SCALE
    )[:, 0, 0]
    counted = brute(inside, weights(), *k, reach=8.0)
    assert np.allclose(exact, counted, atol=0.004 * np.pi * 7.5**2 * 8)


@pytest.mark.parametrize("k", [(0.0, 0.0), (0.04, -0.05), (0.1, 0.02)])
def test_a_leaning_tube_cut_by_a_slice(k):
    axis = np.array([0.25, -0.15, 1.0])
    axis /= np.linalg.norm(axis)
    one = np.ones(3)

    def inside(x, y, z):
        along = x * axis[0] + y * axis[1] + z * axis[2]
        return x**2 + y**2 + z**2 - along**2 <= 6.0**2

    exact = tube_section(
        6.0, 500.0, axis, 0.0, weights(), (np.array([[k[0], 0.2]]), np.array([[k[1], 0.0]])), one
    )[:, 0, 0]
    counted = brute(inside, weights(), *k, reach=9.0)
    assert np.allclose(exact, counted, atol=0.004 * np.pi * 6**2 * 8)


def test_a_whole_sphere_has_its_volume_and_first_zero():
    """The transform of a ball is 0 first where tan x = x, x = 4.493409."""
    radius = 10.0
    table = sphere_table(radius, 0.2)
    assert table[0] == pytest.approx(4 / 3 * math.pi * radius**3)
    zero = 4.493409 / (2 * math.pi * radius)
    at = round(zero / 0.2 * (table.size - 1))
    assert abs(table[at]) < 1e-3 * table[0]


def test_inversion_recovery_is_the_textbooks():
    t1, ti = np.array([800.0]), np.array([50.0, 500.0, 2000.0])
    found = relaxation.inversion_recovery(t1, np.array([1e12]), ti, 5000.0, 1e-9, 1.0)
    expected = 1 - 2 * np.exp(-ti / 800) + np.exp(-5000 / 800)
    assert np.allclose(found[0], expected, atol=1e-9)


def test_the_ernst_angle_is_the_brightest():
    angles = np.linspace(1, 60, 591)
    signal = relaxation.spoiled_gradient_echo(
        np.array([600.0]), np.array([1e12]), angles, 20.0, 1.0
    )[0]
    assert angles[signal.argmax()] == pytest.approx(
        math.degrees(math.acos(math.exp(-20 / 600))), abs=0.06
    )


def isochromats(t1, t2, spacing, n_echoes, angle, count=4096):
    """Return echoes of spins that precess by evenly spread angles between pulses about x."""
    turn = 2 * np.pi * np.arange(count) / count
    m = np.zeros((3, count))
    m[0] = 1.0
    a, e1, e2 = math.radians(angle), math.exp(-spacing / 2 / t1), math.exp(-spacing / 2 / t2)

    def wait(m):
        c, s = np.cos(turn), np.sin(turn)
        return np.stack([e2 * (c * m[0] - s * m[1]), e2 * (s * m[0] + c * m[1]), e1 * m[2]])

    echoes = []
    for _ in range(n_echoes):
        m = wait(m)
        c, s = math.cos(a), math.sin(a)
        m = np.stack([m[0], c * m[1] - s * m[2], s * m[1] + c * m[2]])
        m = wait(m)
        echoes.append(m[0].mean())
    return np.array(echoes)


@pytest.mark.parametrize("angle", [180.0, 150.0, 110.0, 60.0])
def test_an_echo_train_is_that_of_isochromats(angle):
    found = relaxation.echo_train(
        np.array([900.0]), np.array([120.0]), 10.0, 16, np.array([90.0]), np.array([angle])
    )[0, 0]
    assert np.allclose(found, isochromats(900.0, 120.0, 10.0, 16, angle), atol=1e-9)
    if angle == 180.0:
        assert np.allclose(found, np.exp(-10 * np.arange(1, 17) / 120))
