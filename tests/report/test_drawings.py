"""Pictures and plots: coordinates, gaps, labels, and the figure for notebooks."""

from __future__ import annotations

import io
import itertools
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from qiqa.core.evidence import Curve, Evidence, Marker, Plot, Shape
from qiqa.report.details import pictures
from qiqa.report.figures import figure, write_png
from qiqa.report.pictures import legend, picture
from qiqa.report.plots import plot, sparkline
from qiqa.report.summary import rows
from qiqa.report.svg import nice_ticks, path


def one(**fields):
    given = {"title": "t", "measurements": (), "series_uid": "1",
             "image": np.zeros((20, 40), np.float32)}  # fmt: skip
    return Evidence(**{**given, **fields})


def test_first_pixel_has_its_center_at_zero():
    root = ET.fromstring(picture(one(), "label"))  # noqa: S314 - our own text
    assert root.attrib["viewBox"] == "-0.5 -0.5 40 20"
    image = root.find("image")
    assert (image.attrib["x"], image.attrib["width"], image.attrib["height"]) == (
        "-0.5",
        "40",
        "20",
    )


def test_shapes_lie_where_they_were_measured():
    shape = Shape(kind="polygon", points=((3.0, 4.0), (10.25, 4.0), (10.25, 12.5)))
    drawing = picture(one(shapes=(shape,)), "label")
    assert 'class="s-roi" d="M3 4L10.25 4L10.25 12.5Z"' in drawing


def test_every_role_has_its_own_dash_or_weight():
    css = {role: sample for (sample, _), role in zip(legend_all(), ROLES, strict=True)}
    assert len(set(css.values())) == 5


ROLES = ("roi", "edge", "length", "excluded", "note")


def legend_all():
    return legend(list(ROLES))


def test_styles_differ_without_color():
    import importlib.resources

    source = importlib.resources.files("qiqa.report").joinpath("templates", "qc.css")
    styles = re.findall(
        r"\.s-\w+ \{ stroke: #\w+; (.*?) \}", source.read_text(encoding="utf-8").split("@media")[0]
    )
    assert len(styles) == 5
    assert len(set(styles)) == 5


def test_measured_distance_has_bars_across_its_ends():
    shape = Shape(kind="line", points=((5.0, 10.0), (35.0, 10.0)), role="length")
    drawing = picture(one(shapes=(shape,)), "label")
    assert 'class="s-length" d="M5 9.2L5 10.8"' in drawing
    assert 'class="s-length" d="M35 9.2L35 10.8"' in drawing


def test_labels_do_not_cover_each_other():
    shapes = tuple(
        Shape(kind="line", points=((100.0, 50.0), (130.0, 50.0)), label=f"label {i}")
        for i in range(3)
    )
    drawing = picture(one(image=np.zeros((256, 256), np.float32), shapes=shapes), "label")
    root = ET.fromstring(drawing)  # noqa: S314 - our own text
    labels = [t for t in root.iter("text") if t.text.startswith("label")]
    heights = sorted(float(t.attrib["y"]) for t in labels)
    size = float(labels[0].attrib["font-size"])
    assert all(b - a >= size * 0.99 for a, b in itertools.pairwise(heights))


def test_labels_stay_inside_the_image():
    shape = Shape(kind="points", points=((0.0, 0.0),), label="a rather long label")
    root = ET.fromstring(picture(one(shapes=(shape,)), "x"))  # noqa: S314 - our own text
    label = next(t for t in root.iter("text") if t.text == "a rather long label")
    assert 0 < float(label.attrib["x"]) < 40
    assert 0 < float(label.attrib["y"]) < 20


def test_scale_bar_is_as_long_as_it_says():
    drawing = picture(one(image=np.zeros((256, 256), np.float32), pixel_mm=0.9766), "x")
    x0, x1 = re.search(r'class="scale" d="M([\d.]+) [\d.]+L([\d.]+)', drawing).groups()
    assert (float(x1) - float(x0)) * 0.9766 == pytest.approx(50.0, abs=0.02)
    assert "50 mm" in drawing


def test_evidence_without_image_draws_its_plots_only(bad_exam, make):
    alone = make.replace(bad_exam.evidence[2], image=None)
    (shown,) = pictures(make.replace(bad_exam, evidence=(alone,)), rows(bad_exam, ())[0])
    assert shown.image == ""
    assert len(shown.plots) == 1


def test_unknown_role_and_broken_points_do_no_harm():
    shapes = (
        Shape(kind="polygon", points=((math.nan, 1.0), (2.0, 2.0), (3.0, math.inf)), role="new"),
        Shape(kind="line", points=(), role="length", label="empty"),
        Shape(kind="line", points=((1.0, 1.0),), role="length"),
        Shape(kind="line", points=((1.0, 1.0), (1.0, 1.0)), role="length"),
    )
    drawing = picture(one(shapes=shapes), "x")
    assert "nan" not in drawing
    assert "inf" not in drawing
    assert "s-note" in drawing


def test_values_beside_their_picture_come_from_the_same_series(make):
    exam = make.exam(roles=("T1", "T2"))
    shown = pictures(exam, rows(exam, ())[0])
    for item in shown:
        role = item.subtitle.partition(",")[0]
        assert {row.cells.series for row in item.values} == {role}
    assert [row.cells.name for row in shown[2].values] == ["slice_thickness"]


# --- plots ---------------------------------------------------------------------------------------


def test_gap_in_the_data_is_a_gap_in_the_line():
    gap = path(((0.0, 0.0), (1.0, 1.0), (math.nan, 2.0), (3.0, 3.0), (4.0, 4.0)), "c")
    assert gap == '<path class="c" d="M0 0L1 1M3 3L4 4"/>'


def test_ticks_are_round_and_few():
    for low, high in ((0.0, 1.0), (-3.2, 4.7), (1e-6, 3e-6), (63.86, 63.87), (-1e9, 1e9)):
        ticks = nice_ticks(low, high)
        assert 2 <= len(ticks) <= 5
        assert all(low <= t <= high for t in ticks)
        steps = np.diff(ticks)
        assert np.ptp(steps) <= 1e-9 * abs(steps[0]) + 1e-12 * max(abs(low), abs(high))
    assert nice_ticks(1.0, 1.0) == []
    assert nice_ticks(math.nan, 1.0) == []


def test_empty_plot_draws_nothing():
    assert plot(Plot(x_label="x", y_label="y", curves=()), "p") == ""
    nothing = Curve(x=(1.0, 2.0), y=(math.nan, math.nan))
    assert plot(Plot(x_label="x", y_label="y", curves=(nothing,)), "p") == ""


def test_flat_curve_is_drawn():
    flat = Curve(x=(1.0, 1.0), y=(3.0, 3.0), role="fit")
    drawing = plot(Plot(x_label="x", y_label="y", curves=(flat,)), "p")
    assert "c-fit" in drawing
    assert "nan" not in drawing


def test_a_peak_among_many_points_is_kept():
    y = np.zeros(20_000)
    y[12_345] = 7.0
    curve = Curve(x=tuple(range(20_000)), y=tuple(y))
    drawing = plot(Plot(x_label="x", y_label="y", curves=(curve,)), "p")
    d = re.search(r'class="c-data" d="([^"]+)"', drawing)[1]
    heights = [float(h) for h in re.findall(r"[ML][\d.]+ ([\d.]+)", d)]
    assert len(heights) < 1300
    assert min(heights) < max(heights) - 50


def test_markers_stand_at_their_place():
    curve = Curve(x=(0.0, 10.0), y=(0.0, 1.0))
    drawing = plot(
        Plot(x_label="x", y_label="y", curves=(curve,), markers=(Marker(x=5.0, label="edge"),)), "p"
    )
    frame = re.search(r'class="axis" d="M([\d.]+) [\d.]+L([\d.]+)', drawing)
    middle = (float(frame[1]) + float(frame[2])) / 2
    at = float(re.search(r'class="marker" d="M([\d.]+)', drawing)[1])
    assert at == pytest.approx(middle, abs=0.1)
    assert ">edge</text>" in drawing


def test_sparkline_of_nothing():
    assert sparkline((), (), None, "x") == ""


# --- figures for notebooks ---


def test_figure_holds_image_and_plots(bad_exam):
    made = figure(bad_exam.evidence[2])
    assert len(made.axes) == 2
    assert made.axes[1].get_xlabel() == "position along the ramp [mm]"


def test_figure_without_anything():
    assert figure(one(image=None)).axes == []


def test_text_is_no_formula(tmp_path):
    write_png(one(title="a $\\frac{1$ b", caption="$x"), tmp_path / "f.png")


def test_png_file_is_readable(bad_exam, tmp_path):
    path_ = write_png(bad_exam.evidence[0], tmp_path / "diameters.png", dots_per_inch=50)
    assert Image.open(io.BytesIO(path_.read_bytes())).size == (210, 220)
