"""`qiqa phantoms` and `qiqa protocols`: lists, checks, and an entry file that can be fed back."""

import json
import tomllib

import pytest

from qiqa.cli.entering import entries_of
from qiqa.cli.qc import Options
from qiqa.io.definitions import load_phantom, load_protocol, names, root


@pytest.mark.parametrize("kind", ["phantoms", "protocols"])
def test_what_is_known_is_listed(qiqa, kind):
    out = qiqa(kind).out
    assert all(name in out for name in names(kind))
    payload = json.loads(qiqa(kind, "--json", "-").out)
    assert payload["schema"] == f"qiqa.{kind}/1"
    assert [item["id"] for item in payload[kind]] == list(names(kind))


@pytest.mark.parametrize(
    ("kind", "name", "load"),
    [("phantoms", "acr_large", load_phantom), ("protocols", "acr_large_2022", load_protocol)],
)
def test_a_right_definition_has_no_fault(qiqa, home, kind, name, load):
    path = home / "mine.toml"
    path.write_text((root(kind) / f"{name}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    ran = qiqa(kind, "--check", "mine.toml")
    assert (ran.code, ran.out) == (0, ran.out)
    assert f"mine.toml: {load(name).name}" in ran.out
    assert "no fault found" in ran.out


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ("\ncompares = ", "\ncompars = ", "limit[0].compars: unknown key", "'compares'"),
        ("action = [-3.0, 3.0]", "action = [3.0, -3.0]", "limit[0].action", ""),
        ("action = [-3.0, 3.0]", 'action = "3 mm"', "limit[0].action", ""),
        ('roles = ["localizer"]', 'roles = ["lokalizer"]', "limit[0].roles", ""),
        ('schema = "qiqa.protocol/1"', 'schema = "qiqa.protocol/9"', "qiqa.protocol/9", ""),
        ('id = "acr', "id = acr", "not valid TOML", ""),
        ('phantom = "acr_large"', 'phantom = "acr_lagre"', "'acr_lagre'", "'acr_large'"),
    ],
)
def test_a_wrong_protocol_says_file_and_place(qiqa, home, old, new, said, hint):
    text = (root("protocols") / "acr_large_2022.toml").read_text(encoding="utf-8")
    assert old in text
    (home / "mine.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    for arguments in (
        ["protocols", "--check", "mine.toml"],
        ["qc", ".", "--protocol", "mine.toml"],
    ):
        ran = qiqa(*arguments)
        assert ran.code == 1
        assert said in ran.err
        assert hint in ran.err
        assert "mine.toml" in ran.err or hint


def test_an_unknown_name_gives_the_nearest(qiqa):
    ran = qiqa("qc", ".", "--protocol", "acr_larg_2022")
    assert ran.code == 1
    assert "did you mean 'acr_large_2022'?" in ran.err


def test_definitions_of_ones_own_are_found(qiqa, home, monkeypatch):
    text = (root("protocols") / "acr_large_2022.toml").read_text(encoding="utf-8")
    folder = home / "own" / "protocols"
    folder.mkdir(parents=True)
    mine = text.replace('id = "acr_large_2022"', 'id = "ours"')
    (folder / "ours.toml").write_text(mine, encoding="utf-8")
    monkeypatch.setenv("QIQA_PATH", str(home / "own"))
    assert "ours" in qiqa("protocols").out


def test_the_entry_file_can_be_fed_back(qiqa, exam, home):
    template = qiqa("protocols", "--entries", "acr_large_2022")
    assert template.code == 0
    protocol = load_protocol("acr_large_2022")
    assert list(tomllib.loads(template.out)) == [entry.id for entry in protocol.entry]

    (home / "empty.toml").write_text(template.out, encoding="utf-8")
    assert entries_of(Options(paths=(), enter=home / "empty.toml"), protocol) == {}

    filled = template.out
    for name, value in {
        "phantom_unit": '"J 4711"',
        "initials": '"AB"',
        "table_position": '"yes"',
        "visual_checklist": '"all in order"',
        "high_contrast_resolution_lr": "1.0",
        "high_contrast_resolution_ap": '"1,0"',
        "low_contrast_spokes": "29",
    }.items():
        filled = filled.replace(f'\n{name} = ""', f"\n{name} = {value}")
    (home / "monday.toml").write_text(filled, encoding="utf-8")
    ran = qiqa("qc", exam, "--no-store", "--enter", "monday.toml")
    assert ran.code == 4
    assert "1 action: T1 Low-contrast spokes seen" in ran.out
    assert "T1: read by eye and entered" in ran.out
    assert "to be read by eye" not in ran.out
    assert "to be entered" not in ran.out
    assert "unit J 4711" in ran.out


def test_the_entries_as_json_say_what_is_allowed(qiqa):
    payload = json.loads(qiqa("protocols", "--entries", "acr_large_2022", "--json", "-").out)
    assert payload["schema"] == "qiqa.entries/1"
    spokes = next(e for e in payload["entries"] if e["id"] == "low_contrast_spokes")
    assert (spokes["type"], spokes["range"], spokes["role"]) == ("number", [0.0, 40.0], "T1")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.toml", "temperature = 70", "e.toml: temperature: 70 degC is outside 5 to 45 degC"),
        ("e.toml", "temprature = 20", "did you mean 'temperature'?"),
        ("e.toml", "temperature = ", "e.toml: the entry file is not valid TOML"),
        ("e.json", "{", "e.json: the entry file is not valid JSON"),
        ("e.json", "[1]", "must hold name = value pairs"),
        ("e.json", '{"table_position": "maybe"}', "'maybe' is not one of yes, no, not checked"),
        ("e.toml", None, "e.toml: the entry file cannot be read: No such file"),
    ],
)
def test_a_wrong_entry_file_is_refused_before_measuring(qiqa, home, name, content, said):
    if content is not None:
        (home / name).write_text(content, encoding="utf-8")
    ran = qiqa("qc", "nowhere", "--protocol", "acr_large_2022", "--enter", name)
    assert ran.code == 2
    assert said in ran.err


def test_an_entry_file_of_another_code_page(qiqa, home):
    (home / "e.toml").write_bytes('initials = "Jürgen"'.encode("latin-1"))
    ran = qiqa("qc", "nowhere", "--protocol", "acr_large_2022", "--enter", "e.toml")
    assert (ran.code, "is not UTF-8 text" in ran.err) == (2, True)


def test_entries_as_json(home):
    (home / "e.json").write_text('{"low_contrast_spokes": 38, "initials": ""}', encoding="utf-8")
    given = Options(paths=(), enter=home / "e.json", phantom_unit="J1")
    found = entries_of(given, load_protocol("acr_large_2022"))
    assert found == {"low_contrast_spokes": "38", "phantom_unit": "J1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "then one file or folder"),
        (["chekc", "x"], "then one file or folder"),
        (["check", "a", "b"], "then one file or folder"),
        (["--protocol", "nist_system_ge"], "belongs to check PATH"),
        (["check", "a.toml", "--protocol", "nist_system_ge"], "belongs to check PATH"),
    ],
)
def test_words_of_protocols_that_do_not_belong_together(qiqa, words, said):
    ran = qiqa("protocols", *words)
    assert ran.code == 2
    assert said in ran.err


def test_a_protocol_is_checked_as_an_operand(qiqa, home):
    text = (root("protocols") / "nist_system_ge.toml").read_text(encoding="utf-8")
    (home / "mine.toml").write_text(text, encoding="utf-8")
    ran = qiqa("protocols", "check", "mine.toml")
    assert ran.code == 0
    assert "no fault found" in ran.out


def test_an_exam_is_held_against_a_protocol(qiqa, real_data):
    folder = str(real_data("phantoms/diffusion"))
    ran = qiqa("protocols", "check", folder, "--protocol", "qiba_dwi_ice_water")
    assert ran.code == 3
    assert "b 900 is not there" in ran.out
    assert "acceleration" in ran.out  # unknown, and said so
    payload = json.loads(qiqa("protocols", "check", folder, "--json", "-").out)
    assert payload["schema"] == "qiqa.compliance/1"
    (exam,) = payload["exams"]
    assert (exam["protocol"], exam["verdict"]) == ("qiba_dwi_conformance", "tolerance")
    states = {c["field"]: c["state"] for c in exam["roles"][0]["series"][0]["checks"]}
    assert states["acceleration"] == "unknown"
    assert states["values"] == "in_order"
