"""Policies are read strictly, and mistakes are named."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import DefinitionError, QiqaError, UsageError
from qiqa.core.vetting import Action
from qiqa.io.policy_file import default_policy_text, parse_policy, read_policy, started_policy
from qiqa.workflows.vet_checks import known_checks


def test_everything_in_the_file_is_in_the_policy(make, tmp_path):
    extra = (
        'off = ["quality", "burned_in"]\n[checks.completeness]\ngap = 2\nneeded = ["EchoTime", "b"]'
        "\n[[changes]]\nat = 2026-11-03T09:30:00\n"
        f'who = "A"\nreason = "B"\nbefore_sha256 = "{"0a" * 32}"'
    )
    raw = make.policy_text(extra=extra)
    path = tmp_path / "p.toml"
    path.write_bytes(raw)
    policy = read_policy(path, make.checks)
    assert policy.sha256 == hashlib.sha256(raw).hexdigest()
    assert policy.owner == "J. Kask, North Trial"
    assert policy.decided_on == dt.date(2026, 11, 2)
    assert policy.off == ("burned_in", "quality")
    assert policy.settings == {"completeness": {"gap": 2.0, "needed": ("EchoTime", "b")}}
    assert policy.rules["clipped"].limit == 2.0
    assert policy.rules["map_unit_implausible"].action is Action.CORRECT
    (change,) = policy.changes
    assert change.at == dt.datetime(2026, 11, 3, 9, 30)
    assert change.before_sha256 == "0a" * 32


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.replace(b" = ", b"\t=\t"),
    ],
    ids=["byte order mark", "CRLF", "tabs"],
)
def test_what_an_editor_does_to_a_file_changes_its_hash_and_no_rule(make, change):
    raw = make.policy_text()
    as_it_was = parse_policy(raw, make.checks, "p")
    edited = parse_policy(change(raw), make.checks, "p")
    assert edited.sha256 == hashlib.sha256(change(raw)).hexdigest() != as_it_was.sha256
    assert dataclasses.replace(edited, sha256=as_it_was.sha256) == as_it_was


BAD = {
    "no TOML": (b"name = ", "not valid TOML", ""),
    "no text": (b"\xff\xfe", "not valid TOML", ""),
    "schema": (("schema = ", 'schema = "qiqa.vet_policy/9" #'), "qiqa.vet_policy/9", "schema"),
    "key": (("purpose", "porpose"), "no key 'porpose'", "did you mean 'purpose'"),
    "no owner": (('owner = "J. Kask, North Trial"', 'owner = " "'), "says something", ": owner"),
    "no day": (("decided_on = 2026-11-02", 'decided_on = "today"'), "is not a day", "2026-11-28"),
    "code": (("rules.clipped", "rules.cliped"), "no check says 'cliped'", "mean 'clipped'"),
    "limit": (("limit = 2\n", "limit = nan\n"), "nan is not a number", "rules.clipped.limit"),
    "limit word": (("limit = 2\n", 'limit = "2"\n'), "'2' is not a number", "above it calls"),
    "limit true": (("limit = 2\n", "limit = true\n"), "True is not a number", "rules.clipped"),
    "limit below": (("limit = 2\n", "limit = -2\n"), "-2 is below 0", "rules.clipped.limit"),
    "no limit": (("limit = 2\n", ""), "missing", "rules.clipped.limit"),
    "action": (('action = "correct"', 'action = "corect"'), "'corect' is no action", "correct?"),
    "rule key": (("limit = 2\n", "limit = 2\nlimits = 3\n"), "no key 'limits'", "mean 'limit'"),
    "reason": (('reason = "One copy is enough."', "reason = 1"), "says something", "reason"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_named(make, case):
    change, said, where = BAD[case]
    raw = make.policy_text()
    if isinstance(change, tuple):
        text = raw.decode()
        assert change[0] in text
        raw = text.replace(*change, 1).encode()
    else:
        raw = change
    with pytest.raises(DefinitionError) as caught:
        parse_policy(raw, make.checks, "mine.toml")
    assert said in str(caught.value)
    assert where in str(caught.value)
    assert str(caught.value).startswith("mine.toml")


TOP = {
    'off = ["qualiti"]': ("off: no check 'qualiti'", "did you mean 'quality'"),
    'off = "quality"': ("off: 'quality' is not a list", ""),
    "[checks.qualty]": ("checks.qualty: no check 'qualty'", "did you mean 'quality'"),
    "[checks.completeness]\ngop = 1": ("no setting 'gop'", "did you mean 'gap'"),
    "[checks.completeness]\ngap = [1]": ("gap: [1] is not a number", "in slice distances"),
    "[checks.completeness]\nlabel = 1": ("label: 1 is not a text", "words"),
    "[checks.completeness]\nneeded = [1]": ("needed: [1] is not a list of texts", "attributes"),
    "[checks.quality]\nx = 1": ("no setting 'x'", "there are none"),
    "changes = 3": ("changes: 3 is not a list", "[[changes]]"),
    '[[changes]]\nat = "now"': ("changes[0].at: 'now' is not a time", "without quotes"),
    '[[changes]]\nat = 2026-11-03\nbefore_sha256 = "12"': ("no SHA-256", "changes[0]"),
    "[[changes]]\nwhen = 1": ("changes[0].when: no key 'when'", ""),
}


@pytest.mark.parametrize("extra", TOP)
def test_a_mistake_in_other_tables_is_named(make, extra):
    with pytest.raises(DefinitionError) as caught:
        parse_policy(make.policy_text(extra=extra), make.checks, "mine.toml")
    for said in TOP[extra]:
        assert said in str(caught.value)


@pytest.mark.parametrize(
    "extra", ["rules = 3", "rules.clipped = 3", "checks = 3", "checks.quality = 3"]
)
def test_what_has_to_be_a_table_is_one(make, extra):
    with pytest.raises(DefinitionError, match="3 is not a table"):
        parse_policy(make.policy_text(rules=(), extra=extra), make.checks, "mine.toml")


def test_a_file_that_is_not_there_is_named(make, tmp_path):
    with pytest.raises(DefinitionError, match="qiqa vet policy prints one"):
        read_policy(tmp_path / "none.toml", make.checks)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(raw):
    try:
        parse_policy(raw, (), "x")
    except QiqaError:
        return
    pytest.fail("bytes without a schema are no policy")


def test_the_default_policy_can_be_used():
    policy = parse_policy(default_policy_text().encode(), known_checks(), "default.toml")
    assert not policy.changes
    codes = {reason.code for check in known_checks() for reason in check.reasons}
    assert set(policy.rules) <= codes


def test_the_default_policy_becomes_that_of_its_owner():
    day = dt.date(2027, 1, 5)
    text = started_policy('Dr. "Q" \\ Smith', "", "mine", day)
    policy = parse_policy(text.encode(), known_checks(), "mine.toml")
    assert policy.owner == 'Dr. "Q" \\ Smith'
    assert (policy.name, policy.decided_on) == ("mine", day)
    before = default_policy_text().splitlines()
    changed = [new for old, new in zip(before, text.splitlines(), strict=True) if old != new]
    assert len(changed) == 3


def test_without_an_owner_the_default_stays_and_asks_for_one():
    assert started_policy("", "", "", dt.date(2027, 1, 5)) == default_policy_text()
    assert "put your name here" in default_policy_text()


def test_a_name_that_would_break_the_file_is_refused():
    with pytest.raises(UsageError, match="--owner"):
        started_policy("a\nb", "", "", dt.date(2027, 1, 5))
