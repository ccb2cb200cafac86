"""`qiqa simulate history`: table, truth, faults as texts, and a database that takes the exams."""

import csv
import json

import pytest

from qiqa.cli.simulate_faults import faults_of
from qiqa.core.errors import UsageError
from qiqa.simulate.history_spec import KINDS, Fault, HistorySpec
from qiqa.store import open_store

SPEC = HistorySpec()


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_and_its_truth_are_written(qiqa, home):
    ran = qiqa("simulate", "history", "out.csv", "--scanners", "2", "--years", "1.5", "--fault",
               "step:scanner=2,name=piu,week=40,size=-2sd")  # fmt: skip
    assert ran.code == 0, ran.err
    rows = read(home / "out.csv")
    assert len(rows) == 2 * 78 * 12
    assert f"{len(rows)} rows of 156 exams" in ran.out
    truth = json.loads((home / "out.csv.truth.json").read_text(encoding="utf-8"))
    (fault,) = truth["faults"]
    assert (fault["scanner"], fault["name"], fault["first_week"]) == ("SIM 02", "piu", 40)
    own = [float(r["value"]) for r in rows if (r["scanner"], r["name"]) == ("SIM 02", "piu")]
    level = truth["scanners"][1]["levels"]["piu"]
    mean = sum(own[39:]) / len(own[39:])
    # 39 exams of SD 0.4 with phi 0.2: 0.08
    assert mean - level == pytest.approx(fault["size"], abs=0.32)


def test_the_same_seed_writes_the_same_bytes(qiqa, home):
    for name, seed in (("a.csv", 3), ("b.csv", 3), ("c.csv", 4)):
        assert qiqa("simulate", "history", name, "--years", "1", "--seed", seed).code == 0
    a, b, c = ((home / name).read_bytes() for name in ("a.csv", "b.csv", "c.csv"))
    assert a == b
    assert a != c


def test_without_a_word_each_kind_is_planted_and_none_plants_none(qiqa, home):
    assert "12 faults" in qiqa("simulate", "history", "out.csv").out
    truth = json.loads((home / "out.csv.truth.json").read_text(encoding="utf-8"))
    assert {fault["kind"] for fault in truth["faults"]} == set(KINDS)
    assert "0 faults" in qiqa("simulate", "history", "out.csv", "--fault", "none").out


def test_quantities_can_be_chosen(qiqa, home):
    ran = qiqa("simulate", "history", "out.csv", "--scanners", "1", "--years", "0.1",
               "--metrics", "piu,t1", "--fault", "none")  # fmt: skip
    assert ran.code == 0
    assert len({(row["name"], row["insert"]) for row in read(home / "out.csv")}) == 15


def test_its_help_names_every_kind_and_the_other_help_leads_to_it(qiqa):
    own = qiqa("simulate", "history", "--help")
    assert own.code == 0
    for kind in KINDS:
        assert f"\n  {kind} " in own.out
    assert "qiqa simulate history --help" in qiqa("simulate", "--help").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out.txt"], "'.txt' is not one of .csv, .parquet"),
        (["out"], "'no suffix' is not one of"),
        (["out.csv", "--years", "0"], "0 is not above 0"),
        (["out.csv", "--scanners", "0"], "'0' is not a whole number from 1 on"),
        (["out.csv", "--metrics", "piu,pui"], "'pui' is no simulated quantity"),
        (["out.csv", "--start", "soon"], "'soon' is not a date"),
        (["out.csv", "--seed=-1"], "-1 is below 0"),
        (["out.csv", "--fault", "bump:scanner=1,week=2"], "'bump' is no kind of fault"),
        (["nowhere/out.csv", "--years", "0.1"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(qiqa, home, arguments, said):
    ran = qiqa("simulate", "history", *arguments)
    assert ran.code in (1, 2)
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step:scanner=2,name=piu,week=60,size=-2sd", {"name": "piu", "size": -2.0}),
        ("step:scanner=2,week=60,name=piu,size=1.5", {"name": "piu", "size": 1.5, "in_sd": False}),
        ("ramp:scanner=2,week=60,weeks=9,size=+.5sd", {"weeks": 9, "size": 0.5}),
        ("spike:scanner=2,week=60,name=t1,insert=T1-5", {"name": "t1", "insert": "T1-5"}),
        ("variance:scanner=2,week=60,size=2x", {"size": 2.0, "in_sd": False}),
        ("clock:scanner=2,week=60,size=-30d", {"size": -30.0, "in_sd": False}),
        ("missed:scanner=2,week=60", {}),
    ],
)
def test_a_fault_is_read(text, expected):
    assert faults_of([text], SPEC) == (Fault(kind=text.partition(":")[0], scanner=2, week=60,
                                             **expected),)  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["stp:scanner=1,week=2"], "did you mean 'step'"),
        (["step"], "scanner and week is missing"),
        (["step:scanner=1"], "week is missing"),
        (["step:scanner=1,weak=2"], "did you mean 'week'"),
        (["step:scanner=1,week"], "'week' is not key=value"),
        (["step:scanner=1,week=2,week=3"], "week is there twice"),
        (["step:scanner=one,week=2"], "scanner=one is not a whole number"),
        (["step:scanner=1,week=2,size=3x"], "size=3x is not a number in the quantity's unit"),
        (["variance:scanner=1,week=2,size=3sd"], "size=3sd is not a factor"),
        (["step:scanner=1,week=2,size=1e999"], "too large"),
        (["missed:scanner=1,week=2,size=3"], "missed has no size"),
        (["step:scanner=9,week=2"], "9 is outside 1 to 6"),
        (["step:scanner=1,week=2,name=pui"], "did you mean 'piu'"),
        (["none", "step:scanner=1,week=2"], "none goes with no other"),
    ],
)
def test_a_fault_that_is_not_understood_is_refused(texts, said):
    with pytest.raises(UsageError) as caught:
        faults_of(texts, SPEC)
    assert said in str(caught.value)


def test_the_database_takes_the_exams_marked_as_simulated(qiqa, home):
    words = ("simulate", "history", "out.csv", "--scanners", "2", "--years", "0.5", "--store",
             "sim.db", "--metrics", "piu,diameter_slice1_lr,t1", "--fault",
             "unmeasured:scanner=1,week=3,weeks=1,name=piu", "--fault",
             "duplicate:scanner=2,week=5,weeks=1", "--fault",
             "phantom:scanner=2,week=9,name=piu")  # fmt: skip
    ran = qiqa(*words)
    assert ran.code == 0, ran.err
    assert "52 exams stored" in ran.out
    assert "1 were there already" in ran.out
    rows = [row for row in read(home / "out.csv") if not row["exam"].endswith(" again")]
    with open_store(str(home / "sim.db")) as store:
        kept = store.rows()
        assert {exam["scanner"] for exam in store.exams()} == {"SIM 01", "SIM 02"}
        payload = store.payload(1)
        assert store.verify() == ()
    assert [finding["code"] for finding in payload["findings"]] == ["simulated_exam"]
    assert payload["series"][0]["acquisition"]["temperature_degc"] == float(
        rows[0]["temperature_degc"]
    )
    fields = ("scanner", "name", "insert", "phantom_unit", "series_key", "value")

    def listed(found):
        return sorted(tuple(str(row[f] or "") for f in fields) for row in found)

    assert listed(kept) == listed(rows)
    judged = {row["name"]: row for row in kept if row["exam_id"] == 1}
    assert judged["diameter_slice1_lr"]["verdict"] == "pass"
    assert judged["diameter_slice1_lr"]["reference_value"] == 190.0
    again = qiqa(*words)
    assert "0 exams stored" in again.out
