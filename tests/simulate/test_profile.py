import numpy as np
import pytest

from qiqa.simulate.profile import slice_profile


@pytest.mark.parametrize("shape", ["rect", "sinc", "gaussian"])
@pytest.mark.parametrize("thickness_mm", [5.0, 10.0])
def test_profile_has_unit_area_is_symmetric_and_has_its_width(shape, thickness_mm):
    profile = slice_profile(shape, thickness_mm)
    total = profile.cumulative
    assert total[0] == 0.0
    assert total[-1] == pytest.approx(1.0)
    assert np.allclose(total + total[::-1], 1.0, atol=1e-9)
    density = np.diff(total)
    wide = np.flatnonzero(density >= density.max() / 2)
    assert (wide[-1] - wide[0] + 1) * profile.step_mm == pytest.approx(thickness_mm, rel=2e-3)


def test_sinc_profile_has_soft_flanks_and_gaussian_softer_ones():
    def outside(shape):
        profile = slice_profile(shape, 5.0)
        at = -profile.half_mm + profile.step_mm * np.arange(profile.cumulative.size)
        return 2 * np.interp(-2.5, at, profile.cumulative)

    assert outside("rect") == 0
    assert 0.03 < outside("sinc") < outside("gaussian")
    # Share of a normal distribution beyond half its FWHM.
    assert outside("gaussian") == pytest.approx(0.239, abs=0.002)
