"""The page of a fit as an independent parser sees it, and its pictures as Pillow reads them."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

from qiqa.core.errors import OutputError
from qiqa.core.finding import Finding, Severity
from qiqa.core.fit_evidence import FitEvidence, MapResult, ParameterSummary, SampleCurve
from qiqa.core.maps import FitStatus, Parameter, ParameterMaps
from qiqa.core.result import Provenance
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, SeriesHeader, SourceFile
from qiqa.report.map_pictures import STATUS_COLORS, map_slice, robust_window, status_slice
from qiqa.report.map_words import STATUS_WORDS, percent, with_error
from qiqa.report.maps import render_map_html, write_map_html

TI = (35.0, 75.0, 150.0, 300.0, 500.0, 750.0, 1000.0, 1500.0, 2250.0, 3000.0)
SHAPE = (96, 80, 3)
VIALS = (21.0, 60.0, 120.0, 240.0, 480.0, 700.0, 990.0, 1400.0, 1880.0)
UNANSWERED = (FitStatus.NOISE_FLOOR, FitStatus.SATURATED, FitStatus.AT_BOUND)


def header(**fields):
    given = {
        "series_uid": "1.2.3",
        "description": "T1_VIR",
        "scanner": Scanner(manufacturer="SIEMENS", model="Skyra", field_strength_t=3.0),
        "acquisition": Acquisition(tr_ms=4500.0, acquired_at=dt.datetime(2019, 9, 14, 10, 2)),
        "affine": np.diag([1.5, 1.5, 6.0, 1.0]),
        "shape": (*SHAPE, len(TI)),
        "encoding": Encoding(name="inversion_time", values=TI, unit="ms"),
        "frames": tuple((FrameSource(path="a.dcm"),) * SHAPE[2] for _ in TI),
        "slice_positions_mm": (0.0, 6.0, 12.0),
    }
    return SeriesHeader(**{**given, **fields})


def parameter_maps(**fields):
    """Vials of known T1 in water that has no answer, in air at the noise floor."""
    rng = np.random.default_rng(3)
    i, j = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    t1 = np.full(SHAPE, np.nan, dtype=np.float32)
    status = np.full(SHAPE, FitStatus.NOISE_FLOOR, dtype=np.uint8)
    inside = np.hypot(i - 48, j - 40) < 36
    status[inside] = FitStatus.AT_BOUND
    for number, value in enumerate(VIALS):
        angle = 2 * np.pi * number / len(VIALS)
        vial = np.hypot(i - 48 - 25 * np.cos(angle), j - 40 - 25 * np.sin(angle)) < 7
        for k in range(SHAPE[2]):
            t1[vial, k] = value * (1 + 0.01 * rng.normal(size=int(vial.sum())))
        status[vial] = FitStatus.CONVERGED
    status[46:50, 38:42] = FitStatus.SATURATED
    m0 = np.where(np.isfinite(t1), 1000.0, np.nan).astype(np.float32)
    estimates = np.stack([t1, m0])
    given = {
        "model": "t1_inversion_recovery",
        "method": "least squares, one nonlinear parameter",
        "algorithm": "varpro/1",
        "parameters": (
            Parameter(name="t1", unit="ms", bids="T1map"),
            Parameter(name="m0", unit="signal", bids="M0map"),
        ),
        "estimates": estimates,
        "standard_errors": (0.012 * estimates).astype(np.float32),
        "residual_sd": np.where(np.isfinite(t1), 9.0, np.nan).astype(np.float32),
        "n_used": np.full(SHAPE, 10, dtype=np.uint16),
        "status": status,
        "affine": np.diag([1.5, 1.5, 6.0, 1.0]),
        "header": header(),
        "noise_sd": 9.1,
        "noise_source": "residuals of the fit",
        "n_points": 10,
        "n_clipped": 160,
        "n_floor": 3,
    }
    return ParameterMaps(**{**given, **fields})


def sample(t1, voxel, used=(True,) * 10):
    x = np.linspace(TI[0], TI[-1], 100)

    def signal(ti):
        return np.abs(1000 * (1 - 2 * np.exp(-np.asarray(ti) / t1)))

    return SampleCurve(
        voxel=voxel,
        estimate=t1,
        standard_error=0.012 * t1,
        x=TI,
        y=tuple(signal(TI) + np.random.default_rng(1).normal(0, 9, 10)),
        used=used,
        curve_x=tuple(x),
        curve_y=tuple(signal(x)),
    )


def evidence(maps=None, **fields):
    maps = maps or parameter_maps()
    summaries = []
    for parameter in maps.parameters:
        values = maps.estimate(parameter.name)
        values = values[np.isfinite(values)]
        quantiles = np.percentile(values, (5, 25, 50, 75, 95)) if values.size else [np.nan] * 5
        names = ("p5", "p25", "median", "p75", "p95")
        summaries.append(
            ParameterSummary(
                name=parameter.name,
                unit=parameter.unit,
                n=values.size,
                median_standard_error=0.012 * float(quantiles[2]),
                **dict(zip(names, map(float, quantiles), strict=True)),
            )
        )
    given = {
        "label": "",
        "maps": maps,
        "title": "Inversion recovery, polarity restored",
        "equation": "S = |M0 (1 - (1 + f) exp(-TI / T1))|",
        "references": ("Barral et al., Magn Reson Med 64:1057 (2010)",),
        "summaries": tuple(summaries),
        "slices": (0, 1, 2),
        "image": np.nan_to_num(maps.estimates[-1]),
        "image_label": "inversion time 3000 ms",
        "x_label": "inversion time [ms]",
        "curves": (
            sample(60.0, (67, 56, 1), (False, *(True,) * 9)),
            sample(480.0, (24, 48, 1)),
            sample(1400.0, (48, 16, 0)),
        ),
        "seconds": 0.31,
    }
    return FitEvidence(**{**given, **fields})


def result(**fields):
    given = {
        "quantity": "t1",
        "model": "t1_inversion_recovery",
        "why": "10 inversion times 35 to 3000 ms, one TR 4500 ms, magnitude: inversion recovery "
        "with polarity restored",
        "header": header(),
        "fits": (evidence(),),
        "findings": (
            Finding(
                code="clipped",
                severity=Severity.WARNING,
                message="160 points are clipped at 4095",
                hint="lower the receiver gain",
            ),
        ),
        "provenance": Provenance(
            inputs=(SourceFile(path="/archive/DOE^JANE/IM1.dcm", sha256="ab" * 32),),
            definitions=(),
            versions=(("qiqa", "0.1.0"), ("numpy", "2.2.1")),
            algorithms=("varpro/1",),
            parameters=(),
            user="mphys",
            created_at=dt.datetime(2026, 11, 20, 8, 3, 11, tzinfo=dt.UTC),
        ),
    }
    return MapResult(**{**given, **fields})


class Page(html.parser.HTMLParser):
    """Elements and text of a page; complains about tags that do not nest."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page():
    return Page(render_map_html(result()))


def test_it_says_what_was_fitted_and_why(page):
    for words in (
        "10 inversion times 35 to 3000 ms, one TR 4500 ms, magnitude",
        "Inversion recovery, polarity restored.",
        "S = |M0 (1 - (1 + f) exp(-TI / T1))|",
        "Barral et al.",
        "noise SD 9.10 signal units (residuals of the fit)",
        "160 points are clipped at 4095",
        "SIEMENS Skyra 3 T",
        "varpro/1",
    ):
        assert words in page.words


def test_the_values_are_those_given(page):
    item = result().fits[0].summaries[0]
    assert f"{item.median:.1f}" in page.words
    assert f"{item.p95:.0f}" in page.words
    assert f"in {item.n:,} voxels" in page.words


def test_every_status_that_occurs_is_counted(page):
    counts = parameter_maps().counts()
    assert len(counts) == 4
    for status, count in counts.items():
        assert f"{status.words} {count:,} " in page.words
        assert STATUS_WORDS[status] in page.words
    assert "converged" in page.words
    assert "non finite" not in page.words


def test_points_left_out_are_counted_and_drawn_hollow(page):
    # a voxel that was given up has its status; its points are not counted again
    answered = 10 * int(np.isfinite(result().fits[0].maps.estimate("t1")).sum())
    assert f"160 of the {answered:,} points of voxels with answer" in page.words
    circles = [attrs["class"] for tag, attrs in page.elements if tag == "circle"]
    assert circles.count("hollow") == 1
    assert circles.count("dots") == 29


def test_nothing_is_loaded_from_anywhere_and_nothing_runs():
    source = render_map_html(result())
    assert "<script" not in source
    for address in re.findall(r'(?:src|href)="([^"]*)"', source):
        assert address.startswith("data:image/png;base64,")
    assert "url(" not in source


def test_headers_are_escaped_and_folders_are_not_shown():
    evil = '<script>alert("x")</script>'
    shown = result(
        header=header(description=evil),
        why=evil,
        findings=(Finding(code="x", severity=Severity.INFO, message=evil, where=evil),),
    )
    source = render_map_html(shown)
    assert "<script" not in source
    assert Page(source).words.count("alert(") == 5
    assert "DOE" not in source


def test_a_fit_without_any_answer_still_gives_a_page():
    maps = parameter_maps()
    nothing = dataclasses.replace(
        maps,
        estimates=np.full_like(maps.estimates, np.nan),
        standard_errors=None,
        residual_sd=None,
        status=np.full(SHAPE, FitStatus.SINGULAR, dtype=np.uint8),
    )
    page = Page(render_map_html(result(fits=(evidence(nothing, curves=()),))))
    assert "No voxel has an answer" in page.words
    assert "singular 23,040 100 %" in page.words
    assert "nan" not in page.words.lower().replace("nan or", "")


def test_standard_errors_that_are_unknown_are_not_drawn():
    maps = dataclasses.replace(parameter_maps(), standard_errors=None)
    words = Page(render_map_html(result(fits=(evidence(maps),)))).words
    assert "Standard error of" not in words


def pixels(drawing):
    """Return the first image of a drawing as Pillow reads it, (rows, columns, 3)."""
    data = re.search(r'base64,([^"]+)"', drawing).group(1)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_a_map_is_drawn_the_right_way_round_in_viridis():
    values = np.full((4, 3), np.nan, dtype=np.float32)
    values[3, 0], values[0, 2], values[1, 1] = 10.0, 20.0, 99.0
    seen = pixels(map_slice(values, (10.0, 20.0), 1.0, "x"))
    assert seen.shape == (3, 4, 3)  # rows, columns
    # ends of matplotlib's viridis
    assert seen[0, 3].tolist() == [0x44, 0x01, 0x54]
    assert seen[2, 0].tolist() == [0xFD, 0xE7, 0x25]
    assert seen[1, 1].tolist() == seen[2, 0].tolist()  # beyond the window: its end
    assert seen[0, 0].tolist() == [227, 230, 234]  # no answer is no color of the scale


def test_each_status_has_its_own_color():
    status = np.arange(len(FitStatus), dtype=np.uint8)[:, None]
    seen = pixels(status_slice(status, 1.0, "x"))[0]
    assert len({tuple(color) for color in seen.tolist()}) == len(FitStatus)
    assert seen[FitStatus.CONVERGED].tolist() == list(
        bytes.fromhex(STATUS_COLORS[FitStatus.CONVERGED][1:])
    )


def test_the_window_leaves_outliers_aside_and_always_has_extent():
    values = np.append(np.linspace(100, 200, 1000), [1e9, np.nan]).astype(np.float32)
    low, high = robust_window(values)
    assert 100 < low < 105
    assert 195 < high < 200
    low, high = robust_window(np.full(5, 7.0, dtype=np.float32))
    assert low < 7 < high
    assert robust_window(np.full(5, np.nan, dtype=np.float32)) == (0.0, 1.0)


def test_shares_are_never_rounded_to_all_or_nothing():
    assert percent(1, 1_000_000) == "below 0.1 %"
    assert percent(999_999, 1_000_000) == "above 99.9 %"
    assert percent(0, 10) == "0.0 %"
    assert percent(10, 10) == "100 %"
    assert percent(1, 0) == "—"


def test_adc_is_shown_in_square_micrometers():
    assert with_error(1.10925e-3, 1.3e-5, "mm²/s") == "1109 ± 13 µm²/s"


def test_it_is_written_whole_or_not_at_all(tmp_path):
    path = write_map_html(result(), tmp_path / "T1map.html")
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [p.name for p in tmp_path.iterdir()] == ["T1map.html"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_map_html(result(), tmp_path / "no" / "T1map.html")
