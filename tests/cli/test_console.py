"""Cleaning, folding and laying out text."""

import contextlib
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.cli.arguments import glued, numbers
from qiqa.cli.console import clean, one_line, tell_findings, write_json
from qiqa.cli.layout import Row, Section, columns_of, fold, table
from qiqa.core.errors import OutputError, UsageError
from qiqa.core.finding import Finding, Severity


@given(st.text())
def test_clean_text_cannot_steer_a_terminal(text):
    kept = clean(text)
    bad = [c for c in kept if unicodedata.category(c)[0] == "C" and c != "\n"]
    assert not bad
    assert len(kept) == len(text)


@given(st.text(), st.integers(4, 50))
def test_one_line_is_one_line_of_bounded_length(text, limit):
    shown = one_line(text, limit)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= limit


@given(st.text(st.characters(categories=["L", "N", "Zs"])), st.integers(2, 40))
def test_folded_lines_fit_and_lose_nothing(text, size):
    text = one_line(text)
    lines = fold(text, size)
    assert all(columns_of(line) <= size for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(
    st.lists(st.tuples(*[st.text(max_size=60)] * 3), min_size=1, max_size=4),
    st.text(max_size=80),
    st.integers(60, 200),
)
def test_tables_fit_whatever_is_in_them(rows, remark, columns):
    lines = tuple(Row(cells=row, remark=remark) for row in rows)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("COLUMNS", str(columns))
        table(("a", "b", "c"), [Section(rows=lines, title="t")], remark="remark")
    assert all(columns_of(line) <= columns for line in out.getvalue().splitlines())


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("頭部", 4), ("é", 1), ("e\u0301", 1), ("µ² ±", 4)]
)
def test_wide_letters_take_two_columns(text, columns):
    assert columns_of(text) == columns


def test_findings_worst_first_with_what_to_do(capsys):
    findings = [
        Finding(code="i", severity=Severity.INFO, message="info", hint="not shown"),
        Finding(code="e", severity=Severity.ERROR, message="bad\nline", where="f.dcm", hint="mend"),
        Finding(code="w", severity=Severity.WARNING, message="odd"),
    ]
    tell_findings(findings)
    assert capsys.readouterr().out.splitlines() == [
        "!! bad line [f.dcm]",
        "     mend",
        "!  odd",
        "   info",
    ]


def test_json_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "r.json"
    write_json({"µ": 1}, str(target))
    assert "µ" in target.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"x": float("nan")}, str(target))
    assert "µ" in target.read_text(encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        write_json({}, str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--tilt", "-1,2"], ["--tilt=-1,2"]),
        (["--snr", "-.5"], ["--snr=-.5"]),
        (["--tilt=1,2", "-3"], ["--tilt=1,2", "-3"]),
        (["-o", "-3"], ["-o", "-3"]),
        (["--json", "-"], ["--json", "-"]),
    ],
)
def test_negative_numbers_are_tied_to_their_option(given, expected):
    assert glued(given) == expected


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "nan,1", "1;2"])
def test_a_pair_is_a_pair(text):
    with pytest.raises(UsageError, match="is not 2 numbers with commas") as caught:
        numbers(text, 2, "--center", "1,2")
    assert "--center 1,2" in caught.value.hint
