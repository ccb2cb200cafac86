"""Two outputs side by side: what moved, why, and what the policies say otherwise."""

from __future__ import annotations

import dataclasses

import pytest

from qiqa.core.errors import ReadError
from qiqa.core.vet_result import GivenFile
from qiqa.core.vetting import Action
from qiqa.io.policy_file import parse_policy
from qiqa.workflows.reviewing import judge
from qiqa.workflows.vet_comparing import compare_outputs
from qiqa.workflows.vet_outputs import write_decisions, write_parts

pytest.importorskip("pyarrow")


@pytest.fixture
def write(make, parts, tmp_path):
    def apply(name, rules=None, extra="", series=None):
        text = make.policy_text(rules=rules or make.rules, extra=extra)
        given = dataclasses.replace(parts, series=series if series is not None else parts.series)
        write_parts(dataclasses.replace(given, thumbnails={}), tmp_path / name)
        policy = parse_policy(text, make.checks, name)
        write_decisions(judge(given, policy), tmp_path / name, text)
        return tmp_path / name

    return apply


def test_an_output_does_not_differ_from_itself(write, make):
    folder = write("a")
    found = compare_outputs(folder, folder, make.checks)
    assert found.changed == ()
    assert found.policies == ()
    assert found.reasons == {}
    assert found.series == (500, 500)


def test_a_limit_that_moved_is_named_with_the_series_that_moved(write, make, parts):
    rules = [r if r[0] != "clipped" else ("clipped", 8, "reject", *r[3:]) for r in make.rules]
    a, b = write("a"), write("b", rules=rules, extra='off = ["burned_in"]')
    found = compare_outputs(a, b, make.checks)
    assert [(one.what, one.before, one.after) for one in found.policies] == [
        ("rule clipped", "quarantine above 2", "reject above 8"),
        ("check burned_in", "on", "off"),
    ]
    values = {
        one.series_uid: max(o.value for o in one.observations if o.code == "clipped")
        for one in parts.series
        if any(o.code == "clipped" for o in one.observations)
    }
    above = sum(v > 2 for v in values.values()), sum(v > 8 for v in values.values())
    assert found.reasons["clipped"] == above
    for one in found.changed:
        if one.after is Action.REJECT and one.before is Action.QUARANTINE:
            assert values[one.series_uid] > 8
    gone = [one for one in found.changed if one.gone == ("clipped",) and not one.new]
    assert gone
    assert all(2 < values[one.series_uid] <= 8 for one in gone)
    stayed = sum(n for (old, new), n in found.moves.items() if old is new)
    assert stayed + len(found.changed) == 500


def test_series_that_came_and_went_are_told_apart(write, make, parts):
    found = compare_outputs(
        write("a", series=parts.series[:300]), write("b", series=parts.series[100:]), make.checks
    )
    went = [one for one in found.changed if one.after is None]
    came = [one for one in found.changed if one.before is None]
    assert (len(went), len(came)) == (100, 200)
    assert len(found.changed) == 300
    assert found.series == (300, 400)


def test_a_folder_without_a_manifest_is_named(write, make, tmp_path):
    with pytest.raises(ReadError, match=r"manifest\.parquet"):
        compare_outputs(write("a"), tmp_path / "none", make.checks)


def test_what_else_they_were_decided_by_is_named(write, make, parts):
    a = write("a")
    made = dataclasses.replace(
        parts.provenance,
        qiqa_version="9.9",
        files=(GivenFile(role="table", name="new.csv", sha256="ab" * 32),),
    )
    other = dataclasses.replace(
        parts,
        provenance=made,
        not_run={"representativeness": "no population was given"},
        statements={},
        thumbnails={},
    )
    b = a.with_name("b")
    write_parts(other, b)
    policy = parse_policy(make.policy_text(), make.checks, "b")
    write_decisions(judge(other, policy), b, make.policy_text())
    found = compare_outputs(a, b, make.checks)
    assert found.changed == ()
    said = {one.what: (one.before, one.after) for one in found.made}
    before = parts.provenance
    assert said.pop("qiqa") == (before.qiqa_version, "9.9")
    assert said.pop("table")[1] == "new.csv (abababababab)"
    assert said.pop("look for representativeness") == ("looked for", "no population was given")
    assert said.pop("look for labels") == ("no table with labels was given", "looked for")
    assert all(words.after == "none given" for words in found.made if words.what in said)
    above = [*statements_above(parts, policy)]
    assert above
    assert [one.what for one in found.whole] == above
    assert {(one.before, one.after) for one in found.whole} == {("above its limit", "not above")}


def statements_above(parts, policy):
    for given in parts.statements.values():
        for one in given:
            rule = policy.rules.get(one.code)
            if rule is not None and rule.action is not Action.KEEP and one.value > rule.limit:
                yield f"{one.code} ({one.subject})" if one.subject else one.code


def test_a_series_that_is_not_what_it_was_is_named_though_it_is_decided_alike(write, make, parts):
    series = [dataclasses.replace(one, seen="0" * 16) for one in parts.series]
    other = [*series]
    other[7] = dataclasses.replace(other[7], seen="1" * 16)
    a, b = write("a", series=series), write("b", series=other)
    found = compare_outputs(a, b, make.checks)
    assert found.changed == ()
    assert found.altered == (other[7].series_uid,)
    assert compare_outputs(a, a, make.checks).altered == ()
