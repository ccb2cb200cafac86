"""`qiqa vet` as it is typed, on sets that are tables: what is refused, recorded and said."""

from __future__ import annotations

import hashlib
import json
import os
import stat

import pytest

from qiqa.cli.app import run
from qiqa.core.vetting import Needs
from qiqa.io.policy_file import default_policy_text
from qiqa.io.vet_parts import read_manifest
from qiqa.workflows import vetting_walk
from qiqa.workflows.vet_checks import known_checks

pytest.importorskip("pyarrow")
OFF = 'off = ["outliers", "predictability"]\n'


@pytest.fixture
def vet(capsys):
    """Return what runs `qiqa vet ...` and gives status and all that was said."""

    def vetted(*given):
        status = run(["vet", *map(str, given)])
        said = capsys.readouterr()
        return status, said.out + said.err

    return vetted


@pytest.fixture
def table(tmp_path):
    """Return a set of twelve series of which there is a table only."""
    rows = [f"s{i},{'AB'[i % 2]},{20 + i}.5" for i in range(12)]
    path = tmp_path / "set.csv"
    path.write_text("name,site,snr\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def policy(tmp_path):
    """Return what writes a policy with another text than the one before."""

    def written(name, limit=1):
        text = default_policy_text()
        first = text.index("limit = ", text.index("[rules.clipped]"))
        text = f"{text[:first]}limit = {limit} #{text[first + 8 :]}"
        path = tmp_path / name
        path.write_text(OFF + text, encoding="utf-8")
        return path

    return written


def stored(folder):
    return json.loads((folder / "vet.json").read_text(encoding="utf-8"))


def test_a_table_alone_is_no_proof_of_what_only_images_show(vet, table, policy, tmp_path):
    out = tmp_path / "out"
    assert vet(table, "--policy", policy("p"), "-o", out)[0] == 0
    not_run = stored(out)["not_run"]
    unseen = {one.name for one in known_checks() if one.needs is not Needs.SET}
    assert unseen | {"duplicates", "phantom_lineage", "representativeness"} <= set(not_run)
    known = {one.name for one in known_checks()}
    assert set(not_run) <= known | {r.code for one in known_checks() for r in one.reasons}
    assert "patient_in_several_splits" in not_run
    # the site is stated, so what needs it is not among them for want of it
    assert "site" not in not_run.get("duplicate_across_sites", "")
    card = (out / "card.html").read_text(encoding="utf-8")
    for code in ("identity_in_header", "patient_in_several_splits", "scanner_out_of_control"):
        row = card[card.index(f"<code>{code}</code>") :].split("</tr>")[0]
        assert "not checked" in row
        assert "0 of 12 series" not in row


def test_files_that_were_given_are_named_with_their_hash(vet, table, policy, tmp_path):
    census = tmp_path / "census.csv"
    census.write_text("column,value,share\nsite,A,0.5\nsite,B,0.5\n", encoding="utf-8")
    out = tmp_path / "out"
    vet(table, "--policy", policy("p"), "--population", census, "-o", out)
    given = {one["role"]: one for one in stored(out)["provenance"]["files"]}
    for role, path in (("set", table), ("population", census)):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        assert given[role] == {"role": role, "name": path.name, "sha256": sha256}
        assert sha256[:12] in (out / "card.html").read_text(encoding="utf-8")
        assert sha256 in (out / "ro-crate-metadata.json").read_text(encoding="utf-8")


def test_vetting_again_under_another_policy_is_a_change_after_results(vet, table, policy, tmp_path):
    out, strict, lenient = tmp_path / "out", policy("strict"), policy("lenient", limit=5)
    vet(table, "--policy", strict, "-o", out)
    assert stored(out)["policy"]["changes"] == []
    status, said = vet(table, "--policy", lenient, "-o", out)
    assert status == 0
    assert "results here were seen under another policy" in said
    (change,) = stored(out)["policy"]["changes"]
    assert change["before_sha256"] == hashlib.sha256(strict.read_bytes()).hexdigest()
    assert change["who"] == "not stated"
    assert "The policy was changed after results were seen" in (out / "card.html").read_text(
        "utf-8"
    )
    # the same once more is no further change, and the one there was stays
    assert "another policy" not in vet(table, "--policy", lenient, "-o", out)[1]
    assert stored(out)["policy"]["changes"] == [change]


def test_a_change_that_the_policy_itself_states_is_not_stated_twice(vet, table, policy, tmp_path):
    out, first, second = tmp_path / "out", policy("first"), policy("second", limit=5)
    vet(table, "--policy", first, "-o", out)
    sha256 = hashlib.sha256(first.read_bytes()).hexdigest()
    change = '[[changes]]\nat = 2026-11-09T10:00:00\nwho = "J. Kask"\nreason = "too strict"\n'
    with second.open("a", encoding="utf-8") as file:
        file.write(f'{change}before_sha256 = "{sha256}"\n')
    vet(table, "--policy", second, "-o", out)
    assert [one["who"] for one in stored(out)["policy"]["changes"]] == ["J. Kask"]


def test_a_folder_without_images_is_no_success(vet, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "notes.txt").write_text("nothing", encoding="utf-8")
    status, said = vet(images, "--processes", 1, "-o", tmp_path / "out")
    assert status == 1
    assert "there is no image series" in said
    assert not (tmp_path / "out" / "card.html").exists()


def refused(*words):
    return [pytest.param(given, status, said, id=said) for given, status, said in words]


@pytest.mark.parametrize(
    ("given", "status", "said"),
    refused(
        (("{images}", "-o", "{table}"), 1, "cannot be made"),
        (("{images}", "-o", "{out}", "--column", "label=dx"), 2, "--table FILE"),
        (("{images}", "-o", "{out}", "--key", "nokey"), 2, "for a key of its own leave --key out"),
        (("{table}", "-o", "{out}", "--column", "site=sites"), 2, "did you mean 'site'?"),
        (("{images}", "-o", "{out}", "--table", "{table}"), 2, "--column patient_id=COLUMN"),
    ),
)
def test_a_mistake_says_what_to_do(vet, table, tmp_path, given, status, said):
    images = tmp_path / "images"
    images.mkdir()
    places = {"images": images, "table": table, "out": tmp_path / "out"}
    code, words = vet(*(one.format(**places) for one in given))
    assert code == status
    assert said in " ".join(words.split())
    assert "Traceback" not in words


def test_a_decision_does_not_pass_to_another_row_of_a_table(vet, table, policy, tmp_path):
    def decision(out, uid):
        return next(one["decision"] for one in read_manifest(out) if one["series_uid"] == uid)

    names, *rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    by_line, by_name = tmp_path / "by-line", tmp_path / "by-name"
    given = {by_line: (), by_name: ("--column", "row=name")}
    words = ("--action", "keep", "--who", "B. Lind", "--reason", "looked at")
    for out, uid in ((by_line, "row 000000002"), (by_name, "s0")):
        vet(table, "--policy", policy("p"), "-o", out, *given[out])
        vet("review", out, "--series", uid, *words)
        vet(table, "--policy", policy("p"), "-o", out, *given[out])
        assert decision(out, uid) == "keep"
    table.write_text("".join([names, *reversed(rows)]), encoding="utf-8")
    for out, column in given.items():
        vet(table, "--policy", policy("p"), "-o", out, *column)
    assert decision(by_line, "row 000000002") == "quarantine"
    assert stored(by_line)["overrides"][0]["stands"] == "lapsed: no longer fits the series"
    assert decision(by_name, "s0") == "keep"


def test_what_somebody_decided_during_a_long_run_is_not_written_over(
    vet, table, policy, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert vet(table, "--policy", policy("p"), "-o", out)[0] == 0
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    genuine = vetting_walk.vet_table

    def slow(*args):
        uid = next(iter(read_manifest(out)))["series_uid"]
        words = ("--series", uid, "--action", "reject", "--who", "B. Lind", "--reason", "withdrawn")
        run(["vet", "review", str(out), *words])
        return genuine(*args)

    monkeypatch.setattr(vetting_walk, "vet_table", slow)
    status, said = vet(table, "--policy", policy("p"), "-o", out)
    assert status == 1
    assert "somebody decided or vetted meanwhile" in said
    assert "the same command again" in said
    assert (out / "overrides.jsonl").exists()
    monkeypatch.undo()
    assert vet(table, "--policy", policy("p"), "-o", out)[0] == 4
    assert b"withdrawn" in (out / "manifest.csv").read_bytes()
    assert b"withdrawn" not in before[out / "manifest.csv"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_nobody_else_may_look_into_what_is_private(vet, table, policy, tmp_path):
    vet(table, "--policy", policy("p"), "-o", tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / "private").stat().st_mode) == 0o700
