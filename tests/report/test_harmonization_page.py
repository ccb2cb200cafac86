"""The page on a harmonization: answer first, nothing invented, nothing that text can break."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from qiqa.core.diagnosis import (
    BatchAuc,
    FeatureTests,
    HarmonizationDiagnosis,
    InjectedEffect,
    KeptEffect,
    Leak,
    Placebo,
    Predictability,
    SiteAnswer,
)
from qiqa.core.errors import OutputError
from qiqa.report.harmonization_page import render_harmonization, write_harmonization

HOSTILE = "</title><script>alert(1)</script>{{ 7 * 191 }}<img src=x onerror=alert(1)>"
NAN = math.nan


def told(model, auc, **more):
    return Predictability(
        model=model,
        auc=auc,
        standard_error=0.01,
        interval=(auc - 0.02, auc + 0.02),
        p=1 / 60,
        permutations=59,
        folds=5,
        rows=120,
        subjects=110,
        refitted=more.pop("refitted", True),
        batches=tuple(
            BatchAuc(batch=name, subjects=size, auc=auc, standard_error=0.03)
            for name, size in (("Lund", 60), ("Cardiff", 50))
        ),
        leaks=(Leak(feature="fber", auc_lost=0.123), Leak(feature="cnr", auc_lost=0.01)),
        **more,
    )


def row_of(feature, q):
    return FeatureTests(
        feature=feature, n=110, kruskal_p=q, epsilon_squared=0.4, additive_p=q,
        multiplicative_p=q, variance_ratio=3.2, kruskal_q=q, additive_q=q, multiplicative_q=q,
    )  # fmt: skip


@pytest.fixture
def diagnosis():
    models = ("linear", "quadratic", "trees")
    ends = (0.95, 1.05)
    return HarmonizationDiagnosis(
        answer=SiteAnswer.STILL_SEEN,
        headline="The site is still seen by nonlinear models",
        reasons=("trees: AUC 0.944",),
        help=("leave fber out",),
        over_corrected=(),
        warnings=("linear: below chance",),
        batch_name="site",
        batches=(("Lund", 60), ("Cardiff", 50)),
        rows=120,
        subjects=110,
        features=2,
        before=tuple(told(m, 0.97) for m in models),
        after=tuple(told(m, a) for m, a in zip(models, (0.501, 0.812, 0.944), strict=True)),
        after_all_rows=tuple(told(m, 0.31, refitted=False) for m in models),
        tests_before=(row_of("cnr", 0.0001), row_of("fber", 0.0001)),
        tests_after=(row_of("cnr", 0.9), row_of("fber", NAN)),
        rank_kept=(("cnr", 1.0, 0.99), ("fber", 0.987, 0.9)),
        interest="age",
        kept=(
            KeptEffect(
                feature="cnr", unit="age per SD of 9.1", before=0.4, before_interval=(0.2, 0.6),
                after=0.3, after_interval=(0.1, 0.5), before_q=0.01,
            ),
        ),
        kept_share=0.83,
        kept_interval=(0.7, 0.95),
        injected=InjectedEffect(
            size_sd=0.5, draws=10, share=1.02, share_interval=ends, share_of_scatter=0.98,
            share_of_scatter_interval=ends, batch_range=(0.61, 1.86),
            features=(("cnr", 0.97), ("fber", 0.99)),
        ),
        placebo=Placebo(
            batch="Lund", subjects=60, draws=5, correction_sd=0.17, by_chance_sd=0.18,
            real_correction_sd=1.85,
        ),
        method="means and SDs",
    )  # fmt: skip


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1]))


def test_the_answer_is_the_headline_and_numbers_are_those_given(diagnosis):
    page = render_harmonization(diagnosis)
    assert '<header class="hero action">' in page
    assert '<h1 class="long">The site is still seen by nonlinear models</h1>' in page
    shown = words(page)
    for expected in (
        "0.944 [0.924, 0.964]", "0.310 [0.290, 0.330]", "83 % [70, 95]", "61 % came through",
        "186 % where most", "moved by 0.17 SD (chance alone: 0.18)", "leave fber out",
        "0.40 [0.20, 0.60]", "No sign of over-correction", "50 to 60 subjects each",
    ):  # fmt: skip
        assert expected in shown, expected


def test_what_tells_most_comes_first(diagnosis):
    table = render_harmonization(diagnosis).split('id="features"')[1]
    assert table.index(">fber<") < table.index(">cnr<")


@pytest.mark.parametrize(
    ("answer", "over", "kind"),
    [
        (SiteAnswer.NO_LONGER_SEEN, (), "pass"),
        (SiteAnswer.NO_LONGER_SEEN, ("half of the effect is gone",), "tolerance"),
        (SiteAnswer.CANNOT_TELL, (), "not_evaluated"),
    ],
)
def test_each_answer_has_its_look(diagnosis, answer, over, kind):
    page = render_harmonization(dataclasses.replace(diagnosis, answer=answer, over_corrected=over))
    assert f'<header class="hero {kind}">' in page
    assert ("Signs of over-correction" in page) == bool(over)
    assert ("No sign of over-correction" in page) != bool(over)


def test_what_was_not_measured_is_a_dash_or_a_sentence(diagnosis):
    bare = dataclasses.replace(
        diagnosis,
        after=tuple(
            dataclasses.replace(one, auc=NAN, interval=(NAN, NAN), p=NAN, permutations=0,
                                batches=(), leaks=(), refitted=False)
            for one in diagnosis.after
        ),
        injected=None, placebo=None, interest="", kept=(), kept_share=NAN,
        kept_interval=(NAN, NAN), rank_kept=(("cnr", NAN, NAN), ("fber", NAN, NAN)),
    )  # fmt: skip
    shown = words(render_harmonization(bare))
    assert "nan" not in shown.lower().replace("unans", "")
    assert "that needs the function that fits" in shown
    assert "nothing low can be believed" in shown


def test_no_text_can_break_the_page(diagnosis):
    bad = dataclasses.replace(
        diagnosis,
        headline=HOSTILE, reasons=(HOSTILE,), help=(HOSTILE,), over_corrected=(HOSTILE,),
        warnings=(HOSTILE,), batch_name=HOSTILE, interest=HOSTILE, method=HOSTILE,
        batches=((HOSTILE, 60), ("Cardiff", 50)),
        tests_before=(row_of(HOSTILE, 0.1),), tests_after=(row_of(HOSTILE, 0.1),),
    )  # fmt: skip
    page = render_harmonization(bad)
    assert "<script" not in page
    assert "<img" not in page
    assert "1337" not in page
    assert page.count("</title>") == 1


def test_no_network_and_no_script(diagnosis):
    page = render_harmonization(diagnosis)
    assert "http:" not in page
    assert "https:" not in page
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_drawings_are_inside_their_frames(diagnosis):
    page = render_harmonization(diagnosis)
    for box, body in re.findall(r'viewBox="0 0 (\S+ \S+)"[^>]*>(.*?)</svg>', page, re.DOTALL):
        width, height = map(float, box.split())
        for x, y in re.findall(r'cx="([\d.-]+)" cy="([\d.-]+)"', body):
            assert 0.0 <= float(x) <= width
            assert 0.0 <= float(y) <= height


def test_written_whole_or_refused(diagnosis, tmp_path):
    path = write_harmonization(diagnosis, tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == render_harmonization(diagnosis)
    with pytest.raises(OutputError):
        write_harmonization(diagnosis, tmp_path / "nowhere" / "page.html")
