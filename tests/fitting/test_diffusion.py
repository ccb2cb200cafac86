"""Series by direction, trace images and directions, against series made by hand."""

import numpy as np
import pytest

from qiqa.core.errors import FitError
from qiqa.core.maps import FitStatus
from qiqa.core.series import Encoding
from qiqa.fitting import fit, fit_arrays
from qiqa.fitting.diffusion import by_direction, directions_at, geometric_means

ZERO, X, Y, Z = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
D = {X: 2.0e-3, Y: 1.0e-3, Z: 0.4e-3, ZERO: 0.0}
# two unweighted volumes, each direction at two b-values, one of them turned around; mixed up
B = (500.0, 0.0, 1000.0, 500.0, 1000.0, 5.0, 500.0, 1000.0)
DIRECTIONS = (X, ZERO, Y, Y, (-1.0, 0.0, 0.0), ZERO, Z, Z)


def minus(vector):
    return tuple(-x + 0.0 for x in vector)


def along(vector):
    return D[vector] if vector in D else D[minus(vector)]


def volumes(b=B, directions=DIRECTIONS, s0=1000.0):
    """Return the signal (2, 2, 1, n); the second voxel in i has half of it."""
    signal = np.array([s0 * np.exp(-v * along(g)) for v, g in zip(b, directions, strict=True)])
    return np.array([1.0, 0.5])[:, None, None, None] * np.ones((2, 2, 1, 1)) * signal


@pytest.fixture
def series(made_series):
    encoding = Encoding(
        name="b_value", values=B, unit="s/mm²", directions=DIRECTIONS, tr_ms=tuple(range(1, 9))
    )
    return made_series(volumes(), encoding)


def test_by_direction(series):
    parts = by_direction(series)
    assert [part.header.encoding.directions[2] for part in parts] == [X, Y, Z]
    # volumes 1 and 5 are unweighted; 4 is X turned around
    for part, index in zip(parts, ({1, 5, 0, 4}, {1, 5, 2, 3}, {1, 5, 6, 7}), strict=True):
        encoding = part.header.encoding
        assert {frames[0].path for frames in part.header.frames} == {f"{i}.dcm" for i in index}
        assert sorted(encoding.values) == sorted(B[i] for i in index)
        assert sorted(encoding.tr_ms) == sorted(i + 1.0 for i in index)
        assert part.header.shape == part.signal.shape == (2, 2, 1, 4)


def test_by_direction_is_fitted_to_the_diffusivity_along_it(series):
    for part, vector in zip(by_direction(series), (X, Y, Z), strict=True):
        maps = fit(part, "adc_log_linear", noise_sd=None)
        # the volume at b = 5 was made without weighting
        np.testing.assert_allclose(maps.estimate("adc"), D[vector], rtol=0.01)
        assert not part.signal.flags.writeable
        assert f"direction {vector[0]:.2f}" in part.header.description


def test_volumes_stay_with_their_values(series):
    """Each volume of a part is the volume of the series that its value says."""
    for part in by_direction(series):
        encoding = part.header.encoding
        for n, (b, g) in enumerate(zip(encoding.values, encoding.directions, strict=True)):
            expected = 1000.0 * np.exp(-b * along(g))
            assert part.signal[0, 0, 0, n] == pytest.approx(expected, rel=1e-6)


def test_geometric_means(series):
    trace = geometric_means(series)
    assert trace.header.encoding.values == (2.5, 500.0, 1000.0)
    assert trace.header.encoding.directions is None
    assert trace.header.encoding.tr_ms is None
    assert trace.header.shape == trace.signal.shape == (2, 2, 1, 3)
    assert trace.header.component == "tracew"
    assert trace.header.derived
    mean = sum(D.values()) / 3
    for n, b in enumerate((0.0, 500.0, 1000.0)):
        product = np.cbrt(np.prod([1000 * np.exp(-b * D[g]) for g in (X, Y, Z)]))
        assert trace.signal[0, 0, 0, n] == pytest.approx(product, rel=1e-6)
        assert trace.signal[1, 1, 0, n] == pytest.approx(500 * np.exp(-b * mean), rel=1e-6)


def test_trace_gives_the_mean_diffusivity(series):
    maps = fit(geometric_means(series), "adc_log_linear")
    np.testing.assert_allclose(maps.estimate("adc"), (2.0e-3 + 1.0e-3 + 0.4e-3) / 3, rtol=0.01)
    assert [finding.code for finding in maps.findings] == ["averaged_magnitudes"]


def test_trace_of_zeros_is_zero_without_a_warning(made_series):
    signal = volumes()
    signal[0, 0, 0, 3] = 0.0
    encoding = Encoding(name="b_value", values=B, directions=DIRECTIONS)
    trace = geometric_means(made_series(signal, encoding))
    assert trace.signal[0, 0, 0].tolist() == pytest.approx([1000, 0, trace.signal[0, 0, 0, 2]])
    assert np.isfinite(trace.signal[1]).all()


def test_b_values_as_applied_belong_together(made_series):
    """Vendors list 1000 as 995 to 1005; 40 and 60 s/mm² are not the same."""
    b = (0.0, 995.0, 1000.0, 1005.0, 40.0, 65.0)
    encoding = Encoding(name="b_value", values=b, directions=(ZERO, X, Y, Z, X, X))
    signal = volumes(b, encoding.directions)
    trace = geometric_means(made_series(signal, encoding))
    assert trace.header.encoding.values == (0.0, 40.0, 65.0, 1000.0)


@pytest.mark.parametrize(
    ("b", "directions", "count"),
    [
        (B, DIRECTIONS, 3),
        (B, None, 0),
        ((0.0, 1000.0), (ZERO, ZERO), 0),
        ((0.0, 10.0, 1000.0), (X, Y, Z), 1),  # directions of unweighted volumes do not count
        ((0.0, 1000.0, 1000.0), (ZERO, X, minus(X)), 1),
        ((0.0, 1000.0, 1000.0), (ZERO, X, (0.9999, 0.0141, 0.0)), 1),
        ((0.0, 1000.0, 1000.0), (ZERO, X, (0.9848, 0.1736, 0.0)), 2),  # 10 degree
    ],
)
def test_directions_at(b, directions, count):
    assert directions_at(Encoding(name="b_value", values=b, directions=directions)) == count


@pytest.mark.parametrize("function", [by_direction, geometric_means])
@pytest.mark.parametrize("encoding", [Encoding(name="b_value", values=B),
                                      Encoding(name="echo_time", values=B)])  # fmt: skip
def test_without_directions_it_is_refused(made_series, function, encoding):
    with pytest.raises(FitError, match="no diffusion directions") as refused:
        function(made_series(volumes(), encoding))
    assert "fit all volumes together" in str(refused.value)


H = 0.5**0.5
SIX = ((H, H, 0), (H, -H, 0), (H, 0, H), (H, 0, -H), (0, H, H), (0, H, -H))


def tensors(voxels, seed=0):
    """Return random positive tensors (voxels, 3, 3) [mm²/s]."""
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(rng.normal(size=(voxels, 3, 3)))[0]
    own = rng.uniform(0.2e-3, 2.5e-3, (voxels, 3))
    return turned @ (own[:, :, None] * turned.transpose(0, 2, 1)), own


def test_tensor_of_any_orientation():
    """Mean diffusivity and anisotropy are those of the eigenvalues that went in."""
    tensor, own = tensors(200)
    b = np.array([0.0, 0.0, *[700.0] * 6, *[1000.0] * 3])
    g = np.array([ZERO, ZERO, *SIX, X, Y, Z], dtype=float)
    exponent = np.einsum("n,ni,vij,nj->nv", b, g, tensor, g)
    maps = fit_arrays(800 * np.exp(-exponent), "diffusion_tensor", b, directions=g, noise_sd=None)
    assert maps.counts() == {FitStatus.CONVERGED: 200}
    mean = own.mean(axis=1)
    fa = np.sqrt(1.5 * ((own - mean[:, None]) ** 2).sum(axis=1) / (own**2).sum(axis=1))
    np.testing.assert_allclose(maps.estimate("md").ravel(), mean, rtol=1e-4)
    np.testing.assert_allclose(maps.estimate("fa").ravel(), fa, rtol=1e-3)
    np.testing.assert_allclose(maps.estimate("s0").ravel(), 800, rtol=1e-4)


def test_mean_diffusivity_of_the_tensor_is_that_of_the_trace(made_series):
    """Three orthogonal directions, and a tensor from those and six more: the same mean."""
    tensor, own = tensors(1)
    b = np.array([0.0, *[800.0] * 9])
    g = np.array([ZERO, X, Y, Z, *SIX], dtype=float)
    signal = 800 * np.exp(-np.einsum("n,ni,ij,nj->n", b, g, tensor[0], g))
    maps = fit_arrays(signal[:, None], "diffusion_tensor", b, directions=g, noise_sd=None)
    encoding = Encoding(name="b_value", values=tuple(b[:4]), directions=(ZERO, X, Y, Z))
    trace = geometric_means(made_series(signal[None, None, None, :4], encoding))
    adc = fit(trace, "adc_log_linear", noise_sd=None).estimate("adc")[0, 0, 0]
    assert float(adc) == pytest.approx(own.mean(), rel=1e-4)
    assert float(maps.estimate("md")[0, 0, 0]) == pytest.approx(float(adc), rel=1e-4)


@pytest.mark.parametrize("flat", [SIX[:2] * 4, (X, Y, (H, H, 0), (H, -H, 0), (0.6, 0.8, 0),
                                               (0.8, 0.6, 0), X, Y)])  # fmt: skip
def test_directions_in_one_plane_tell_no_tensor(flat):
    b = np.array([0.0, *[800.0] * 8])
    signal = 800 * np.exp(-b * 1e-3)[:, None]
    maps = fit_arrays(
        signal, "diffusion_tensor", b, directions=np.array([ZERO, *flat]), noise_sd=None
    )
    assert maps.counts() == {FitStatus.SINGULAR: 1}
    assert np.isnan(maps.estimates).all()
