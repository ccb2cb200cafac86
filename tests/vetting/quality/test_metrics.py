"""Each metric against a truth that was put in, or against its formula in plain numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from qiqa.vetting.quality import air, bias, levels, sample, slices, spikes, texture, thumbnail
from qiqa.vetting.quality.foreground import foreground
from qiqa.vetting.quality.scan import scan
from qiqa.vetting.quality.wrap import wrap


@pytest.fixture
def parts(images):
    def of(signal, **more):
        seen = scan(images.stack(signal, **more))
        return seen, foreground(seen)

    return of


def disk(images, shape=(160, 160, 8), radius=0.7):
    i, j, _ = images.axes(shape)
    return np.hypot(i, j) < radius


@pytest.mark.parametrize("noise", [5.0, 20.0, 60.0])
def test_noise_and_both_signal_to_noise_ratios(images, parts, noise):
    rng = np.random.default_rng(1)
    seen, found = parts(images.magnitude(600.0 * disk(images), noise, rng))
    where = sample.sites(seen, found)
    assert texture.noise_sd(where) == pytest.approx(noise, rel=0.04)
    assert air.snr_background(found) == pytest.approx(600 / noise, rel=0.04)


@pytest.mark.parametrize("kind", ["head", "abdomen", "phantom"])
def test_noise_in_anatomy(images, parts, kind):
    # texture and edges are in it: never less, and not much more
    seen, found = parts(images.clean(kind, 2, noise=25.0))
    assert 0.93 * 25 < texture.noise_sd(sample.sites(seen, found)) < 1.25 * 25


def test_noise_is_the_median_of_the_second_difference(images, parts):
    from scipy.ndimage import convolve

    signal = images.magnitude(600.0 * disk(images), 30, np.random.default_rng(3))
    kernel = np.outer([1, -2, 1], [1, -2, 1])[:, :, None]
    inside = disk(images, radius=0.6)
    reference = np.median(np.abs(convolve(signal, kernel))[inside]) / (6 * 0.67449)
    seen, found = parts(signal)
    assert texture.noise_sd(sample.sites(seen, found)) == pytest.approx(reference, rel=0.03)


def test_where_background_was_masked_there_is_no_answer_from_it(images, parts):
    signal = np.where(
        disk(images), images.magnitude(600.0 * disk(images), 20, np.random.default_rng(4)), 0
    )
    _, found = parts(signal)
    assert math.isnan(air.snr_background(found))
    assert math.isnan(air.energy_ratio(found))
    assert math.isnan(air.ghosts(found).along_rows)


@pytest.mark.parametrize("width", [1.5, 2.5, 4.0])
def test_width_of_smoothed_noise(parts, width):
    rng = np.random.default_rng(5)
    mm = (1.0, 1.5, 2.0)
    sigma = [width / 2.3548] * 3
    field = gaussian_filter(rng.normal(size=(128, 128, 24)), sigma, mode="wrap")
    signal = 1000 + 50 * field / field.std()
    seen, found = parts(signal, mm=mm)
    where = sample.sites(seen, found)
    for axis in range(3):
        measured = texture.fwhm(where, axis, mm[axis])
        # scipy's kernel is the Gaussian at whole voxels: below two voxels it is not one
        assert measured == pytest.approx(width * mm[axis], rel=0.12 if width < 2 else 0.06)


def test_blur_widens_and_flattens(images, parts):
    image = images.clean("head", 6, noise=5)
    sharp, soft = [], []
    for blurred, out in ((image, sharp), (gaussian_filter(image, (1.5, 1.5, 0)), soft)):
        seen, found = parts(blurred)
        where = sample.sites(seen, found)
        out += [texture.fwhm(where, 0, 1.0), texture.edge_strength(where, 600, (1, 1, 3))]
    assert soft[0] > 1.3 * sharp[0]
    assert soft[1] < 0.7 * sharp[1]


def test_entropy_of_gradients(images, parts):
    image = images.clean("head", 7, noise=5)
    seen, found = parts(image)
    where = sample.sites(seen, found)
    across = (where.at(0, 1) - where.at(0, -1)) / 2
    down = (where.at(1, 0) - where.at(-1, 0)) / 2
    size = np.hypot(across, down)
    p = size[size > 0] / size.sum()
    expected = -(p * np.log(p)).sum() / np.log(size.size)
    assert texture.gradient_entropy(where) == pytest.approx(expected)
    moved = (image + np.roll(image, 6, axis=1) + np.roll(image, -6, axis=1)) / 3
    seen, found = parts(moved)
    assert texture.gradient_entropy(sample.sites(seen, found)) > expected + 0.005


def test_entropy_focus_is_that_of_mriqc_on_all_voxels(images, parts):
    signal = images.clean("head", 8)
    seen, _ = parts(signal)
    x = signal.ravel()
    total = np.sqrt((x**2).sum())
    root = np.sqrt(x.size)
    most = root * np.log(1 / root)
    expected = np.nansum(x[x > 0] / total * np.log(x[x > 0] / total)) / most
    measured = levels.entropy_focus(levels.levels(seen).all)
    # of the sample: the formula depends a little on the number of voxels
    assert measured == pytest.approx(expected, rel=0.03)


def test_contrast_of_two_tissues(images, parts):
    rng = np.random.default_rng(9)
    i, _, _ = images.axes((160, 160, 8))
    signal = images.magnitude(disk(images) * np.where(i > 0, 800.0, 500.0), 15, rng)
    seen, found = parts(signal)
    noise = texture.noise_sd(sample.sites(seen, found))
    cnr, cjv = levels.contrast(levels.levels(seen).inside, noise)
    assert cnr == pytest.approx(300 / 15, rel=0.06)
    assert cjv == pytest.approx(30 / 300, rel=0.1)


def test_energy_of_object_and_air(images, parts):
    signal = images.magnitude(600.0 * disk(images), 20, np.random.default_rng(10))
    _, found = parts(signal)
    expected = (600**2 + 2 * 20**2) / (2 * 20**2)
    assert air.energy_ratio(found) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("percent", [0.0, 20.0, 60.0])
def test_a_known_field(images, parts, percent):
    rng = np.random.default_rng(11)
    i, j, _ = images.axes((160, 160, 8))
    field = np.exp(np.log1p(percent / 100) * (i + j**2) / 2)
    inside = disk(images)
    _, found = parts(images.magnitude(600.0 * inside * field, 10, rng))
    # the rim of the object is left out
    low, middle, high = np.percentile(field[disk(images, radius=0.66)], (2, 50, 98))
    assert bias.bias_field(found) == pytest.approx(100 * (high - low) / middle, abs=1.5)


@pytest.mark.parametrize("percent", [0.0, 5.0, 15.0])
@pytest.mark.parametrize("phase", ["ROW", "COL"])
def test_ghosts_of_half_the_field_of_view(images, parts, percent, phase):
    rng = np.random.default_rng(12)
    inside = 1.0 * disk(images, radius=0.45)
    ghost = np.roll(inside, 80, axis=0 if phase == "ROW" else 1)
    signal = images.magnitude(600 * (inside + percent / 100 * ghost), 5, rng)
    _, found = parts(signal)
    measured = air.ghosts(found)
    other = {"ROW": "COL", "COL": "ROW"}[phase]
    assert measured.percent(phase) == pytest.approx(percent, rel=0.05, abs=0.3)
    assert measured.percent(other) < 0.2
    assert measured.percent("") == max(measured.percent(phase), measured.percent(other))


def test_what_is_smeared_along_the_phase_axis_lies_in_line_with_the_object(images, parts):
    # lines of k-space at random phase: replicas at all distances, also in the corners of an object
    # that leaves no band of air beside it
    rng = np.random.default_rng(24)
    i, j, _ = images.axes((128, 128, 6))
    inside = 600.0 * (np.hypot(i / 0.8, j / 0.96) < 1)
    lines = np.fft.fft(inside, axis=1)
    chosen = rng.random(128) < 0.2
    turns = np.where(chosen, np.exp(2j * np.pi * rng.random(128)), 1)
    turns[[0, 1, 2, -1, -2]] = 1
    moved = np.fft.ifft(lines * turns[None, :, None], axis=1)
    lost = np.sqrt((abs(lines * (1 - turns[None, :, None])) ** 2).sum() / (abs(lines) ** 2).sum())
    noise = rng.normal(0, 3, (2, *inside.shape))
    measured = air.ghosts(parts(np.abs(moved + noise[0] + 1j * noise[1]))[1])
    still = air.ghosts(parts(np.abs(inside + noise[0] + 1j * noise[1]))[1])
    assert measured.along_columns == pytest.approx(100 * lost, rel=0.5)
    assert abs(still.along_columns) < 0.1 * 100 * lost
    assert measured.along_rows < 0


@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
def test_dark_tissue_is_no_ghost(images, parts, kind):
    measured = air.ghosts(parts(images.clean(kind, 12))[1])
    assert not measured.percent("") > 3


@pytest.mark.parametrize("axis", [0, 1])
def test_an_object_larger_than_the_field_of_view_folds(images, parts, axis):
    rng = np.random.default_rng(13)
    n = 128
    shape = [n, n, 6]
    shape[axis] = 2 * n
    texture_field = gaussian_filter(rng.normal(size=shape), (3, 3, 0))
    i, j, _ = images.axes(shape)
    radii = [0.8, 0.8]
    radii[axis] = 0.6
    wide = (np.hypot(i / radii[0], j / radii[1]) < 1) * (600 + 2000 * texture_field)
    low, high = np.take(wide, range(n // 2), axis), np.take(wide, range(3 * n // 2, 2 * n), axis)
    middle = np.take(wide, range(n // 2, 3 * n // 2), axis)
    folded = middle + np.concatenate([high, low], axis=axis)
    for signal, alike in ((folded, True), (middle, False)):
        seen, found = parts(images.magnitude(signal, 10, rng))
        measured, other = wrap(seen, found, axis), wrap(seen, found, 1 - axis)
        assert measured.contact > 25
        assert (measured.likeness > 0.8 and measured.step < 1.5) == alike
        assert other.contact == 0


def test_a_symmetric_object_that_is_cut_off_does_not_fold(images, parts):
    rng = np.random.default_rng(19)
    i, j, _ = images.axes((128, 128, 6))
    body = (np.abs(i / 1.2) ** 2 + np.abs(j / 0.8) ** 2 < 1) * (600 + 400 * np.cos(9 * j) - 150 * i)
    seen, found = parts(images.magnitude(body, 5, rng))
    measured = wrap(seen, found, 0)
    assert measured.likeness > 0.8
    assert measured.step > 2


@pytest.mark.parametrize("n", [96, 128, 160])
def test_an_object_that_just_fits_does_not_touch_the_border(images, parts, n):
    rng = np.random.default_rng(20)
    seen, found = parts(images.magnitude(images.truth("abdomen", rng, (n, n, 6)), 10, rng))
    assert wrap(seen, found, 0).contact == 0


@pytest.mark.parametrize("percent", [3.0, 10.0])
@pytest.mark.parametrize("kind", ["head", "abdomen", "phantom"])
def test_a_spike_in_one_slice(images, parts, kind, percent):
    rng = np.random.default_rng(14)
    image = images.truth(kind, rng)
    i, j = np.meshgrid(np.arange(112), np.arange(112), indexing="ij")
    wave = np.exp(2j * np.pi * (23 * i + 41 * j) / 112)
    noisy = image + rng.normal(0, 8, image.shape) + 1j * rng.normal(0, 8, image.shape)
    signal = np.median(image[image > 100])
    noisy[:, :, 5] += percent / 100 * signal * wave
    seen, _ = parts(np.abs(noisy))
    spike = spikes.strongest_spike(seen)
    assert spike is not None
    assert (spike.slice, spike.volume) == (5, 0)
    assert spike.ratio > 15
    # in air the magnitude has no stripes, and the window weighs: half to all of what was put in
    assert 0.25 * percent < 100 * spike.stripes / signal < 1.2 * percent


@pytest.mark.parametrize("kind", ["head", "breast", "abdomen", "phantom", "grid"])
def test_no_spike_where_there_is_none(images, parts, kind):
    seen, _ = parts(images.clean(kind, 15, noise=10))
    spike = spikes.strongest_spike(seen)
    assert spike is not None
    assert spike.ratio < 15


def test_jumps_and_interleaving(parts, images):
    image = images.clean("phantom", 16)
    jumped = image.copy()
    jumped[:, :, 6] *= 1.3
    assert slices.largest_jump(parts(image)[0]) < 2
    assert slices.largest_jump(parts(jumped)[0]) == pytest.approx(100 * np.log(1.3), abs=2)
    striped = image * np.where(np.arange(12) % 2, 1.2, 1.0)
    assert slices.interleaving(parts(image)[0]) < 1
    assert slices.interleaving(parts(striped)[0]) == pytest.approx(100 * np.log(1.2), abs=1)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_side_that_lost_its_signal(images, parts, share, axis):
    rng = np.random.default_rng(25)
    image = images.truth("head", rng)
    ramp = np.exp(np.log1p(-share) * images.axes(image.shape)[axis] / 2)
    across, down = bias.tilt(parts(images.magnitude(image * ramp, 5, rng))[1])
    # the object is 0.72 and 0.86 of the image wide
    expected = [0.0, 0.0]
    expected[axis] = 100 * (0.72, 0.86)[axis] * np.log1p(-share)
    assert (across, down) == pytest.approx(expected, abs=9)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", ["head", "phantom"])
def test_dark_slices_between_bright_ones(images, parts, kind, count):
    signal = images.clean(kind, 26)
    assert slices.dropouts(parts(signal)[0], 0.6).lost == ()
    signal[:, :, 4 : 4 + count] *= 0.15
    found = slices.dropouts(parts(signal)[0], 0.6)
    assert found.lost == tuple((0, 4 + i) for i in range(count))
    assert found.percent == 100 * count / 10
    assert found.deepest == pytest.approx(0.15, abs=0.02)


def test_dark_slices_that_are_no_loss(images, parts):
    phantom = images.clean("phantom", 27)
    insert = phantom.copy()
    insert[30:, :, 5] *= 0.1  # an insert takes the place of most of the water, not of all
    every_second = phantom * np.where(np.arange(12) % 2, 0.3, 1.0)
    ends = phantom * np.where((np.arange(12) < 3) | (np.arange(12) > 8), 0.3, 1.0)
    waist = phantom * np.array([1, 1, 1, 0.8, 0.6, 0.45, 0.45, 0.6, 0.8, 1, 1, 1])
    for signal in (insert, every_second, ends, waist):
        assert slices.dropouts(parts(signal)[0], 0.6).lost == ()


def test_a_missing_slice_lost_no_signal(images, parts):
    """It is not there: other checks say so. One beside it that is dark is still seen."""
    signal = images.clean("head", 28)
    signal[:, :, 5] = np.nan
    assert slices.dropouts(parts(signal)[0], 0.6).lost == ()
    signal[:, :, 6] *= 0.15
    assert slices.dropouts(parts(signal)[0], 0.6).lost == ((0, 6),)


@pytest.mark.parametrize("kept", [0.1, 0.4])
def test_dropouts_of_single_volumes(images, parts, kept):
    rng = np.random.default_rng(17)
    image = images.truth("head", rng, (64, 64, 14))
    decay = np.exp(-np.linspace(0, 1.5, 9))
    volumes = images.magnitude(image[..., None] * decay, 8, rng)
    assert slices.dropouts(parts(volumes)[0], 0.6).lost == ()
    volumes[:, :, 7, 4] *= kept
    volumes[:, :, (2, 3), 8] *= kept
    found = slices.dropouts(parts(volumes)[0], 0.6)
    assert set(found.lost) == {(4, 7), (8, 2), (8, 3)}
    assert found.deepest == pytest.approx(kept, abs=0.25)
    assert found.percent == pytest.approx(100 * 3 / found.measured)


def test_constant_slices_only_between_others(images, parts):
    image = images.clean("head", 18)
    image[:, :, 0], image[:, :, -2:] = 0, 0
    assert slices.constant_slices(parts(image)[0]) == ()
    image[:, :, 6] = 0
    assert slices.constant_slices(parts(image)[0]) == ((0, 6),)


def test_thumbnail_keeps_proportions(images):
    signal = np.zeros((100, 50, 3))
    signal[25:75] = 100
    seen = scan(images.stack(signal, mm=(1, 1, 1)))
    picture = np.frombuffer(thumbnail.thumbnail(seen, (1, 1, 1)), np.uint8).reshape(96, 96)
    assert (picture[:24] == 0).all()
    assert (picture[-24:] == 0).all()
    assert picture[48, 48] == 255
    assert picture[48, 2] == 0
    tall = np.frombuffer(thumbnail.thumbnail(seen, (1, 4, 1)), np.uint8).reshape(96, 96)
    assert (tall[:, :23] == 0).all()
    assert tall[5, 48] == 255
