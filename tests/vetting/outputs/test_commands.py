"""`qiqa vet policy`, `review` and `compare`, as they are typed."""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import json
import re
import tomllib

import pytest

from qiqa.cli import app
from qiqa.core.vetting import Action
from qiqa.workflows import vet_checks
from qiqa.workflows.reviewing import open_output, waiting

pytest.importorskip("pyarrow")


@pytest.fixture
def vet(monkeypatch, make, capsys):
    """Return what runs `qiqa vet WORD ...` and gives status, output and errors."""
    monkeypatch.setattr(vet_checks, "known_checks", lambda: make.checks)
    monkeypatch.setenv("COLUMNS", "160")

    def run(word, *given):
        module = f"qiqa.cli.vet_{word}"
        assert importlib.import_module(module)
        monkeypatch.setitem(app.COMMANDS, "vet-under-test", (module, "Under test."))
        status = app.run(["vet-under-test", *map(str, given)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def first(output, make):
    """Return the first series that waits for a person."""
    return next(waiting(open_output(output, make.checks).judged()))


def test_review_lists_what_waits(vet, output, first):
    status, said, _ = vet("review", output, "--most", 5)
    assert status == 3
    assert "of 500 series can be used" in said
    assert first.series_uid in said
    assert ", ".join(first.decision.reasons) in said
    number = json.loads((output / "vet.json").read_text(encoding="utf-8"))["counts"]["actions"]
    assert f"{number['quarantine']} wait for a person" in said
    assert f"{number['quarantine'] - 5} more" in said


def test_review_records_a_decision(vet, output, first):
    given = ("--action", "keep", "--who", "B. Lind", "--reason", "side marker")
    status, _, errors = vet("review", output, "--series", first.series_uid, *given)
    assert (status, errors) == (3, "")
    line = json.loads((output / "overrides.jsonl").read_text(encoding="utf-8"))
    assert line["series_uid"] == first.series_uid
    assert (line["action"], line["who"], line["reason"]) == ("keep", "B. Lind", "side marker")


def test_review_under_another_policy_reads_no_image(vet, output, make, tmp_path):
    path = tmp_path / "lenient.toml"
    path.write_bytes(make.policy_text(rules=make.rules[:1]))
    status, said, _ = vet(
        "review", output, "--policy", path, "--who", "J", "--reason", "only identity matters"
    )
    assert status == 0
    assert "nothing waits for a person" in said
    kept = json.loads((output / "vet.json").read_text(encoding="utf-8"))
    assert kept["policy"]["changes"][0]["reason"] == "only identity matters"


def test_review_gives_json_alone_on_standard_output(vet, output):
    status, said, errors = vet("review", output, "--json", "-")
    assert status == 3
    assert json.loads(said)["schema"] == "qiqa.vet/1"
    assert "wait for a person" in errors


WRONG = {
    "half": (["--series", "1"], "--action"),
    "other half": (["--action", "keep"], "--series"),
    "action": (
        ["--series", "1", "--action", "kep", "--who", "a", "--reason", "b"],
        "'kep' is none",
    ),
    "who": (["--series", "1", "--action", "keep", "--reason", "b"], "--who"),
    "reason": (["--series", "1", "--action", "keep", "--who", "b"], "--reason"),
    "both": (["--series", "1", "--action", "keep", "--policy", "x"], "one thing at a time"),
    "nothing": (["--who", "a"], "nothing is decided"),
    "unknown": (["--series", "1", "--action", "keep", "--who", "a", "--reason", "b"], "no series"),
}


@pytest.mark.parametrize("case", WRONG)
def test_half_a_decision_is_refused(vet, output, case):
    given, said = WRONG[case]

    def times():
        shown = (path for path in output.iterdir() if not path.name.startswith("."))
        return {path.name: path.stat().st_mtime_ns for path in shown}

    before = times()
    status, _, errors = vet("review", output, *given)
    assert status == 2
    assert said in errors
    assert times() == before


def test_a_folder_that_is_no_output_is_named(vet, tmp_path):
    status, _, errors = vet("review", tmp_path)
    assert status == 1
    assert "vet.json" in errors


def test_compare_says_what_moved_and_why(vet, output, first, tmp_path):
    import shutil

    before = shutil.copytree(output, tmp_path / "before")
    given = ("--action", "reject", "--who", "B. Lind", "--reason", "names a person")
    vet("review", output, "--series", first.series_uid, *given)
    status, said, _ = vet("compare", before, output)
    assert status == 3
    assert "1 series decided otherwise; 500 before, 500 after" in said
    assert "quarantine -> reject" in said
    assert "B. Lind decided reject" in said
    status, said, _ = vet("compare", before, before, "--json", "-")
    assert status == 0
    payload = json.loads(said)
    assert payload["schema"] == "qiqa.vet_comparison/1"
    assert payload["changed"] == []
    assert sum(one["series"] for one in payload["moves"]) == 500


def test_verify_says_that_an_output_holds_also_after_a_decision(vet, output, first):
    series = json.loads((output / "vet.json").read_text(encoding="utf-8"))["counts"]["series"]
    status, said, _ = vet("verify", output)
    assert status == 0
    assert "files are as they were written" in said
    assert f"{series} decisions follow" in said
    given = ("--action", "keep", "--who", "B. Lind", "--reason", "side marker")
    vet("review", output, "--series", first.series_uid, *given)
    assert vet("verify", output)[0] == 0


def test_verify_names_what_was_changed_by_hand(vet, output, first):
    path = output / "policy.toml"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"limit = 2\n", b"limit = 90\n"))
    assert path.read_bytes() != before
    status, said, _ = vet("verify", output)
    assert status == 1
    assert "not as it was written: policy.toml" in said
    assert "decisions do not follow from what was seen and the policy, first 1.2.826" in said
    path.write_bytes(before)
    line = {"series_uid": first.series_uid, "action": "keep", "who": "X", "reason": "y"}
    line["at"] = "2026-11-29T10:00:00+00:00"
    line["reasons"], line["seen"] = first.decision.reasons, first.seen
    (output / "overrides.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    status, said, _ = vet("verify", output)
    assert status == 1
    assert "overrides.jsonl" in said
    said = " ".join(said.split())
    assert "1 of 500 decisions do not follow from what was seen and the policy" in said
    assert said.count(first.series_uid) == 1
    told = json.loads(vet("verify", output, "--json", "-")[1])
    assert told["schema"] == "qiqa.vet_verification/1"
    assert (told["holds"], told["differing"]) == (False, [first.series_uid])
    assert "overrides.jsonl" in told["changed"]
    (output / "manifest.csv").unlink()
    assert "manifest.csv" in vet("verify", output)[1]


@pytest.mark.parametrize("text", ["", "[]", '{"@graph": [3]}', '{"@graph": [{"@type": "File"}]}'])
def test_verify_refuses_what_is_no_crate(vet, output, text):
    (output / "ro-crate-metadata.json").write_text(text, encoding="utf-8")
    status, _, errors = vet("verify", output)
    assert status == 1
    assert "is no RO-Crate of qiqa" in errors


def test_policy_prints_the_default_with_its_owner(vet, tmp_path):
    status, said, errors = vet("policy", "--owner", "J. Kask", "--purpose", "T1")
    assert (status, errors) == (0, "")
    data = tomllib.loads(said)
    assert (data["owner"], data["purpose"]) == ("J. Kask", "T1")
    assert "# A value above `limit` calls for `action`" in said
    _, _, errors = vet("policy")
    assert "give --owner" in errors
    path = tmp_path / "policy.toml"
    assert vet("policy", "--owner", "J. Kask", "-o", path)[0] == 0
    before = path.read_bytes()
    status, _, errors = vet("policy", "--owner", "Another", "-o", path)
    assert status == 2
    assert "not replaced" in errors
    assert path.read_bytes() == before


def test_policy_checks_one_that_is_there(vet, make, tmp_path):
    path = tmp_path / "policy.toml"
    path.write_bytes(make.policy_text())
    status, said, _ = vet("policy", "--check", path)
    assert status == 0
    assert f"{len(make.rules)} rules of J. Kask" in said
    path.write_bytes(make.policy_text().replace(b"rules.clipped", b"rules.clippd"))
    status, _, errors = vet("policy", "--check", path)
    assert status == 1
    assert "did you mean 'clipped'?" in errors


def test_texts_of_headers_do_not_steer_the_terminal(vet, make, output, tmp_path):
    import dataclasses

    from qiqa.io.policy_file import parse_policy
    from qiqa.workflows.reviewing import judge
    from qiqa.workflows.vet_outputs import write_decisions, write_parts

    parts = make.parts(n=40)
    odd = tuple(
        dataclasses.replace(one, site="\x1b[2J\u202e", scanner="a\r\nb") for one in parts.series
    )
    parts = dataclasses.replace(parts, series=odd)
    policy = parse_policy(make.policy_text(), make.checks, "p")
    write_parts(parts, tmp_path / "b")
    result = judge(parts, policy)
    assert result.counts.actions[Action.QUARANTINE]
    write_decisions(result, tmp_path / "b", make.policy_text())
    for said in (vet("review", tmp_path / "b")[1], vet("compare", output, tmp_path / "b")[1]):
        assert "\x1b[2J" not in said
        assert "\u202e" not in said
        assert "\r" not in said


def test_the_seal_tells_a_record_that_was_forged(vet, output, first):
    given = ("--action", "keep", "--who", "B. Lind", "--reason", "side marker")
    _, said, _ = vet("review", output, "--series", first.series_uid, *given)
    (seal,) = re.findall(r"^seal: ([0-9a-f]{64})$", said, re.MULTILINE)
    crate = output / "ro-crate-metadata.json"
    assert hashlib.sha256(crate.read_bytes()).hexdigest() == seal
    status, said, _ = vet("verify", output, "--seal", seal.upper())
    assert (status, said.splitlines()[-1]) == (0, f"seal: {seal} as given")
    # who alters a file may write its hash anew as well
    card = output / "card.html"
    before = hashlib.sha256(card.read_bytes()).hexdigest()
    card.write_text("All is well", encoding="utf-8")
    after = hashlib.sha256(card.read_bytes()).hexdigest()
    crate.write_text(crate.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    assert vet("verify", output)[0] == 0
    status, said, _ = vet("verify", output, "--seal", seal)
    assert status == 1
    assert "not as it was written: ro-crate-metadata.json" in said
    assert "as given" not in said
    for none in ("abc", ""):
        status, _, errors = vet("verify", output, "--seal", none)
        assert status == 2
        assert f"{none!r} is no SHA-256" in errors


def test_what_lies_beside_an_output_is_named(vet, output):
    assert "no part of it" not in vet("verify", output)[1]
    (output / "notes.txt").write_text("", encoding="utf-8")
    status, said, _ = vet("verify", output)
    assert status == 0
    assert "beside it, no part of it: notes.txt" in said


def test_many_are_decided_by_a_sheet(vet, output, tmp_path):
    sheet = tmp_path / "waiting.csv"
    status, said, _ = vet("review", output, "--waiting", sheet)
    number = json.loads((output / "vet.json").read_text(encoding="utf-8"))["counts"]["actions"]
    text = sheet.read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == number["quarantine"]
    assert {(row["action"], row["reason"]) for row in rows} == {("", "")}
    # as it was written nothing is decided
    status, _, errors = vet("review", output, "--decisions", sheet, "--who", "B. Lind")
    assert status == 1
    assert "no row has an action" in errors
    for row in rows[:-1]:
        row["action"] = "keep"
    rows[0]["reason"] = "side marker"
    write(sheet, rows)
    words = ("--decisions", sheet, "--who", "B. Lind", "--reason", "seen by eye")
    status, said, _ = vet("review", output, *words)
    assert status == 3
    assert "1 wait for a person" in said
    lines = (output / "overrides.jsonl").read_text(encoding="utf-8").splitlines()
    decided = [json.loads(line) for line in lines]
    assert [one["series_uid"] for one in decided] == [row["series_uid"] for row in rows[:-1]]
    assert [one["reason"] for one in decided[:2]] == ["side marker", "seen by eye"]
    assert vet("verify", output)[0] == 0
    # one wrong row, and none is taken
    write(sheet, [{**rows[0], "action": "reject"}, {**rows[0], "series_uid": "9.9"}])
    before = (output / "overrides.jsonl").read_bytes()
    status, _, errors = vet("review", output, *words)
    assert status == 2
    assert "no series '9.9'" in errors
    assert (output / "overrides.jsonl").read_bytes() == before


def test_a_sheet_that_may_be_filled_in_is_not_replaced(vet, output, tmp_path):
    sheet = tmp_path / "waiting.csv"
    sheet.write_text("series_uid,action,reason\n1.2,keep,a week of work\n", encoding="utf-8")
    before = sheet.read_bytes()
    status, _, errors = vet("review", output, "--waiting", sheet)
    assert status == 2
    assert f"{sheet}: is there already" in errors
    assert sheet.read_bytes() == before


def test_a_sheet_lets_nothing_in_that_it_did_not_say(vet, output, make, tmp_path):
    """It may lie for a week; the set is vetted again meanwhile."""
    lenient, strict = (tmp_path / name for name in ("lenient.toml", "strict.toml"))
    lenient.write_bytes(make.policy_text(rules=[r for r in make.rules if r[0] != "clipped"]))
    strict.write_bytes(make.policy_text())
    who = ("--who", "J. Kask", "--reason", "agreed")
    vet("review", output, "--policy", lenient, *who)
    sheet = tmp_path / "waiting.csv"
    vet("review", output, "--waiting", sheet)
    rows = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"), newline="")))
    vet("review", output, "--policy", strict, *who)
    again = {one.series_uid: one for one in waiting(open_output(output, make.checks).judged())}
    more = [r for r in rows if "clipped" in again[r["series_uid"]].decision.reasons]
    same = [r for r in rows if r not in more]
    assert more
    assert same
    filled = [{**one, "action": "keep", "reason": "looked at"} for one in rows]
    write(sheet, filled)
    status, _, errors = vet("review", output, "--decisions", sheet, "--who", "B. Lind")
    assert status == 2
    assert f"series '{more[0]['series_uid']}'" in errors
    assert "since then also clipped" in errors
    assert not (output / "overrides.jsonl").exists()
    # what did not change can be decided; to keep out always
    for row in filled:
        if row["series_uid"] in {one["series_uid"] for one in more}:
            row["action"] = "reject"
    write(sheet, filled)
    assert vet("review", output, "--decisions", sheet, "--who", "B. Lind")[0] in (0, 3)


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
