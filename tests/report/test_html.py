"""The page as an independent parser sees it: order, escaping, access, privacy, writing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html.parser
import importlib.resources
import itertools
import re
import subprocess
import sys

import pytest

from qiqa.core.errors import OutputError
from qiqa.core.finding import Finding, Severity
from qiqa.core.scanner import Scanner
from qiqa.report.html import render_html, write_html

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Elements, attributes and text of a page; complains about tags that do not nest."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
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

    def all(self, *tags):
        return [(tag, attrs) for tag, attrs in self.elements if tag in tags]


@pytest.fixture(scope="module")
def page(bad_exam):
    return Page(render_html(bad_exam))


def test_content_comes_in_the_order_people_need_it(page):
    order = [
        "Action needed", "1 of 13 judged values outside the action level", "Still to be entered",
        "MAGNETOM Sola", "What to do", "move the phantom 3.7 mm", "Values",
        "Diameter slice 1, left-right", "Where it was measured", "Diameters, slice 1",
        "Read by eye", "Your initials", "Acquisition", "Intensity normalization",
        "Where the uncertainty comes from", "Everything that was noticed",
        "What this page rests on", "not a medical device",
    ]  # fmt: skip
    place = 0
    for words in order:
        place = page.words.index(words, place)


def test_verdict_is_word_and_symbol_not_only_color(page):
    assert ("h1", {}) in page.elements
    words = page.words
    for shown in ("Pass", "Action", "Tolerance", "Not evaluated", "Recorded"):
        assert shown in words
    outlines = set(re.findall(r'<svg class="icon"[^>]*>(<\w+[^>]*>)', render_all_kinds()))
    assert len(outlines) == 5


def render_all_kinds():
    from qiqa.report.svg import icon

    kinds = ("pass", "tolerance", "action", "not_evaluated", "recorded")
    return "".join(icon(kind) for kind in kinds)


def test_values_limits_and_reasons_are_on_the_page(page):
    for words in (
        "190.21", "± 0.37", "190.00 ± 0.59", "187 to 193", "[84.9, 89.0]", "at most 0.49",
        "63.863021", "slice displaced by +3.7 mm", "to be read by eye and entered",
        "the air bubble, 14 degrees at 12 o'clock, was left out", "k = 2.18 (12 df)",
        "unit J10412", "October 2022", "grid type",
    ):  # fmt: skip
        assert words in page.words, words


def test_entered_values_are_shown_and_open_ones_leave_room(page):
    assert "21.5" in page.words
    blanks = [a for _, a in page.all("span") if a.get("class") == "blank"]
    assert len(blanks) == 5
    assert "Your initials (required)" in page.words


# --- hostile headers --------------------------------------------------------------------------

ATTACKS = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "</title></style></textarea><iframe src=//evil.example>",
    "{{ 7 * 191 }}{% raw %}",
    "javascript:alert(1)",
]


@pytest.fixture(scope="module")
def attacked(make):
    text = " ".join(ATTACKS)
    base = make.exam(roles=("T1",))
    picture = make.replace(
        base.evidence[2],
        title=text, caption=text,
        shapes=tuple(make.replace(s, label=ATTACKS[0]) for s in base.evidence[2].shapes),
        plots=tuple(
            make.replace(
                p, x_label=ATTACKS[0], y_label=ATTACKS[2],
                curves=tuple(make.replace(c, label=ATTACKS[1]) for c in p.curves),
                markers=tuple(make.replace(m, label=ATTACKS[0]) for m in p.markers),
            )
            for p in base.evidence[2].plots
        ),
    )  # fmt: skip
    series = make.series("T1", description=text, deviations=(text,), failure=text)
    acquisition = make.replace(series.acquisition, software=text, coil=text, sequence=text)
    m = make.replace(
        base.assessments[0].measurement, assumptions=(text,), algorithm=text, unit=ATTACKS[0],
        role=ATTACKS[0], name=ATTACKS[0],
    )  # fmt: skip
    return make.replace(
        base,
        scanner=Scanner(manufacturer=text, model=text, serial_number=text, station=text),
        phantom_unit=text,
        series=(make.replace(series, acquisition=acquisition),),
        assessments=(make.replace(base.assessments[0], measurement=m, reason=text),),
        evidence=(make.replace(picture, measurements=(m.name,)),),
        findings=(
            Finding(code=text, severity=Severity.ERROR, message=text, hint=text, where=text),
        ),
        entries=(("initials", text), ("phantom_unit", text)),
        provenance=make.replace(
            base.provenance, user=text, algorithms=(text,), parameters=((text, text),),
            versions=((text, text),),
            inputs=(make.replace(base.provenance.inputs[0], path=text, sha256=text),),
        ),
    )  # fmt: skip


def test_no_header_becomes_markup(attacked):
    source = render_html(attacked, store_label=" ".join(ATTACKS))
    page = Page(source)
    allowed = {
        "html", "head", "meta", "title", "style", "body", "main", "header", "div", "h1", "h2", "h3",
        "p", "dl", "dt", "dd", "bdi", "section", "ul", "ol", "li", "b", "span", "table", "thead",
        "tbody", "tr", "th", "td", "sup", "figure", "figcaption", "details", "summary", "code",
        "footer", "svg", "path", "circle", "rect", "text", "image",
    }  # fmt: skip
    assert {tag for tag, _ in page.elements} <= allowed
    attributes = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    addresses = [a[k] for _, a in page.elements for k in ("href", "src") if k in a]
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert "{{ 7 * 191 }}" in page.words
    assert "1337" not in page.words
    assert "<img src=x onerror=alert(1)>" in page.words


def test_the_only_style_is_our_own(attacked):
    source = render_html(attacked)
    own = importlib.resources.files("qiqa.report").joinpath("templates", "qc.css")
    styles = re.findall(r"<style>(.*?)</style>", source, flags=re.DOTALL)
    assert [s.strip() for s in styles] == [own.read_text(encoding="utf-8").strip()]


def test_nothing_is_loaded_from_anywhere(bad_exam):
    source = render_html(bad_exam)
    assert "http://" not in source
    assert "https://" not in source
    assert "url(" not in source
    assert "@import" not in source
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', source)
    assert policy[1] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ACR\x00 T1\x1b[31m", "ACR T1[31m"),
        ("line\r\nbreak\u2028end", "line break end"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("בדיקת פנטום", "בדיקת פנטום"),
        ("\udcff lone", "lone"),
    ],
)
def test_odd_characters(make, text, shown):
    exam = make.exam(roles=("T1",), series=(make.series("T1", description=text),))
    source = render_html(exam)
    source.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", source)
    assert shown in Page(source).words


def test_right_to_left_text_is_isolated(make):
    exam = make.exam(roles=("T1",), series=(make.series("T1", description="בדיקה"),))
    assert "<bdi>בדיקה</bdi>" in render_html(exam)


def test_endless_text_is_cut_where_one_can_see_it(make):
    exam = make.exam(roles=("T1",), series=(make.series("T1", description="x" * 100_000),))
    longest = max(re.findall(r"x+…?", Page(render_html(exam)).words), key=len)
    assert longest == "x" * 599 + "…"


# --- privacy -----------------------------------------------------------------------------------


def test_folders_of_input_files_stay_at_home(bad_exam, make):
    finding = Finding(
        code="unreadable_file", severity=Severity.WARNING, message="cannot be read",
        where="C:\\archive\\DOE^JANE\\IM0001.dcm",
    )  # fmt: skip
    source = render_html(make.replace(bad_exam, findings=(finding,)))
    assert "DOE^" not in source
    assert "IM0001.dcm" in source


def test_unique_identifiers_stay_at_home(bad_exam):
    assert "1.2.3.T1" not in render_html(bad_exam)


# --- access ------------------------------------------------------------------------------------


def test_page_can_be_read_aloud(page):
    assert page.elements[0] == ("html", {"lang": "en"})
    levels = [int(tag[1]) for tag, _ in page.all("h1", "h2", "h3")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(attrs.get("scope") in {"col", "row"} for _, attrs in page.all("th"))
    for _, attrs in page.all("svg"):
        spoken = attrs.get("role") == "img" and len(attrs.get("aria-label", "")) > 10
        assert spoken or attrs.get("aria-hidden") == "true"
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a} <= set(ids)


def test_pictures_say_what_is_drawn(page):
    labels = [attrs["aria-label"] for _, attrs in page.all("svg") if "aria-label" in attrs]
    assert (
        "Diameters, slice 1, T1. Drawn on it: 1 marked as border found; "
        "2 marked as distance measured (190.2 mm and 190.4 mm); 1 marked as left out (air)."
    ) in labels


def _luminance(color):
    """Return relative luminance (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_of_every_ink_on_every_ground():
    css = importlib.resources.files("qiqa.report").joinpath("templates", "qc.css")
    source = css.read_text(encoding="utf-8")
    inks = dict(re.findall(r"--(ink|soft|pass|tolerance|action|open): (#\w{6})", source))
    assert len(inks) == 6
    grounds = {*re.findall(r"background: (#\w{6})", source), "#ffffff"} - {"#000000"}
    assert len(grounds) == 5
    for ink in inks.values():
        for ground in grounds:
            dark, bright = sorted((_luminance(ink), _luminance(ground)))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


# --- writing -----------------------------------------------------------------------------------


def test_write_gives_the_file_and_leaves_nothing_else(bad_exam, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    assert write_html(bad_exam, path, store_label="history.sqlite, exam 12") == path
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert "history.sqlite, exam 12" in path.read_text(encoding="utf-8")


def test_missing_folder_is_said(bad_exam, tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        write_html(bad_exam, tmp_path / "nowhere" / "report.html")


def test_place_taken_by_a_folder(bad_exam, tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_html(bad_exam, tmp_path / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from qiqa.core.errors import OutputError
from qiqa.report.files import write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_whole(Path(sys.argv[1]), bytes(100_000))
except OutputError as error:
    sys.exit(0 if "File too large" in str(error) else 2)
sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit to set on Windows")
def test_no_room_keeps_the_old_file_and_leaves_no_half_one(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], check=False, timeout=60)
    assert done.returncode == 0
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_page_needs_no_plotting_library():
    code = "import sys, qiqa.report.html; sys.exit(any(m in sys.modules for m in sys.argv[1:]))"
    heavy = ["matplotlib", "scipy", "numpy.ma", "pydicom", "numba", "sqlalchemy"]
    assert subprocess.run([sys.executable, "-c", code, *heavy], check=False).returncode == 0


def test_size(bad_exam):
    assert len(render_html(bad_exam).encode()) < 1_500_000


def test_same_result_gives_the_same_bytes(bad_exam):
    assert render_html(bad_exam) == render_html(bad_exam)


# --- exams with little in them -------------------------------------------------------------------


def test_exam_without_anything(make):
    exam = make.exam(
        roles=(), acquired_at=None, scanner=Scanner(), phantom_unit=None, entries=(), findings=(),
    )  # fmt: skip
    page = Page(render_html(exam))
    assert "No verdict" in page.words
    assert "No value could be judged." in page.words
    assert "Series the protocol asks for and that is not here: localizer and T1." in page.words
    assert "date not stated in the images" in page.words
    assert "SN unknown" in page.words


def test_series_in_which_the_phantom_was_not_found(make):
    lost = make.series("T1", pose=None, failure="no circle of 190 mm in any slice")
    exam = make.exam(roles=(), series=(lost,))
    words = Page(render_html(exam)).words
    assert "T1: no circle of 190 mm in any slice" in words
    assert "phantom not found in this series" in words


def test_date_of_an_anonymizer(make):
    exam = make.exam(roles=("T1",), acquired_at=dt.datetime(1, 1, 1))
    render_html(exam)


def test_every_field_of_the_acquisition_that_is_stated_is_shown(make):
    from qiqa.core.scanner import Acquisition
    from qiqa.report.details import acquisition_facts

    assert acquisition_facts(Acquisition(), (1.0, 1.0, 1.0)) == [("Pixel", "1 × 1 mm")]
    labels = dict(acquisition_facts(make.series("T2").acquisition, (0.9766, 0.9766, 10.0)))
    assert labels["TR / TE"] == "2000 / 80 ms"
    assert dataclasses.fields(Acquisition)
