"""The data card says what was decided, by whose rule, and what was not checked."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from qiqa.core.regulation import CAUTIONS
from qiqa.core.vetting import Action, FileNote, Needs, Observation, SetStatement
from qiqa.io.policy_file import parse_policy
from qiqa.report.data_card import MOST_GROUPS, render_card, write_card
from qiqa.workflows.reviewing import judge

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ATTACK = "<img src=x onerror=document.title='owned'></script><script>alert(1)</script>\u202e"


class Words(HTMLParser):
    """What a reader sees, and which tags there are."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - what the parser calls
        self.tags.append(tag)

    def handle_data(self, data):
        if "style" not in self.tags[-1:]:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page(vetted):
    return render_card(vetted)


@pytest.fixture(scope="module")
def words(page):
    return Words(page).words


def test_the_headline_counts(vetted, words):
    actions = vetted.counts.actions
    usable = actions[Action.KEEP] + actions[Action.CORRECT]
    assert f"{usable} of 500 series can be used, {actions[Action.CORRECT]} of them after" in words
    for action in Action:
        assert f"{actions[action]} {action.value}" in words


def test_every_rule_stands_with_limit_owner_and_reason(vetted, words):
    for rule in vetted.policy.rules.values():
        assert rule.code in words
        assert rule.owner in words
        assert rule.reason in words
    clipped = vetted.counts.reasons["clipped"]
    below = clipped.seen - clipped.above
    assert below > 0
    assert f"{clipped.above} of 500 series, {below} not above the limit" in words


def test_statements_say_how_sure_and_what_could_not_be_answered(words):
    assert "Scanner can be told from image quality limit 0.8: quarantine" in words
    assert "scanner 0.931 (95 % 0.902 to 0.957) p 0.005 random forest, 12 features" in words
    assert "1 statement of 4 on the set is above the policy's limit" in words
    assert "sex could not be told no table states the sex" in words


def test_the_first_screen_says_why_where_and_what_holds_of_the_set(vetted, page, words):
    first = Words(page[: page.index('id="set"')]).words
    called = [
        one
        for one in vetted.counts.reasons.values()
        if one.above and vetted.policy.rules[one.code].action is not Action.KEEP
    ]
    most = max(called, key=lambda one: one.above)
    assert f"as they are {most.above} {vetted.reasons[most.code][1].title}" in first
    lost = {}
    for group in vetted.counts.groups:
        used = group.actions[Action.KEEP] + group.actions[Action.CORRECT]
        before = lost.get(group.site, (0, 0))
        lost[group.site] = (before[0] + used, before[1] + group.series)
    worst = min(lost, key=lambda site: lost[site][0] / lost[site][1])
    used, series = lost[worst]
    assert f"least is used {worst} {100 * used / series:.0f} % of {series}" in first
    assert "Scanner can be told from image quality 0.931 scanner" in first
    assert "Labels not checked no table with labels was given" in first
    assert words.index("Rule by rule") > len(first) - 100


def test_long_lists_of_statements_are_folded_but_for_what_is_above_the_limit(parts, policy):
    def stated(values):
        given = tuple(
            SetStatement(code="label_by_site", value=value, subject=f"pair {i:02d}")
            for i, value in enumerate(values)
        )
        return render_card(
            judge(dataclasses.replace(parts, statements={"confounding": given}), policy)
        )

    calm = stated([0.2] * 9)
    assert "6 more; vet.json has all" in calm
    loud = stated([0.2] * 4 + [0.9] * 5)
    folded = loud[loud.index('<details class="more">') :].split("</details>")[0]
    assert "4 more; vet.json has all" in loud
    assert all(f"pair {i:02d}" in folded for i in range(4))
    assert not any(f"pair {i:02d}" in folded for i in range(4, 9))


def test_a_set_without_rules_for_the_whole_says_that_it_was_not_judged(parts, make):
    own = [rule for rule in make.rules if rule[0] in codes_of_series(make)]
    result = judge(parts, parse_policy(make.policy_text(own), make.checks, "p"))
    page = Words(render_card(result)).words
    assert "The policy has no rule for the set as a whole: judge its 4 statements yourself" in page
    assert "above the policy's limit" not in page


def codes_of_series(make):
    """Return codes that are said of series, not of the set."""
    return {
        reason.code for one in make.checks if one.needs is not Needs.SET for reason in one.reasons
    }


def test_what_was_not_checked_is_said(vetted, words):
    seen = vetted.counts.reasons["ghosting"].seen
    assert "Labels : no table with labels was given" in words
    assert f"Ghosts : seen in {seen} series; the policy has no rule for it" in words


def test_the_table_of_clauses_claims_no_conformity(words):
    assert CAUTIONS[0].startswith("This table claims no conformity")
    assert words.index(CAUTIONS[0]) < words.index("NIST AI RMF 1.0")
    assert "2 August 2026" not in words
    assert "none in this output" in words


def test_sites_files_and_decisions_of_persons_are_listed(vetted, words):
    for group in vetted.counts.groups:
        assert f"{group.site} {group.scanner} {group.series}" in words
    assert "not DICOM 7" in words
    assert "structured report 1" in words
    assert "letters are the side marker" in words


def test_pictures_of_the_worst_are_in_the_page_and_text_in_pixels_is_not(vetted, parts, page):
    shown = [
        one for r in vetted.counts.reasons.values() if r.above for one in (*r.worst, *r.typical)
    ]
    lettered = {
        row.key for row in parts.series if "text_in_pixels" in {o.code for o in row.observations}
    }
    addresses = re.findall(r'src="(data:image/png;base64,[^"]+)"', page)
    assert len(addresses) == sum(one.key not in lettered for one in shown) > 30
    assert page.count("withheld: may name a person") == sum(one.key in lettered for one in shown)
    assert lettered & {one.key for one in shown}
    assert not lettered & set(vetted.parts.thumbnails) & {one.key for one in shown}
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_a_rule_that_could_not_be_told_is_no_pass(parts, policy):
    nan = SetStatement(code="label_by_site", value=float("nan"), evidence="no label")
    result = judge(dataclasses.replace(parts, statements={"confounding": (nan,)}), policy)
    row = re.search(
        r'<tr class="([^"]*)"><th scope="row">(?:(?!</tr>).)*label_by_site',
        render_card(result),
        re.DOTALL,
    )
    assert row.group(1).startswith("not_evaluated")


def test_a_series_without_a_picture_says_so(parts, policy):
    result = judge(dataclasses.replace(parts, thumbnails={}), policy)
    page = render_card(result)
    assert "<img" not in page
    assert "no picture" in page


def test_no_path_and_no_hash_of_a_patient_is_on_the_page(vetted, page):
    assert "aarhus/0" not in page
    assert not any(row.patient_hash in page for row in vetted.rows)


def test_a_set_that_is_fine_says_so(parts, policy):
    fine = tuple(dataclasses.replace(one, observations=()) for one in parts.series)
    result = judge(dataclasses.replace(parts, series=fine, statements={}), policy)
    page = Words(render_card(result)).words
    assert "All 500 series can be used as they are" in page
    assert "no check of all series was run" in page
    assert "Nothing is above its limit." in page


def test_a_set_without_a_series_is_no_success(parts, policy):
    result = judge(dataclasses.replace(parts, series=(), notes=(), statements={}), policy)
    page = render_card(result)
    assert "There is no series" in page
    assert 'class="hero not_evaluated"' in page


def test_many_scanners_are_cut_and_counted(parts, policy):
    many = tuple(
        dataclasses.replace(one, scanner=f"scanner {i:03d}") for i, one in enumerate(parts.series)
    )
    page = Words(render_card(judge(dataclasses.replace(parts, series=many), policy))).words
    assert f"{500 - MOST_GROUPS} more scanners" in page


def hostile(parts):
    seen = Observation(code="clipped", value=50.0, evidence=ATTACK, where=ATTACK)
    first = dataclasses.replace(
        parts.series[0], site=ATTACK, scanner=ATTACK, modality=ATTACK, observations=(seen,)
    )
    statement = SetStatement(
        code="label_by_site",
        value=0.9,
        evidence=ATTACK,
        subject=ATTACK,
        rows=((ATTACK,), (ATTACK,)),
    )
    return dataclasses.replace(
        parts,
        series=(first, *parts.series[1:]),
        notes=(FileNote(path=ATTACK, kind=ATTACK, size=1),),
        statements={"confounding": (statement,)},
        not_run={"labels": ATTACK},
        thumbnails={first.key: b"short"},
        about=dataclasses.replace(parts.about, name=ATTACK, license=ATTACK, creator=ATTACK),
    )


def test_texts_of_headers_are_words_on_the_page(parts, policy, page):
    attacked = render_card(judge(hostile(parts), policy))
    assert ATTACK[:10] not in attacked
    assert "\u202e" not in attacked
    assert "&lt;img src=x" in attacked
    known = set(Words(page).tags)
    assert set(Words(attacked).tags) <= known | {"details", "summary"}
    assert "script" not in known


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_the_page_opens_and_prints_in_a_browser(parts, policy, tmp_path):
    path = write_card(judge(hostile(parts), policy), tmp_path)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    pdf = tmp_path / "card.pdf"
    command = [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}"]
    more = ["--enable-logging=stderr", "--dump-dom", path.as_uri()]
    done = subprocess.run([*command, *more], check=True, capture_output=True, timeout=120)
    assert b"Content Security Policy" not in done.stderr
    assert b"can be used" in re.search(rb"<title>.*</title>", done.stdout).group()
    subprocess.run(
        [*command, f"--print-to-pdf={pdf}", path.as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes())) <= 5
