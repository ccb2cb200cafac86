"""A kernel is compiled once, whether the signal comes from files or from an array."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, Series, SeriesHeader
from qiqa.fitting import fit, fit_arrays
from qiqa.fitting.loading import handle
from qiqa.fitting.loading import model as load_model
from qiqa.kernels.amplitude import fit_amplitude
from qiqa.kernels.loglinear import fit_log_linear

B = (0.0, 500.0, 1000.0)


@pytest.mark.parametrize(
    ("name", "kernel", "own"),
    [("adc_log_linear", fit_log_linear, False), ("adc", fit_amplitude, True)],
)
def test_a_series_needs_what_an_array_has_compiled(name, kernel, own) -> None:
    signal = 1000 * np.exp(-np.array(B)[:, None] * np.full((1, 300), 1e-3))
    header = SeriesHeader(
        series_uid="1.2.3",
        scanner=Scanner(),
        acquisition=Acquisition(),
        affine=np.eye(4),
        shape=(300, 1, 1, 3),
        encoding=Encoding(name="b_value", values=B, unit="s/mm²"),
        frames=((FrameSource(path="made"),),) * 3,
        slice_positions_mm=(0.0,),
    )
    pixels = np.asfortranarray(signal.T.reshape(300, 1, 1, 3), dtype=np.float32)
    series = Series(header=header, signal=pixels)
    assert not series.signal.flags.writeable

    kind = handle(load_model(name), b1=False).name
    from_array = fit_arrays(signal, name, B, noise_sd=None)
    before = _compiled(kernel, kind if own else None)
    from_series = fit(series, name, noise_sd=None)
    assert before
    assert _compiled(kernel, kind if own else None) == before
    assert np.array_equal(from_array.estimates, from_series.estimates)


def _compiled(kernel, kind: str | None) -> list[str]:
    texts = [str(signature) for signature in kernel.signatures]
    return [text for text in texts if kind is None or f"SignalModel({kind}," in text]
