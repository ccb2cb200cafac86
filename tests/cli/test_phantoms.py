"""`qiqa phantoms`: what a definition holds, at which conditions, and the way from a workbook."""

import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from qiqa.io.definitions import load_phantom, root

NICKEL = [0.29, 0.6, 1.04, 1.64, 2.52, 3.68, 5.43, 7.74, 11.3, 16.5, 23.3, 32.7, 46.0, 65.3]


@pytest.fixture
def workbook(home):
    """Write a workbook with the NiCl2 spheres at 3 T and one sheet that is not for them."""
    book = openpyxl.Workbook()
    book.active.title = "CMRI LC Values"
    page = book.create_sheet("NiCl Solutions @ 3.0T")
    for row in (["Calibration"], [], [], ["Concentration (mM)", "Temperature (C)", "T1 (ms)",
                "T1 uncertainty (ms)", "T2 (ms)", "T2 uncertainty (ms)"]):  # fmt: skip
        page.append(row)
    for c in NICKEL:
        for t in (16, 18, 20, 22, 24, 26):
            t1, t2 = 1000 / (0.3 + 0.7 * c), 1000 / (0.4 + c)
            page.append([c, t, t1, t1 / 100, t2, t2 / 50])
    book.save(home / "w.xlsx")
    return home / "w.xlsx"


def test_check_is_a_word_and_an_option(qiqa, home):
    text = (root("phantoms") / "nist_system.toml").read_text(encoding="utf-8")
    (home / "mine.toml").write_text(text, encoding="utf-8")
    said = "mine.toml: NIST/ISMRM system phantom, 99 inserts in 4 groups, no fault found"
    for words in (["check", "mine.toml"], ["--check", "mine.toml"]):
        ran = qiqa("phantoms", *words)
        assert (ran.code, ran.last) == (0, said)
    (home / "mine.toml").write_text(text.replace("T1-3", "T1-2"), encoding="utf-8")
    ran = qiqa("phantoms", "check", "mine.toml")
    assert ran.code == 1
    assert "second insert called 'T1-2'" in ran.err
    payload = json.loads(qiqa("phantoms", "check", "acr_large", "--json", "-").out)
    assert [p["id"] for p in payload["phantoms"]] == ["acr_large"]


def test_show_without_conditions_says_what_there_is(qiqa):
    out = qiqa("phantoms", "show", "nist_system").out
    for said in ("NiCl2 spheres", "up to 130-0041", "t1 (batch 2.5, 2.8 to 3.1 T)", "16 to 26 °C"):
        assert said in out
    assert "give --serial, --temperature and --field" in out
    out = qiqa("phantoms", "show", "acr_large").out
    assert "190 mm" in out
    assert "ramp_upper" in out


def test_show_gives_the_values_of_the_certificate(qiqa):
    at = ("--serial", "130-0133", "--temperature", "20", "--field", "3")
    ran = qiqa("phantoms", "show", "nist_system", *at, "--json", "-")
    payload = json.loads(ran.out)
    assert (payload["schema"], payload["batch"]) == ("qiqa.reference/1", "2.5")
    values = {(v["insert"], v["quantity"]): v for v in payload["values"]}
    # NIST report 80100S-20200610-C1: 1883.97 +- 30.32 ms (three SD)
    found = values["T1-1", "t1"]
    assert found["value"] == pytest.approx(1883.97)
    assert found["standard_uncertainty"] == pytest.approx(30.32 / 3, rel=1e-3)
    assert (found["unit"], found["confidence"], found["gives_verdict"]) == ("ms", "certified", True)
    assert "80100S-20200610-C1" in found["source"]
    assert values["PD-14", "pd"]["value"] == 100.0
    assert [f["sha256"] for f in payload["files"]] == [load_phantom("nist_system").sha256]
    text = qiqa("phantoms", "show", "nist_system", *at).out
    line = next(row.split() for row in text.splitlines() if row.split()[:1] == ["T1-1"])
    assert line == ["T1-1", "1884", "10", "0.5", "certified"]
    assert "no value:\n  PD t1: " in text


def test_show_marks_what_gives_no_verdict(qiqa):
    at = ("--serial", "130-0093", "--temperature", "20", "--field", "3")
    text = qiqa("phantoms", "show", "nist_system", *at).out
    rows = [row for row in text.splitlines() if row.split()[:2] == ["T2-1", "1928.3"]]
    assert len(rows) == 1
    assert "none on accuracy" in rows[0]
    at = ("--serial", "130-0093", "--temperature", "20", "--field", "1.5")
    payload = json.loads(qiqa("phantoms", "show", "nist_system", *at, "--json", "-").out)
    by_nmr = [v for v in payload["values"] if v["quantity"] in ("t1", "t2")]
    assert by_nmr
    assert not any(v["gives_verdict"] for v in by_nmr)
    assert all(v["standard_uncertainty"] is None for v in by_nmr)


def test_show_in_ice_water(qiqa):
    at = ("--serial", "128-0155", "--temperature", "0")
    text = qiqa("phantoms", "show", "qiba_diffusion", *at).out
    line = next(row.split() for row in text.splitlines() if row.split()[:1] == ["PVP20-inner"])
    assert line[:4] == ["PVP20-inner", "579", "5", "0.9"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "nist_system", "--temperature", "20", "--field", "3"], 1, "batches: 1 (up to"),
        (["show", "nist_system", "--serial", "130-0093", "--field", "3"], 1, "give --temperature"),
        (["show", "nist_system", "--serial", "130-0093", "--field", "3", "--temperature", "27"], 1,
         "27 °C is outside of what the certificate holds (16, 18"),
        (["show", "nist_system", "--serial", "130-0093", "--field", "7", "--temperature", "20"], 1,
         "at 7 T"),
        (["show", "qiba_diffusion", "--temperature", "8"], 1, "8 °C is outside"),
        (["show", "acr_large", "--temperature", "20"], 1, "no certified values"),
        (["show", "nist_sistem"], 1, "did you mean 'nist_system'?"),
        (["show"], 2, "show needs one thing after it, not nothing"),
        (["show", "a", "b"], 2, "not a b"),
        (["list", "a"], 2, "list needs nothing after it"),
        (["mine.toml"], 2, "qiqa phantoms check mine.toml"),
        (["shwo", "nist_system"], 2, "'shwo' is not one of list, check, show, import"),
        (["check", "nist_system", "--serial", "1"], 2, "check has no option --serial"),
        (["--temperature", "20"], 2, "list has no option --temperature"),
        (["show", "nist_system", "--temperature", "warm"], 2, "'warm' is not a number"),
        (["import", "w.xlsx"], 2, "import needs --phantom, --serial and -o"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_with_what_to_do(qiqa, words, code, said):
    ran = qiqa("phantoms", *words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_from_the_workbook_to_the_value(qiqa, home, workbook, monkeypatch):
    (home / "own" / "certificates").mkdir(parents=True)
    target = "own/certificates/130-0200.toml"
    asked = ("import", workbook.name, "--phantom", "nist_system", "--serial", "130-0200")
    ran = qiqa("phantoms", *asked, "--coverage-factor", "2", "-o", target)
    assert ran.code == 0
    assert "read     NiCl Solutions @ 3.0T" in ran.out
    assert "left out CMRI LC Values" in ran.out
    assert "QIQA_PATH" not in ran.out
    ran = qiqa("phantoms", "check", target)
    assert ran.last == f"{target}: 2 tables of nist_system unit 130-0200, no fault found"
    monkeypatch.setenv("QIQA_PATH", str(home / "own"))
    at = ("--serial", "130-0200", "--temperature", "20", "--field", "3", "--json", "-")
    payload = json.loads(qiqa("phantoms", "show", "nist_system", *at).out)
    assert [Path(f["path"]).name for f in payload["files"]] == [
        "nist_system.toml", "130-0200.toml",
    ]  # fmt: skip
    (found,) = (v for v in payload["values"] if (v["insert"], v["quantity"]) == ("T1-1", "t2"))
    assert found["value"] == pytest.approx(1000 / 0.69)
    assert found["standard_uncertainty"] == pytest.approx(1000 / 0.69 / 100, rel=1e-3)
    assert "the maker's workbook" in found["source"]
    listed = json.loads(qiqa("phantoms", "--json", "-").out)["phantoms"]
    assert [[u["serial"] for u in p["units"]] for p in listed] == [[], ["130-0200"], []]
    assert "units with values of their own: 130-0200" in qiqa("phantoms", "show", "nist_system").out


def test_import_writes_nothing_half_and_replaces_nothing(qiqa, home, workbook):
    asked = (
        "phantoms",
        "import",
        workbook.name,
        "--phantom",
        "nist_system",
        "--serial",
        "130-0200",
    )
    ran = qiqa(*asked, "-o", "u.toml", "--json", "-")
    (row,) = json.loads(ran.out)["certificates"]
    assert (row["serial"], row["used"]) == ("130-0200", ["NiCl Solutions @ 3.0T"])
    assert "--coverage-factor k" in row["remarks"][0]
    assert "it is used from a folder FOLDER/certificates" in ran.err
    before = (home / "u.toml").read_bytes()
    for options, code, said in (
        (["-o", "u.toml"], 1, "u.toml: exists already"),
        (["-o", "nowhere/u.toml"], 1, "cannot be written"),
        (["-o", "u.txt"], 2, "must end in .toml"),
        (["-o", "v.toml", "--coverage-factor", "0"], 2, "not a coverage factor"),
        (["-o", "v.toml", "--phantom", "acr_large"], 2, "no groups of inserts"),
        (["-o", "v.toml", "--phantom", "qiba_diffusion"], 1, "no sheet is for qiba_diffusion"),
        (["-o", "v.toml", "--serial", " "], 2, "needs --phantom, --serial and -o"),
    ):
        ran = qiqa(*asked, *options)
        assert (ran.code, ran.out) == (code, "")
        assert said in ran.err
    assert (home / "u.toml").read_bytes() == before
    assert sorted(p.name for p in home.iterdir() if p.suffix == ".toml") == ["u.toml"]


def test_the_list_loads_no_workbook_library():
    code = (
        "import sys; from qiqa.cli.app import run; run(['phantoms']);"
        "print(*({'xlrd', 'openpyxl', 'scipy', 'numba'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stderr.strip() == ""
