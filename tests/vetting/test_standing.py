"""A person's decision holds for the series as it was seen, and for what spoke against it then."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pydicom
import pytest

from qiqa.cli.app import run

sys.path.insert(0, str(Path(__file__).parent))
from running import make_set


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """Return a set of which a person let in one series that lacks its echo time."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("decided")
    make_set(folder, sites=1, people=2)
    one = min(path.parent for path in (folder / "images").rglob("*.dcm"))
    change(one, lambda image: image.pop("EchoTime"))
    vet(folder)
    row = row_of(folder, one)
    assert (row["decision"], row["reasons"]) == ("quarantine", "missing_attribute")
    words = ["--action", "keep", "--who", "B. Lind", "--reason", "TE is in the protocol"]
    run(["vet", "review", str(folder / "out"), "--series", row["series_uid"], *words])
    assert row_of(folder, one)["decision"] == "keep"
    return folder, one.relative_to(folder)


@pytest.fixture
def again(decided, tmp_path):
    """Return a copy that may be changed, and the series."""
    folder, one = decided
    shutil.copytree(folder, tmp_path / "set")
    return tmp_path / "set", tmp_path / "set" / one


def change(series, how):
    for path in sorted(series.glob("*.dcm")):
        image = pydicom.dcmread(path)
        how(image)
        image.save_as(path)


def named(image):
    image.PatientName = "Lindqvist^Astrid"


def vet(folder):
    words = ["-o", str(folder / "out"), "--policy", str(folder / "policy.toml")]
    run(["vet", str(folder / "images"), *words, "--key", str(folder / "key"), "--processes", "1"])


def rows(folder):
    with (folder / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def row_of(folder, series):
    inside = series.relative_to(folder / "images").as_posix()
    (row,) = [row for row in rows(folder) if row["path"] == inside]
    return row


def stands(folder):
    kept = json.loads((folder / "out" / "vet.json").read_text(encoding="utf-8"))
    return [one["stands"] for one in kept["overrides"]]


def test_it_holds_where_nothing_changed(again):
    folder, series = again
    before = (folder / "out" / "manifest.csv").read_bytes()
    vet(folder)
    assert (folder / "out" / "manifest.csv").read_bytes() == before
    # a copy elsewhere, read anew: neither name nor time of the files is part of it
    shutil.rmtree(folder / "out" / "private")
    vet(folder)
    assert (folder / "out" / "manifest.csv").read_bytes() == before
    assert row_of(folder, series)["decision"] == "keep"
    assert stands(folder) == ["holds"]


def test_a_name_that_was_put_in_afterwards_is_not_let_in(again):
    folder, series = again

    change(series, named)
    vet(folder)
    row = row_of(folder, series)
    assert row["decision"] == "quarantine"
    assert {"identity_in_header", "decision_lapsed"} <= set(row["reasons"].split(";"))
    assert "B. Lind decided keep on" in row["evidence"]
    assert "since then also identity_claimed_removed, identity_in_file_name" in row["evidence"]
    assert "Lindqvist" not in row["evidence"]
    assert stands(folder) == ["lapsed: no longer fits the series"]


def test_other_pixels_wait_for_a_person_again(again):
    folder, series = again

    def brighter(image):
        values = image.pixel_array.copy()
        values[3, 4] += 1
        image.PixelData = values.tobytes()

    before = row_of(folder, series)
    change(series, brighter)
    vet(folder)
    row = row_of(folder, series)
    assert row["decision"] == "quarantine"
    assert row["reasons"].split(";") == ["decision_lapsed", "missing_attribute"]
    assert "what is seen of it is not what was seen then" in row["evidence"]
    assert row["seen"] != before["seen"]
    others = [one for one in rows(folder) if one["path"] != row["path"]]
    assert all("decision_lapsed" not in one["reasons"] for one in others)
    # the person looks again
    words = ["--action", "keep", "--who", "B. Lind", "--reason", "a brighter voxel"]
    run(["vet", "review", str(folder / "out"), "--series", row["series_uid"], *words])
    assert row_of(folder, series)["decision"] == "keep"
    vet(folder)
    assert row_of(folder, series)["decision"] == "keep"
    assert stands(folder) == ["replaced by a later one", "holds"]


def test_a_policy_without_a_rule_for_it_does_not_let_it_lapse_in_silence(again, capsys):
    folder, series = again
    text = (folder / "policy.toml").read_text(encoding="utf-8")
    first = text.index("[rules.decision_lapsed]")
    without = text[:first] + text[text.index("[rules.", first + 1) :]
    (folder / "policy.toml").write_text(without, encoding="utf-8")
    for path in series.glob("*.dcm"):
        path.write_bytes(path.read_bytes() + bytes(2))
    capsys.readouterr()
    vet(folder)
    assert "decisions of persons that no longer fit, and do not count: 1" in capsys.readouterr().out
    run(["vet", "review", str(folder / "out")])
    assert "decisions of persons that no longer fit, and do not count: 1" in capsys.readouterr().out
    assert "decision_lapsed" not in row_of(folder, series)["reasons"]


def test_a_set_that_was_moved_is_the_same(again):
    folder, series = again

    change(series, named)
    vet(folder)
    row = row_of(folder, series)
    assert ".dcm)" in row["evidence"]  # the place of a finding is the path of a file
    words = ["--action", "keep", "--who", "B. Lind", "--reason", "she is a phantom"]
    run(["vet", "review", str(folder / "out"), "--series", row["series_uid"], *words])
    (folder / "images").rename(folder / "inner")
    (folder / "images").mkdir()
    (folder / "inner").rename(folder / "images" / "inner")
    vet(folder)
    moved = row_of(folder, folder / "images" / "inner" / series.relative_to(folder / "images"))
    assert (moved["decision"], moved["seen"]) == ("keep", row["seen"])
    assert stands(folder) == ["replaced by a later one", "holds"]


def test_of_a_decision_without_record_of_what_was_seen_nothing_is_claimed(again):
    folder, series = again
    line = json.loads((folder / "out" / "overrides.jsonl").read_text(encoding="utf-8"))
    shutil.rmtree(folder / "out")
    (folder / "out").mkdir()
    # as it was written before reasons and digest were kept
    old = {name: line[name] for name in ("series_uid", "action", "who", "reason", "at")}
    (folder / "out" / "overrides.jsonl").write_text(json.dumps(old) + "\n", encoding="utf-8")
    vet(folder)
    row = row_of(folder, series)
    assert row["decision"] == "quarantine"
    assert row["reasons"].split(";") == ["decision_lapsed", "missing_attribute"]
    said = "TE is in the protocol; what was seen of it then is not on record"
    assert said in row["evidence"]
    assert "not what was seen" not in row["evidence"]
    assert "since then" not in row["evidence"]


def test_what_a_person_keeps_out_stays_out(again):
    folder, series = again
    uid = row_of(folder, series)["series_uid"]
    words = ["--action", "reject", "--who", "B. Lind", "--reason", "consent was withdrawn"]
    run(["vet", "review", str(folder / "out"), "--series", uid, *words])

    def right(image):
        image.EchoTime = 3.0

    change(series, right)
    vet(folder)
    row = row_of(folder, series)
    assert (row["decision"], row["reasons"]) == ("reject", "")
    assert stands(folder) == ["replaced by a later one", "holds"]


def test_a_series_that_has_gone_leaves_its_decision_on_record(again):
    folder, series = again
    shutil.rmtree(series)
    vet(folder)
    assert stands(folder) == ["the series is no longer there"]


def test_who_has_images_policy_key_and_decisions_gets_the_same_manifest(again):
    folder, _ = again
    vetted = folder / "out"
    replayed = folder / "replayed"
    replayed.mkdir()
    shutil.copy(vetted / "overrides.jsonl", replayed)
    words = ["--policy", str(vetted / "policy.toml"), "--key", str(folder / "key")]
    run(["vet", str(folder / "images"), *words, "-o", str(replayed)])
    for name in ("manifest.csv", "manifest.parquet"):
        assert (replayed / name).read_bytes() == (vetted / name).read_bytes()
    assert run(["vet", "compare", str(vetted), str(replayed)]) == 0
