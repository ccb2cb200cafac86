"""Deciding anew needs no image, keeps every decision, and gives what a new run would give."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import itertools
import json
import shutil

import pytest

from qiqa.core.errors import DefinitionError, OutputError, ReadError, UsageError
from qiqa.core.vet_words import standing_words
from qiqa.core.vetting import Action, Override, PolicyChange
from qiqa.io.policy_file import parse_policy
from qiqa.io.staged import staged
from qiqa.io.vet_override import read_changes, read_overrides
from qiqa.io.vet_parts import StoredSeries, read_other_files, read_thumbnails
from qiqa.report.data_card import render_card
from qiqa.workflows import vet_verifying
from qiqa.workflows.deciding_by_person import decide_by_person
from qiqa.workflows.reviewing import (
    decide_by_policy,
    judge,
    open_output,
    waiting,
)
from qiqa.workflows.vet_comparing import compare_outputs
from qiqa.workflows.vet_outputs import write_decisions, write_parts
from qiqa.workflows.vet_unaltered import refuse_lost_decisions
from qiqa.workflows.vet_verifying import verify_output

parquet = pytest.importorskip("pyarrow.parquet")

WHEN = dt.datetime(2026, 12, 1, 10, 0, tzinfo=dt.UTC)


def person(uid, action=Action.KEEP, who="B. Lind", reason="seen by eye", at=WHEN):
    return Override(series_uid=uid, action=action, who=who, reason=reason, at=at)


def change(who="J. Kask", reason="too strict for GE"):
    return PolicyChange(at=WHEN, who=who, reason=reason, before_sha256="")


def contents(folder):
    """Return the files of an output; a folder among them would be left over."""
    shown = (path for path in folder.iterdir() if path.name != ".qiqa-lock")
    return {path.name: path.read_bytes() for path in shown}


def test_what_is_stored_is_what_was_seen(parts, output, make):
    stored = open_output(output, make.checks)
    for before, after in zip(parts.series, stored.parts.series, strict=True):
        assert dataclasses.replace(after, observations=()) == dataclasses.replace(
            before, observations=()
        )
        assert set(after.observations) == set(before.observations)
    assert read_other_files(output) == tuple(sorted(parts.notes, key=lambda note: note.path))
    some = [
        one.key for one in open_output(output, make.checks).judged().counts.reasons["clipped"].worst
    ]
    assert read_thumbnails(output, some) == {key: parts.thumbnails[key] for key in some}
    assert stored.parts.provenance == parts.provenance
    assert stored.parts.features == parts.features
    assert stored.parts.not_run == parts.not_run
    assert stored.parts.about == parts.about


def test_judging_what_is_stored_changes_no_byte_of_the_manifest(output, make):
    before = contents(output)
    stored = open_output(output, make.checks)
    uid = next(waiting(stored.judged())).series_uid
    decide_by_person(stored, person(uid))
    # the person takes the decision back: what the policy says is decided again
    decide_by_person(open_output(output, make.checks), person(uid, Action.QUARANTINE))
    after = contents(output)
    assert after["observations.parquet"] == before["observations.parquet"]
    changed = [
        (old, new)
        for old, new in zip(
            before["manifest.csv"].splitlines(), after["manifest.csv"].splitlines(), strict=True
        )
        if old != new
    ]
    ((old, new),) = changed  # the decision is the same; that a person made it is said
    assert b",quarantine," in old
    assert b",quarantine," in new
    assert new.startswith(old.rstrip(b'"')[:40])
    assert b"B. Lind decided quarantine" in new


def test_a_person_decides_one_series_and_it_is_kept(output, make):
    stored = open_output(output, make.checks)
    first = stored.judged()
    row = next(waiting(first))
    result = decide_by_person(stored, person(row.series_uid))
    assert result.counts.actions[Action.QUARANTINE] == (first.counts.actions[Action.QUARANTINE] - 1)
    assert result.counts.actions[Action.KEEP] == first.counts.actions[Action.KEEP] + 1
    again = open_output(output, make.checks)
    known = {"reasons": row.decision.reasons, "seen": row.seen}
    assert again.overrides == (dataclasses.replace(person(row.series_uid), **known),)
    assert again.judged().counts == result.counts
    assert again.parts.provenance.judged_at == WHEN
    assert again.parts.provenance.at == make.at
    assert b"seen by eye" in (output / "card.html").read_bytes()
    assert f"{row.series_uid}," in (output / "manifest.csv").read_text(encoding="utf-8")
    kept = json.loads((output / "vet.json").read_text(encoding="utf-8"))
    assert kept["overrides"][0]["who"] == "B. Lind"


def test_the_last_decision_holds_and_all_stay(output, make):
    uid = next(waiting(open_output(output, make.checks).judged())).series_uid
    for action in (Action.KEEP, Action.REJECT):
        decide_by_person(open_output(output, make.checks), person(uid, action))
    stored = open_output(output, make.checks)
    assert [one.action for one in stored.overrides] == [Action.KEEP, Action.REJECT]
    (row,) = [row for row in stored.judged().rows if row.series_uid == uid]
    assert row.decision.action is Action.REJECT
    lines = (output / "overrides.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2


def test_another_policy_gives_what_a_run_with_it_gives(parts, output, make):
    rules = [r if r[0] != "clipped" else ("clipped", 8, *r[2:]) for r in make.rules]
    text = make.policy_text(rules=rules)
    stored = open_output(output, make.checks)
    result = decide_by_policy(stored, text, "new.toml", change())
    policy = parse_policy(text, make.checks, "new.toml")
    assert result.counts == judge(parts, policy).counts
    assert result.counts != stored.judged().counts
    (made,) = result.policy.changes
    assert made.before_sha256 == stored.policy.sha256
    assert read_changes(output) == (made,)
    assert (output / "policy.toml").read_bytes() == text
    again = open_output(output, make.checks)
    assert again.policy == result.policy
    assert "The policy was changed after results were seen" in (output / "card.html").read_text(
        encoding="utf-8"
    )


def test_persons_decisions_outlive_a_change_of_the_policy(output, make):
    uid = next(waiting(open_output(output, make.checks).judged())).series_uid
    decide_by_person(open_output(output, make.checks), person(uid, Action.REJECT))
    stored = open_output(output, make.checks)
    result = decide_by_policy(stored, make.policy_text(rules=()), "new.toml", change())
    actions = {row.decision.action for row in result.rows if row.series_uid != uid}
    assert actions == {Action.KEEP}
    assert result.counts.actions[Action.REJECT] == 1


def test_a_check_that_is_turned_off_calls_for_nothing(output, make):
    stored = open_output(output, make.checks)
    text = make.policy_text(extra='off = ["plausibility", "predictability"]')
    result = decide_by_policy(stored, text, "new.toml", change())
    assert not {"clipped", "map_unit_implausible"} & set(result.counts.reasons)
    assert "predictability" not in result.parts.statements
    assert result.counts.actions[Action.CORRECT] == 0
    again = open_output(output, make.checks)
    with pytest.raises(UsageError, match="plausibility was off"):
        decide_by_policy(again, make.policy_text(), "old.toml", change())


REFUSED = {
    "same": ("", "holds already"),
    "setting": ("[checks.completeness]\ngap = 3", "gap from 1.5 to 3.0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_policy_that_needs_the_images_is_refused_and_changes_nothing(output, make, case):
    extra, said = REFUSED[case]
    before = contents(output)
    stored = open_output(output, make.checks)
    with pytest.raises(UsageError, match=said):
        decide_by_policy(stored, make.policy_text(extra=extra), "new.toml", change())
    assert contents(output) == before


def test_a_policy_that_is_none_changes_nothing(output, make):
    before = contents(output)
    stored = open_output(output, make.checks)
    with pytest.raises(DefinitionError, match=r"new\.toml"):
        decide_by_policy(stored, b"x = 1", "new.toml", change())
    with pytest.raises(UsageError, match="name and a reason"):
        decide_by_policy(stored, b"x = 1", "new.toml", change(who=" "))
    assert contents(output) == before


@pytest.mark.parametrize(
    ("given", "said"),
    [({"uid": "9.9"}, "no series '9.9'"), ({"who": ""}, "a name"), ({"reason": " "}, "a reason")],
)
def test_a_decision_that_is_none_changes_nothing(output, make, given, said):
    before = contents(output)
    stored = open_output(output, make.checks)
    uid = next(iter(stored.parts.series)).series_uid
    with pytest.raises(UsageError, match=said):
        decide_by_person(stored, person(**{"uid": uid, **given}))
    assert contents(output) == before


def test_two_that_decide_at_once_do_not_lose_a_decision(output, make):
    one, other = (open_output(output, make.checks) for _ in range(2))
    first, second = (row.series_uid for row in itertools.islice(waiting(one.judged()), 2))
    with staged(output), pytest.raises(OutputError, match="another process is writing"):
        decide_by_person(one, person(first))
    assert not read_overrides(output)
    decide_by_person(one, person(first))
    before = contents(output)
    with pytest.raises(ReadError, match="somebody decided or vetted meanwhile"):
        decide_by_person(other, person(second))
    with pytest.raises(ReadError, match="somebody decided or vetted meanwhile"):
        decide_by_policy(other, make.policy_text(rules=()), "new.toml", change())
    assert contents(output) == before
    decide_by_person(open_output(output, make.checks), person(second))
    assert [one.series_uid for one in read_overrides(output)] == [first, second]


def test_what_was_vetted_meanwhile_is_not_mixed_with_what_was_read(output, make):
    stored = open_output(output, make.checks)
    uid = next(waiting(stored.judged())).series_uid
    other = dataclasses.replace(make.parts(seed=4), statements={})
    write_parts(other, output)
    write_decisions(judge(other, stored.policy), output, make.policy_text())
    before = contents(output)
    with pytest.raises(ReadError, match="somebody decided or vetted meanwhile"):
        decide_by_person(stored, person(uid))
    assert contents(output) == before


@pytest.fixture
def ended(output, make, tmp_path):
    """Return an output that a process died in while it put its files in place."""
    done = tmp_path / "done"
    shutil.copytree(output, done)
    uid = next(waiting(open_output(done, make.checks).judged())).series_uid
    decide_by_person(open_output(done, make.checks), person(uid))
    (output / ".qiqa-written").mkdir()
    names = ("manifest.parquet", "overrides.jsonl", "vet.json", "ro-crate-metadata.json")
    for path in done.iterdir():
        if path.is_file() and path.name != ".qiqa-lock":
            shutil.copy(path, output / ".qiqa-written" if path.name in names else output)
    return output, contents(done)


def test_what_a_run_left_is_put_in_place_before_it_is_verified(ended, make):
    folder, done = ended
    found = verify_output(folder, make.checks)
    assert found.holds
    assert found.seal == hashlib.sha256(done["ro-crate-metadata.json"]).hexdigest()
    assert contents(folder) == done


def test_what_is_decided_while_it_is_verified_does_not_look_altered(output, make, monkeypatch):
    uid = next(waiting(open_output(output, make.checks).judged())).series_uid
    genuine = vet_verifying.open_output

    def slow(*given):
        decide_by_person(genuine(*given), person(uid))
        return genuine(*given)

    monkeypatch.setattr(vet_verifying, "open_output", slow)
    with pytest.raises(ReadError, match="somebody decided or vetted meanwhile"):
        verify_output(output, make.checks)
    monkeypatch.undo()
    assert verify_output(output, make.checks).holds


def test_what_a_run_left_is_put_in_place_before_it_is_compared(ended, written, make):
    folder, done = ended
    assert len(compare_outputs(written, folder, make.checks).changed) == 1
    assert contents(folder) == done


def test_a_reason_may_hold_separators_of_lines(output, make):
    uid = next(waiting(open_output(output, make.checks).judged())).series_uid
    words = "seen\u2028by eye\u2029\x85\x0b\r\nagain"
    decide_by_person(
        open_output(output, make.checks), dataclasses.replace(person(uid), reason=words)
    )
    assert [one.reason for one in read_overrides(output)] == [words]
    assert verify_output(output, make.checks).holds


def test_a_decision_that_cannot_be_written_leaves_all_as_it_was(output, make, monkeypatch):
    stored = open_output(output, make.checks)
    uid = next(waiting(stored.judged())).series_uid
    before = contents(output)

    def full(*_):
        raise OutputError("no space left", where="card.html")

    monkeypatch.setattr("qiqa.workflows.vet_outputs.write_card", full)
    with pytest.raises(OutputError, match="no space left"):
        decide_by_person(stored, person(uid))
    assert contents(output) == before


def test_what_a_person_let_in_waits_again_when_more_speaks_against_it(output, make):
    stored = open_output(output, make.checks)
    strict, rules = stored.judged(), [r for r in make.rules if r[0] != "clipped"]
    row = next(r for r in waiting(strict) if "clipped" in r.decision.reasons)
    lenient = decide_by_policy(stored, make.policy_text(rules=rules), "new.toml", change())
    (now,) = [one for one in lenient.rows if one.series_uid == row.series_uid]
    assert "clipped" not in now.decision.reasons
    kept = decide_by_person(open_output(output, make.checks), person(row.series_uid))
    assert kept.counts.overridden == {row.series_uid}
    # the person did not know that it is clipped
    stored = open_output(output, make.checks)
    rules = [*make.rules, ("decision_lapsed", 0, "quarantine", "J. Kask", "Look again.")]
    result = decide_by_policy(stored, make.policy_text(rules=rules), "old.toml", change())
    (again,) = [one for one in result.rows if one.series_uid == row.series_uid]
    assert again.decision.action is row.decision.action
    assert again.decision.override is None
    assert "decision_lapsed" in again.decision.reasons
    (said,) = [one.evidence for one in again.observations if one.code == "decision_lapsed"]
    assert said == "B. Lind decided keep on 2026-12-01: seen by eye; since then also clipped"
    assert (result.counts.overridden, result.counts.lapsed) == (set(), {row.series_uid})
    kept = json.loads((output / "vet.json").read_text(encoding="utf-8"))
    assert kept["overrides"][0]["stands"] == "lapsed: no longer fits the series"
    assert verify_output(output, make.checks).holds
    # whoever turns that off believes every decision, until it is turned on again
    text = make.policy_text(rules=rules, extra='off = ["decisions"]')
    stored = open_output(output, make.checks)
    believed = decide_by_policy(stored, text, "off.toml", change())
    assert (believed.counts.overridden, believed.counts.lapsed) == ({row.series_uid}, set())
    text = make.policy_text(rules=rules)
    again = decide_by_policy(open_output(output, make.checks), text, "on.toml", change())
    assert again.counts == result.counts


def test_a_decision_on_a_series_that_has_gone_says_so(parts, policy, vetted):
    (uid,) = (one.series_uid for one in vetted.overrides)
    rest = [one for one in parts.series if one.series_uid != uid]
    result = judge(dataclasses.replace(parts, series=rest), policy, vetted.overrides)
    assert result.counts.overridden == result.counts.lapsed == frozenset()
    assert standing_words(result) == ["the series is no longer there"]
    assert "the series is no longer there" in render_card(result)
    assert standing_words(vetted) == ["holds"]


def damage(name, content):
    def apply(folder):
        (folder / name).write_bytes(content)

    return apply


def remove(name):
    def apply(folder):
        (folder / name).unlink()

    return apply


DAMAGE = {
    "no json": (remove("vet.json"), "vet.json"),
    "other json": (damage("vet.json", b'{"schema": "x"}'), "qiqa.vet/1"),
    "half json": (damage("vet.json", b'{"schema": "qiqa.vet/1"'), "vet.json"),
    "list": (damage("vet.json", b"[]"), "qiqa.vet/1"),
    "no policy": (remove("policy.toml"), "policy.toml"),
    "no manifest": (remove("manifest.parquet"), "manifest.parquet"),
    "half table": (damage("observations.parquet", b"PAR1"), "observations.parquet"),
    "half line": (damage("overrides.jsonl", b'{"action":'), "line 1"),
    "wrong line": (damage("overrides.jsonl", b'{"series_uid": "1"}'), "action is missing"),
    "no files": (remove("other_files.parquet"), "other_files.parquet"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_output_is_named(output, make, case):
    apply, said = DAMAGE[case]
    apply(output)
    with pytest.raises(ReadError) as caught:
        open_output(output, make.checks).judged()
    assert said in str(caught.value)
    assert str(output) in str(caught.value)


def test_an_output_of_an_earlier_version_says_what_to_do(output, make):
    path = output / "manifest.parquet"
    parquet.write_table(parquet.read_table(path).drop_columns(["seen"]), path)
    with pytest.raises(ReadError, match=r"no column seen\n.*earlier version.*again"):
        open_output(output, make.checks).judged()


def test_tables_of_different_runs_are_not_put_together(make, tmp_path):
    other = make.parts(n=400)
    write_parts(dataclasses.replace(other, series=other.series[::2]), tmp_path / "b")
    policy = parse_policy(make.policy_text(), make.checks, "p")
    few = dataclasses.replace(other, series=other.series[1::2])
    write_decisions(judge(few, policy), tmp_path / "b", make.policy_text())
    with pytest.raises(ReadError, match="different runs"):
        list(StoredSeries(tmp_path / "b"))


@pytest.mark.parametrize(
    "name",
    ["observations.parquet", "manifest.parquet", "policy.toml", "vet.json", "thumbnails.parquet"],
)
def test_nothing_is_decided_on_what_was_altered(output, make, name):
    """It would be hashed anew, and stand there as if it had been seen."""
    stored = open_output(output, make.checks)
    uid = next(waiting(stored.judged())).series_uid
    path = output / name
    path.write_bytes(path.read_bytes() + b"\n")
    before = contents(output)
    with pytest.raises(ReadError, match=f"not as it was written: {name}"):
        decide_by_person(stored, person(uid))
    with pytest.raises(ReadError, match=f"not as it was written: {name}"):
        decide_by_policy(stored, make.policy_text(rules=()), "new.toml", change())
    assert contents(output) == before


def test_a_decision_that_was_taken_out_or_put_in_by_hand_is_noticed(output, make):
    uid = next(waiting(open_output(output, make.checks).judged())).series_uid
    for action in (Action.KEEP, Action.REJECT):
        decide_by_person(open_output(output, make.checks), person(uid, action))
    path = output / "overrides.jsonl"
    whole = path.read_bytes()
    refuse_lost_decisions(output)
    refuse_lost_decisions(output / "nothing there")
    for other in (whole + whole, whole.splitlines(keepends=True)[1]):
        path.write_bytes(other)
        with pytest.raises(ReadError, match=r"not as it was written: overrides\.jsonl"):
            decide_by_person(open_output(output, make.checks), person(uid))
        with pytest.raises(ReadError, match=r"not those on record: overrides\.jsonl"):
            refuse_lost_decisions(output)
    path.unlink()
    with pytest.raises(ReadError, match=r"not those on record: overrides\.jsonl"):
        refuse_lost_decisions(output)


def test_a_card_that_was_altered_is_made_anew(output, make):
    stored = open_output(output, make.checks)
    (output / "card.html").write_text("nothing wrong here", encoding="utf-8")
    decide_by_person(stored, person(next(waiting(stored.judged())).series_uid))
    assert b"nothing wrong here" not in (output / "card.html").read_bytes()


def test_what_nothing_corrects_is_not_said_to_be_corrected(output, make):
    stored = open_output(output, make.checks)
    rows = list(stored.judged().rows)
    before = contents(output)
    none = next(row for row in rows if not row.decision.corrections)
    with pytest.raises(UsageError, match="nothing is known that would correct it"):
        decide_by_person(stored, person(none.series_uid, Action.CORRECT))
    assert contents(output) == before
    known = next(row for row in rows if row.decision.corrections)
    result = decide_by_person(stored, person(known.series_uid, Action.CORRECT))
    (row,) = [one for one in result.rows if one.series_uid == known.series_uid]
    assert row.decision.asked_corrections == known.decision.corrections


def of_sheet(row, **given):
    known = {"reasons": row.decision.reasons, "seen": row.seen}
    return dataclasses.replace(person(row.series_uid, **given), **known)


def test_a_sheet_does_not_go_past_what_another_person_decided_since(output, make):
    stored = open_output(output, make.checks)
    row, other = itertools.islice(waiting(stored.judged()), 2)
    decide_by_person(stored, person(row.series_uid, Action.REJECT, who="A. Berg"))
    before = contents(output)
    stored = open_output(output, make.checks)
    with pytest.raises(UsageError, match=r"A\. Berg decided reject on 2026-12-01: seen by eye"):
        decide_by_person(stored, of_sheet(other), of_sheet(row))
    assert contents(output) == before
    # the row alone, in full knowledge, may
    decide_by_person(stored, person(row.series_uid))
    assert open_output(output, make.checks).judged().counts.overridden == {row.series_uid}


def test_a_sheet_that_is_taken_in_again_adds_only_what_is_new(output, make):
    first, second = itertools.islice(waiting(open_output(output, make.checks).judged()), 2)
    decide_by_person(open_output(output, make.checks), of_sheet(first))
    decide_by_person(open_output(output, make.checks), of_sheet(first), of_sheet(second))
    uids = [one.series_uid for one in read_overrides(output)]
    assert uids == [first.series_uid, second.series_uid]
    before = contents(output)
    again = decide_by_person(open_output(output, make.checks), of_sheet(first), of_sheet(second))
    assert contents(output) == before
    assert again.counts.overridden == set(uids)
    # the same person thinks again
    decide_by_person(open_output(output, make.checks), of_sheet(first, action=Action.REJECT))
    assert read_overrides(output)[-1].action is Action.REJECT
