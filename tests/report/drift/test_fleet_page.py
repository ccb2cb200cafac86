"""The page of all scanners and the folder of pages."""

from __future__ import annotations

import re
import time

import pytest

from qiqa.core.drift import FleetState, Kind
from qiqa.core.errors import OutputError
from qiqa.report.drift_pages import page_name, write_pages
from qiqa.report.fleet_page import budget_text, render_fleet


@pytest.fixture
def fleet(drifting):
    def made(*scanners, allowed=6.0):
        return FleetState(now=drifting.at(280), scanners=scanners, false_alarms_per_year=allowed)

    return made


def test_attention_comes_first_worst_first(drifting, fleet):
    acting = drifting.summary("C", verdict="action", findings=(drifting.finding(),), page="c.html")
    looking = drifting.summary(
        "B", verdict="tolerance", findings=(drifting.finding(verdict="tolerance", alarm_id=3),)
    )
    page = render_fleet(fleet(drifting.summary("A"), looking, acting))
    lines = re.findall(r'<li class="(\w+)">.*?<bdi>(\w)</bdi>', page)
    assert lines == [("action", "C"), ("tolerance", "B")]
    assert '<a href="c.html"><bdi>C</bdi></a>' in page
    assert "Image uniformity (PIU) fell by 2.10 % since 25 May 2026" in page
    assert "alarm 3, new" in page


def test_fleet_in_order_says_so_and_lists_no_attention(drifting, fleet):
    page = render_fleet(fleet(drifting.summary("A"), drifting.summary("B")))
    assert "Nothing to do: 24 charts in control" in page
    assert "What needs attention" not in page


def test_overdue_scanners_are_named_longest_first(drifting, fleet):
    late = [drifting.summary(name, overdue_days=days) for name, days in (("A", 1.2), ("B", 30.4))]
    page = render_fleet(fleet(*late, drifting.summary("C")))
    section = page.split('id="overdue"')[1].split("</section>")[0]
    assert re.findall(r"<b><bdi>(\w)</bdi></b> ([\w ]+) overdue", section) == [
        ("B", "30 days"), ("A", "1 day"),
    ]  # fmt: skip


def test_budget_is_said_in_words(drifting, fleet):
    told = budget_text(fleet(*[drifting.summary(str(k)) for k in range(6)], allowed=1.5))
    assert "all 6 scanners together give at most 1.5 false alarms a year" in told
    assert "this scanner" in budget_text(fleet(drifting.summary()))


def test_two_hundred_scanners_in_well_under_a_second(drifting, fleet):
    found = tuple(drifting.finding(verdict="tolerance") for _ in range(8))
    many = [
        drifting.summary(f"SIM {k:03d}", verdict="tolerance" if k % 3 else "pass",
                         findings=found if k % 3 else ())
        for k in range(200)
    ]  # fmt: skip
    began = time.process_time()
    page = render_fleet(fleet(*many))
    assert time.process_time() - began < 1.0
    assert page.count('<th scope="row">') == 200


def test_hostile_names_stay_text(drifting, fleet):
    bad = "<script>alert(1)</script>\x1b[31m"
    found = drifting.finding(name=bad, kind=Kind.STEP)
    one = drifting.summary(bad, label=bad, verdict="action", findings=(found,))
    page = render_fleet(fleet(one))
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


def test_no_scanner_at_all(fleet):
    assert "Not enough exams yet to say anything" in render_fleet(fleet())


# --- the folder ----------------------------------------------------------------------------------


def test_each_scanner_has_a_page_and_the_index_links_to_it(drifting, fleet, tmp_path):
    names = ["SIM 01", "../../etc/passwd"]
    states = [drifting.scanner(drifting.state(), scanner=name) for name in names]
    told = []
    index = write_pages(
        fleet(*(drifting.summary(name) for name in names)), states, tmp_path / "out", told.append
    )
    assert index == tmp_path / "out" / "index.html"
    assert told == names
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(["index.html", *map(page_name, names)])
    links = re.findall(r'href="([^"]+)"', index.read_text(encoding="utf-8"))
    assert set(links) == set(map(page_name, names))
    assert 'href="index.html"' in (tmp_path / "out" / page_name(names[0])).read_text("utf-8")


def test_page_of_an_only_scanner_is_the_one_to_open(drifting, fleet, tmp_path):
    path = write_pages(fleet(drifting.summary()), [drifting.scanner()], tmp_path, lambda _: None)
    assert path == tmp_path / page_name("SIM 01")
    assert "all scanners" not in path.read_text(encoding="utf-8")


def test_scanner_without_series_has_no_page_and_no_link(drifting, fleet, tmp_path):
    bare = drifting.scanner(findings=[])
    bare = type(bare)(scanner="SIM 01", series=())
    path = write_pages(fleet(drifting.summary()), [bare], tmp_path, lambda _: None)
    assert path == tmp_path / "index.html"
    assert "href=" not in path.read_text(encoding="utf-8")


def test_names_differ_and_hold_nothing_of_the_scanner():
    names = {page_name(s) for s in ("a", "b", "../a", "\udcff", "")}
    assert len(names) == 5
    assert all(re.fullmatch(r"scanner_[0-9a-f]{8}\.html", name) for name in names)


def test_folder_that_cannot_be_made(fleet, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="--output"):
        write_pages(fleet(), [], tmp_path / "file" / "out", lambda _: None)
