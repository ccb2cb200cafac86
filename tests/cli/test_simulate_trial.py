"""`qiqa simulate trial`: tables and truth in a folder, faults chosen, nothing overwritten."""

import csv
import json

import pytest

from qiqa.cli.simulate_trial import _MEANING
from qiqa.io.history_table import read_history_table
from qiqa.simulate.trial_design import FAULTS, TrialDesign

SMALL = ("--sites", "3", "--years", "1", "--participants", "10")


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_tables_and_truth_are_written(qiqa, home):
    ran = qiqa("simulate", "trial", "-o", "out/deep", *SMALL, "--features")
    assert ran.code == 0, ran.err
    folder = home / "out" / "deep"
    names = {"phantom.csv", "participants.csv", "features.csv", "truth.json"}
    assert {path.name for path in folder.iterdir()} == names
    phantom, people = read(folder / "phantom.csv"), read(folder / "participants.csv")
    assert f"{len(phantom)} phantom readings and {len(people)} participants' values" in ran.out
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert [row["exam"] for row in people] == truth["participants"]["exam"]
    assert len(read(folder / "features.csv")) == len(people)


def test_drift_reads_the_phantoms(qiqa, home):
    assert qiqa("simulate", "trial", "-o", "out", *SMALL, "--without", "labels").code == 0
    table = read_history_table(home / "out" / "phantom.csv")
    assert len(table.series) == 13 * len({series.scanner for series in table.series})
    assert {series.unit for series in table.series} == {"mm²/s"}
    assert table.findings == ()


def test_the_same_seed_writes_the_same_bytes(qiqa, home):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert qiqa("simulate", "trial", "-o", name, *SMALL, "--seed", seed).code == 0
    for file in ("phantom.csv", "participants.csv", "truth.json"):
        a, b, c = ((home / name / file).read_bytes() for name in ("a", "b", "c"))
        assert a == b != c
    assert not (home / "a" / "features.csv").exists()


def test_faults_are_switched_off_and_made_larger(qiqa, home):
    chosen = ["--without", "labels", "effect", "--without", "opening", "--dose", "units=2.5"]
    ran = qiqa("simulate", "trial", "-o", "out", *SMALL, *chosen, "--bath", "ice",
               "--circulating", "1")  # fmt: skip
    assert ran.code == 0, ran.err
    truth = json.loads((home / "out" / "truth.json").read_text(encoding="utf-8"))
    design = truth["design"]
    assert truth["errors"] == []
    assert truth["effect_percent"] == [0.0] * 4
    doses = [design[fault]["dose"] for fault in ("units", "missed", "opening")]
    assert doses == [2.5, 1.0, 0.0]
    rows = read(home / "out" / "phantom.csv")
    assert {row["temperature_degc"] for row in rows} == {"0.0"}
    assert "REF-1" in {row["phantom_unit"] for row in rows}


def test_what_is_there_is_not_overwritten(qiqa, home):
    folder = home / "out"
    folder.mkdir()
    (folder / "truth.json").write_text("mine", encoding="utf-8")
    ran = qiqa("simulate", "trial", "-o", "out", *SMALL)
    assert ran.code == 2
    assert "truth.json is there already" in ran.err
    assert [path.name for path in folder.iterdir()] == ["truth.json"]
    assert (folder / "truth.json").read_text(encoding="utf-8") == "mine"


def test_its_help_names_every_fault_and_the_other_help_leads_to_it(qiqa):
    ran = qiqa("simulate", "trial", "--help")
    assert ran.code == 0
    assert tuple(_MEANING) == FAULTS
    for fault in FAULTS:
        assert f"\n  {fault} " in ran.out
    assert "qiqa simulate trial --help" in qiqa("simulate", "--help").out
    # numbers in the words are those of the default
    default = TrialDesign()
    assert f"wCV {default.tissue_noise.wcv_percent} %" in ran.out
    _, *effects = default.effect.treated_percent
    assert ", ".join(f"{x:g}" for x in effects) in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "-o/--output"),
        (["-o", "out", "--sites", "0"], "'0' is not a whole number from 1 on"),
        (["-o", "out", "--years", "0.5"], "0.5 is outside 1 to 50"),
        (["-o", "out", "--bath", "oil"], "'oil' is not room or ice"),
        (["-o", "out", "--seed=-1"], "-1 is below 0"),
        (["-o", "out", "--circulating=-1"], "circulating.units: -1"),
        (["-o", "out", "--without", "unit"], "did you mean 'units'?"),
        (["-o", "out", "--dose", "units"], "'units' is not FAULT=X"),
        (["-o", "out", "--dose", "units=many"], "'units=many' is not FAULT=X"),
        (["-o", "out", "--dose", "units=-1"], "units.dose: -1 is outside"),
        (["-o", "out", "--dose", "nonlinearity=90"], "not above 0"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(qiqa, home, arguments, said):
    ran = qiqa("simulate", "trial", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert list(home.iterdir()) == []


def test_a_file_in_the_way_of_the_folder_is_an_error(qiqa, home):
    (home / "out").write_text("", encoding="utf-8")
    ran = qiqa("simulate", "trial", "-o", "out", *SMALL)
    assert ran.code == 1
    assert "cannot be written" in ran.err
