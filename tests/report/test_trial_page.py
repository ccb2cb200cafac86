"""Pages of a trial: the answer first, nothing that a name can break, nothing from the network."""

import dataclasses
import datetime as dt
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from qiqa.core.errors import OutputError
from qiqa.core.programme import TrialState
from qiqa.core.trial import TRIAL_SCHEMA, ClaimAnswer, Exchange, Flag
from qiqa.core.trial_payload import trial_payload
from qiqa.report.forest import ForestRow, forest
from qiqa.report.trial_page import card_name, render_card, render_trial, write_trial
from qiqa.report.trial_text import bias_text, certificates_line, headline, interval_text

HOSTILE = "</title><script>alert(1)</script>{{ 7 * 191 }}<img src=x onerror=alert(1)>\x1b[2J\u202e"
NAN = float("nan")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def state(rounds):
    """Return where a trial stands that has everything: out, moved, wrong labels, two epochs."""
    from qiqa.workflows.trial import look_at_trial

    readings = rounds(np.random.default_rng(3), visits=12, bias={1: 0.2}, scanners=8)
    value = readings.value.copy()
    value[readings.exam == "S03 visit 1"] *= 1000
    late = (readings.scanner == "S05") & (readings.visit >= 6)
    epoch = np.where(late, "VB", "VA")
    return look_at_trial(
        [dataclasses.replace(readings, value=value, epoch=epoch)],
        now=dt.datetime(2027, 12, 1), source="t.csv", title="Trial 7", claims={},
    )  # fmt: skip


@pytest.fixture
def empty():
    return TrialState(
        title="T", source="t", as_of=dt.datetime(2026, 1, 1), studies=(), certificates=(),
        rounds={}, flags=(Flag(kind="not_studied", where="t1", reason="no reading has a value"),),
    )  # fmt: skip


def hostile(state):
    """Return it with every text that comes from a table replaced."""
    (study,) = state.studies
    scanners = tuple(
        dataclasses.replace(one, scanner=f"{HOSTILE}{i}", site=HOSTILE, manufacturer=HOSTILE,
                            epoch=HOSTILE, phantom_units=(HOSTILE,), reason=HOSTILE)
        for i, one in enumerate(study.scanners)
    )  # fmt: skip
    flags = (Flag(kind=HOSTILE, where=f"{HOSTILE}0", reason=HOSTILE, hint=HOSTILE),)
    study = dataclasses.replace(
        study, name=HOSTILE, unit=HOSTILE, measured_unit=HOSTILE, scanners=scanners, flags=flags,
        vendor=dataclasses.replace(study.vendor, reason=HOSTILE,
                                   levels=((HOSTILE, 1.0, (0.0, 2.0), 3),) * 2),
    )  # fmt: skip
    papers = tuple(
        dataclasses.replace(one, scanner=f"{HOSTILE}0", name=HOSTILE, epoch=HOSTILE,
                            reasons=(HOSTILE,), unit=HOSTILE, bias_unit=HOSTILE)
        for one in state.certificates
    )  # fmt: skip
    rounds = {
        HOSTILE: tuple(
            dataclasses.replace(s, scanner=f"{HOSTILE}0")
            for s in state.rounds[state.studies[0].name]
        )
    }
    return dataclasses.replace(
        state, title=HOSTILE, source=HOSTILE, studies=(study,), certificates=papers, rounds=rounds,
        flags=flags,
    )  # fmt: skip


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</style>")[1]))


def test_who_is_out_is_the_headline(state):
    page = render_trial(state)
    assert '<header class="hero action">' in page
    assert '<h1 class="long">1 of 8 scanners is out of claim</h1>' in page
    out = page.split('id="out"')[1].split("</section>")[0]
    assert ">S01<" in out
    assert card_name("S01") in out
    shown = words(page)
    assert "wrong unit S03, exam S03 visit 1" in shown
    assert "readings with wrong labels were left out" in shown
    assert "Earlier epochs (1)" in shown
    assert "Certificates: " in shown


def test_a_card_says_all_of_its_scanner_and_nothing_of_others(state):
    shown = words(render_card(state, "S03"))
    assert "wrong unit" in shown
    assert "Certificate for adc: not qualified" in shown
    assert "Latest round" in shown
    assert "S01" not in shown
    assert "wrong unit" not in words(render_card(state, "S04"))
    assert "Earlier epochs" in words(render_card(state, "S05"))


def test_a_flag_on_a_card_says_which_exam(state):
    assert "wrong unit exam S03 visit 1 :" in words(render_card(state, "S03"))


def test_how_many_answers_are_open_stands_below_the_headline(state):
    (study,) = state.studies
    current = [one for one in study.scanners if one.current]
    for still_open in (0, 2):
        answers = ["not_enough_data"] * still_open + ["in"] * (len(current) - still_open)
        scanners = tuple(
            dataclasses.replace(one, claim=ClaimAnswer(answer))
            for one, answer in zip(current, answers, strict=True)
        )
        changed = dataclasses.replace(study, scanners=scanners)
        hero = words(render_trial(dataclasses.replace(state, studies=(changed,))))[:200]
        assert ("2 of 8 answers are still open" in hero) == (still_open == 2)
        assert ("still open" in hero) == (still_open > 0)


def test_groups_that_exchanges_name_are_numbered_as_there(state):
    (study,) = state.studies
    exchange = Exchange(phantom_unit="U2", scanner="S01", reason="would connect group 2 with 1")
    groups = (("S01", "S04"), ("S02",))
    changed = dataclasses.replace(study, groups=groups, exchanges=(exchange,))
    page = render_trial(dataclasses.replace(state, studies=(changed,)))
    listed = page.split('<ol class="groups">')[1].split("</ol>")[0]
    assert re.findall(r"<li><bdi>(.*?)</bdi></li>", listed) == ["S01, S04", "S02"]
    assert "scan unit U2 on S01 : would connect group 2 with 1" in words(page)


def test_numbers_of_a_card_are_those_of_the_study(state):
    (study,) = state.studies
    (one,) = [s for s in study.scanners if s.scanner == "S01"]
    shown = words(render_card(state, "S01"))
    assert f"Bias {bias_text(one)} % ({interval_text(one)}, 95 %), by 12 exams" in shown
    (score,) = [s for s in state.rounds["adc"] if s.scanner == "S01"]
    assert f"{score.score:.2f} {score.zeta:.2f} {score.e_n:.2f} action" in shown


def test_no_text_can_break_a_page(state):
    bad = hostile(state)
    for page in (render_trial(bad), render_card(bad, f"{HOSTILE}0")):
        assert "<script" not in page
        assert "<img" not in page
        assert "1337" not in page
        assert page.count("</title>") == 1
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)


def test_pages_need_no_network_and_print(state):
    for page in (render_trial(state), render_card(state, "S01")):
        assert "default-src 'none'" in page
        assert not re.search(r"https?:|<script|<link|@import|url\(", page)
        assert "@media print" in page
        for target in re.findall(r'href="([^"]*)"', page):
            assert re.fullmatch(r"index\.html|card_[0-9a-f]{8}\.html", target)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_a_card_prints_on_one_sheet(state, tmp_path):
    source = render_card(state, "S03")  # with flags, scores and a certificate
    page, pdf = tmp_path / "card.html", tmp_path / "card.pdf"
    page.write_text(source.replace("@page {", "@page { size: letter;"), encoding="utf-8")
    command = [
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--no-pdf-header-footer"),
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--print-to-pdf={pdf}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes())) == 1


def test_the_name_of_a_card_holds_nothing_of_a_scanners():
    names = {card_name(name) for name in ("A", "a", "../../etc/passwd", "\ud800", "CON")}
    assert len(names) == 5
    assert all(re.fullmatch(r"card_[0-9a-f]{8}\.html", name) for name in names)


def test_nothing_studied_says_so(empty):
    page = render_trial(empty)
    assert "Nothing could be studied" in page
    assert '<header class="hero not_evaluated">' in page
    assert "no reading has a value" in page
    assert "nan" not in words(page).lower()


def test_without_a_claim_nobody_is_called_in_order(state):
    (study,) = state.studies
    scanners = tuple(dataclasses.replace(one, claim=None) for one in study.scanners)
    bare = dataclasses.replace(study, claim=None, scanners=scanners, flags=())
    page = render_trial(dataclasses.replace(state, studies=(bare,)))
    assert "No claim is stated: 8 scanners, none is judged" in page
    assert '<header class="hero not_evaluated">' in page
    assert headline(bare) == "adc: 8 scanners, no claim is stated"


def test_what_is_not_known_is_said_in_words(state):
    (study,) = state.studies
    scanners = tuple(
        dataclasses.replace(one, bias=NAN, standard_uncertainty=NAN, bias_interval=(NAN, NAN),
                            ends=(NAN, NAN), ends_intervals=((NAN, NAN), (NAN, NAN)))
        for one in study.scanners
    )  # fmt: skip
    papers = tuple(dataclasses.replace(c, wcv=NAN, wcv_upper=NAN) for c in state.certificates)
    bad = dataclasses.replace(
        state, studies=(dataclasses.replace(study, scanners=scanners),), certificates=papers
    )
    for page in (render_trial(bad), render_card(bad, "S01")):
        assert "not known" in page
        assert not re.search(r"\bnan\b", words(page), re.IGNORECASE)
        assert "NaN" not in page


def test_written_whole_or_refused(state, tmp_path):
    page = write_trial(state, tmp_path / "a" / "b")
    assert page.read_text(encoding="utf-8") == render_trial(state)
    cards = {p.name for p in page.parent.iterdir()} - {"index.html"}
    assert cards == {card_name(f"S{i:02d}") for i in range(8)}
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be made"):
        write_trial(state, tmp_path / "file")


def test_certificates_are_counted(state):
    line = certificates_line(state.certificates, "adc")
    counts = [int(part.split()[0]) for part in line.removeprefix("certificates: ").split(", ")]
    assert sum(counts) == 8
    assert certificates_line((), "adc") == "certificates: none"


def test_json_is_documented_and_without_holes(state):
    payload = json.loads(json.dumps(trial_payload(state), allow_nan=False))
    assert list(payload) == [
        "schema", "title", "source", "as_of", "flags", "scanners", "vendor_effect",
        "variance_components", "certificates", "rounds", "measurements",
    ]  # fmt: skip
    assert payload["schema"] == TRIAL_SCHEMA == "qiqa.trial/1"
    assert len(payload["scanners"]) == 9  # one of them in two epochs
    one = next(s for s in payload["scanners"] if s["scanner"] == "S01")
    assert (one["claim"], one["name"], one["unit"], one["current"]) == ("out", "adc", "%", True)
    assert {f["name"] for f in payload["flags"]} == {"adc"}
    assert payload["rounds"]["adc"][1]["verdict"] == "action"


# --- the drawing ------------------------------------------------------------------------------


def row(value, low, high, label="S1", ends=None):
    return ForestRow(label=label, kind="pass", value=value, interval=(low, high),
                     ends=ends or (value, value))  # fmt: skip


def places(drawing):
    return [float(x) for x in re.findall(r'cx="([\d.-]+)"', drawing)]


def test_dots_lie_along_the_scale():
    drawing = forest([row(-2.0, -3, -1), row(0.0, -1, 1), row(2.0, 1, 3)], 3.6, "%")
    left, middle, right = places(drawing)
    assert middle - left == pytest.approx(right - middle, abs=0.2)
    assert 'f-claim"' in drawing
    assert "+3.6 %" in drawing


@pytest.mark.parametrize(
    "rows",
    [
        [row(1e6, 1e5, 2e6), row(0.1, 0, 0.2)],
        [row(NAN, NAN, NAN)],
        [row(0.0, 0.0, 0.0)],
        [row(1.0, NAN, NAN, ends=(NAN, NAN))],
        [row(1.0, -float("inf"), float("inf"))],
        [],
    ],
)
@pytest.mark.parametrize("claim", [None, 3.6])
def test_everything_stays_inside_the_frame(rows, claim):
    drawing = forest(rows, claim, "%")
    assert not re.search(r'="[^"]*(nan|inf)', drawing)
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', drawing).groups())
    for name, most in (("cx", width), ("x1", width), ("x2", width), ("cy", height), ("y1", height)):
        for at in re.findall(rf' {name}="([\d.-]+)"', drawing):
            assert 0.0 <= float(at) <= most, (name, at)


def test_long_names_are_cut_where_there_is_no_room():
    drawing = forest([row(0.0, -1, 1, label="x" * 300), row(0.0, -1, 1, label="<b>&")], None, "%")
    assert "x" * 29 not in drawing
    assert f"{'x' * 27}…" in drawing
    assert "&lt;b&gt;&amp;" in drawing


def test_cards_of_an_earlier_run_go_and_other_files_stay(state, tmp_path):
    write_trial(state, tmp_path)
    (study,) = state.studies
    fewer = tuple(one for one in study.scanners if one.scanner != "S04")
    others = {
        "card_0123abcd.html": "<p>a card of somebody else</p>",
        "card_of_S04.html": (tmp_path / card_name("S04")).read_text(encoding="utf-8"),
        "notes.txt": "mine",
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    later = dataclasses.replace(state, studies=(dataclasses.replace(study, scanners=fewer),))
    write_trial(later, tmp_path)
    there = {path.name for path in tmp_path.iterdir()}
    assert card_name("S04") not in there
    assert there == {"index.html", *others, *(card_name(one.scanner) for one in fewer)}


def test_ranges_are_in_the_unit_that_people_read(state):
    (study,) = state.studies
    own = dataclasses.replace(study, range=(4e-4, 1.1e-3), measured_unit="mm²/s")
    papers = tuple(
        dataclasses.replace(one, range=(4e-4, 1.1e-3), unit="mm²/s") for one in state.certificates
    )
    shown = dataclasses.replace(state, studies=(own,), certificates=papers)
    for page in (render_trial(shown), render_card(shown, "S02")):
        assert "400 to 1100 µm²/s" in page
        assert "mm²/s" not in page.replace("µm²/s", "")


def test_one_is_not_many(state):
    (study,) = state.studies
    one = dataclasses.replace(
        study, left_out=1, scanners=(dataclasses.replace(study.scanners[0], exams=1),),
        vendor=dataclasses.replace(
            study.vendor, levels=(("A", 0.1, (0.0, 0.2), 1), ("B", 0.1, (0.0, 0.2), 2))
        ),
    )  # fmt: skip
    alone = dataclasses.replace(state, studies=(one,))
    words = re.sub(r"<[^>]+>", " ", render_trial(alone))
    assert "1 reading with a wrong label was left out" in words
    assert "1 scanner " in words
    assert not re.search(r"\b1 (scanners|exams|readings)\b", words)
    card = re.sub(r"<[^>]+>", " ", render_card(alone, one.scanners[0].scanner))
    assert "by 1 exam from" in card


def test_a_sentence_ends_once_and_vendors_are_rounded_alike(state):
    (study,) = state.studies
    levels = (("A", 1.0, (0.75, 5.9), 4), ("B", 1.3, (-1.3, 4.0), 4), ("C", 1.0, (NAN, NAN), 1))
    vendor = dataclasses.replace(study.vendor, levels=levels, reason="it differs: p = 0.19")
    page = render_trial(
        dataclasses.replace(state, studies=(dataclasses.replace(study, vendor=vendor),))
    )
    assert "It differs: p = 0.19.<" in page
    assert "+0.8 to +5.9" in page
    assert "-1.3 to +4.0" in page
    assert "nan" not in words(page)
