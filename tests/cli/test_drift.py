"""`qiqa drift` and what belongs to it, as a person runs them on a Tuesday in October 2021."""

import csv
import datetime as dt
import json
import shlex
import shutil
import subprocess
import types

import numpy as np
import pytest

from qiqa.cli import drift_acknowledge, drift_baseline, drift_sources
from qiqa.cli.app import run
from qiqa.drift import rules

FAULTS = (
    "step:scanner=2,name=piu,week=30,size=-8sd",
    "upgrade:scanner=3,name=piu,week=25,size=-6sd",
)
TUESDAY = dt.datetime(2021, 10, 5, 9)
"""The day after the last of 40 Mondays."""


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """Return a folder with years.csv and history.db: SIM 01 in order, a step, an upgrade."""
    folder = tmp_path_factory.mktemp("drift")
    words = ["simulate", "history", str(folder / "years.csv"), "--store",
             str(folder / "history.db"), "--scanners", "3", "--years", "0.77", "--seed", "4",
             "--metrics", "piu,diameter_slice1_lr"]  # fmt: skip
    for fault in FAULTS:
        words += ["--fault", fault]
    assert run(words) == 0
    return folder


@pytest.fixture
def watch(qiqa, home, simulated, monkeypatch):
    """Return a function that runs `qiqa drift` in a folder with both, on that Tuesday."""
    for name in ("years.csv", "history.db"):
        shutil.copy(simulated / name, home / name)

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return TUESDAY.replace(tzinfo=tz)

    clock = types.SimpleNamespace(**{**vars(dt), "datetime": Clock})
    for module in (drift_sources, drift_baseline, drift_acknowledge):
        monkeypatch.setattr(module, "dt", clock)

    def call(*words):
        pages = [] if words and words[0] in COMMANDS else ["--no-pages"]
        return qiqa("drift", *words, *pages)

    return call


COMMANDS = ("baseline", "alarms", "acknowledge", "design")


@pytest.fixture
def table(home):
    """Return a function that writes exams of scanners as a table: name -> values, every week."""

    def call(name="t.csv", **scanners):
        start = dt.date(2021, 1, 4)
        with (home / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("scanner", "acquired_at", "name", "value", "action_low"))
            for scanner, values in scanners.items():
                for i, value in enumerate(values):
                    at = start + dt.timedelta(weeks=i)
                    writer.writerow((scanner, at, "snr", value, 90))
        return name

    return call


def noise(count, level=100.0):
    return level + np.random.default_rng(7).standard_normal(count)


def json_of(ran):
    return json.loads(ran.out)


# --- looking ---------------------------------------------------------------------------------


def test_the_history_says_what_moved_when_and_what_next(watch):
    ran = watch()
    assert ran.code == 3, ran.err
    assert ran.out.startswith("LOOK: something moved on 2 of 3 scanners\n")
    moved = ran.out[ran.out.index("\nSIM 02") : ran.out.index("\nSIM 03")]
    # true: a step of -8 SD of about 0.4 % on 26 July or the day after
    assert "piu slice 7 (T1) fell by 3." in moved
    assert "since 27 Jul 2021 (between 20 Jul 2021 and 27 Jul 2021)" in moved
    assert "find what changed that day" in moved
    upgrade = ran.out[ran.out.index("\nSIM 03") :]
    assert "since 21 Jun 2021" in upgrade
    assert "with software or a setting changed" in upgrade
    assert "SIM 01   in control       2" in ran.out
    assert "at most 3 false alarms a year on 3 scanners" in ran.out


def test_a_table_says_the_same_and_names_the_software(watch):
    ran = watch("--table", "years.csv")
    assert (ran.code, ran.err) == (3, "")
    assert "piu slice 7 (T1) fell by 3." in ran.out
    assert "with software: SIM 1.0 to SIM 2.0" in ran.out


def test_json_is_pure_with_the_documented_keys_and_nothing_else(watch):
    ran = watch("--read-only", "--json", "-")
    payload = json_of(ran)
    assert ran.code == 3
    assert "LOOK: something moved" in ran.err
    assert list(payload) == [
        "schema", "source", "as_of", "false_alarms_per_year", "scanners", "findings", "notes",
    ]  # fmt: skip
    assert payload["schema"] == "qiqa.drift/1"
    assert payload["as_of"].startswith("2021-10-05T09:00")
    assert {s["scanner"]: s["verdict"] for s in payload["scanners"]} == {
        "SIM 01": "pass", "SIM 02": "tolerance", "SIM 03": "tolerance",
    }  # fmt: skip
    (step,) = (f for f in payload["findings"] if f["scanner"] == "SIM 02")
    assert (step["kind"], step["name"], step["unit"]) == ("step", "piu", "%")
    assert step["size_interval"][0] < -3.2 < step["size_interval"][1]
    assert step["message"].startswith("piu slice 7 (T1) fell by 3.")
    assert watch("--read-only", "--json", "out.json").out.startswith("LOOK")


def test_json_of_findings_about_a_table_is_pure_too(watch, table):
    table(A=[*noise(30), "ERR"])
    ran = watch("--table", "t.csv", "--json", "-")
    assert json_of(ran)["scanners"][0]["exams"] == 31
    assert "first line 32: 'ERR'" in ran.err


@pytest.mark.parametrize(
    ("values", "code", "first"),
    [
        (noise(30), 0, "NOTHING TO DO: 1 chart in control"),
        (noise(30) - np.where(np.arange(30) < 20, 0, 6), 3, "LOOK: something moved on A"),
        (noise(30) - np.where(np.arange(30) < 20, 0, 15), 4, "ACT: A beyond a limit or near it"),
        (noise(4), 5, "NOT ENOUGH EXAMS yet to say anything"),
        (["ERR"] * 9, 5, "NOT ENOUGH EXAMS yet to say anything"),
    ],
)
def test_exit_status_and_first_line_say_what_to_do(watch, table, values, code, first):
    ran = watch("--table", table(A=values))
    assert (ran.code, ran.out.partition("\n")[0]) == (code, first)
    silent = watch("--table", table(A=values), "--json", "-")
    assert silent.code == code
    assert json_of(silent)["findings"] or code in (0, 5)


def test_one_scanner_of_many_broken_is_said_and_the_others_stand(watch, table):
    ran = watch("--table", table(A=noise(30), B=["ERR"] * 30, C=noise(30), D=noise(3)))
    assert ran.code == 0
    assert "B: snr: 0 usable exams: 3 more before anything can be predicted" in ran.out
    assert "D: snr: 3 usable exams: 2 more before it can be called in control" in ran.out
    assert ran.out.startswith("NOTHING TO DO: 2 charts in control")


def test_an_exam_dated_ahead_is_left_out_and_the_day_can_be_said(watch, table, home):
    table(A=noise(40))
    text = (home / "t.csv").read_text(encoding="utf-8").replace("2021-10-04", "2099-10-04")
    (home / "t.csv").write_text(text, encoding="utf-8")
    ran = watch("--table", "t.csv")
    assert ran.code == 0
    assert "A: 1 dated after 2021-09-27 left out, exams up to 2099-10-04" in ran.out
    later = watch("--table", "t.csv", "--as-of", "2099-10-04")
    assert "dated after" not in later.out


def test_as_of_shows_an_earlier_day(watch):
    ran = watch("--as-of", "2021-06-15")
    assert ran.code == 0, ran.out
    assert "NOTHING TO DO: 6 charts" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--scanner", "SIM 9"], 2, "there is no scanner 'SIM 9'; there is SIM 01, SIM 02, SIM 03"),
        (["--name", "pui"], 2, "there is no name 'pui'; there is diameter_slice1_lr, piu"),
        (
            ["--rules", "cusun"],
            2,
            "'cusun' is no rule\n  To do: there are " + rules.RULES.names()[0],
        ),
        (["--rules", ","], 2, "'' is no rule"),
        (["--false-alarms", "0"], 2, "0 a year is not above 0 and up to 1000 a scanner"),
        (["--false-alarms", "x"], 2, "'x' is not a number"),
        (["--every-days", "-7"], 2, "-7 is not from 0.5 to 3660 days"),
        (["--every-days", "1e-9"], 2, "1e-09 is not from 0.5 to 3660 days"),
        (["--adjust", "humidity"], 2, "no exam states 'humidity'; stated are: temperature_degc"),
        (["--adjust", "x", "--no-adjust"], 2, "--adjust: not with --no-adjust"),
        (["--as-of", "soon"], 2, "'soon' is not a date"),
        (["--column", "value=x"], 2, "--column: needs --table"),
        (["--jsn", "-"], 2, "did you mean '--json'"),
        (["baselin"], 2, "no option 'baselin'\n  To do: qiqa drift --help"),
        (["--table", "none.csv"], 1, "none.csv: there is no such file"),
        (["--table", "years.csv", "--column", "value"], 2, "'value' is not NAME=COLUMN"),
        (["--table", "years.csv", "--store", "x.db"], 2, "--store: not with --table"),
        (["--store", "none.db"], 1, "none.db: there is no history here yet"),
        (["--store", "years.csv"], 1, "years.csv"),
        (["--json", "none/out.json"], 1, "none"),
        (["--table", "years.csv", "--as-of", "9999-12-31"], 3, "LOOK: something moved on 3"),
        (["--table", "years.csv", "--as-of", "0001-01-01"], 5, "NOT ENOUGH EXAMS"),
        (["--table", "years.csv", "--as-of", "2000-01-01"], 5, "left out, exams up to 2021-10-0"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_there_is(watch, home, words, code, said):
    before = sorted(path.name for path in home.iterdir())
    ran = watch(*words)
    assert said in ran.err + ran.out
    assert ran.code == code
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in home.iterdir() if "db-" not in path.name) == before


# --- alarms ----------------------------------------------------------------------------------


def alarms(watch, *words):
    return json_of(watch("alarms", "--json", "-", *words))["alarms"]


def test_an_alarm_is_raised_once_and_can_be_acknowledged_and_closed(watch):
    first = watch()
    assert "new alarms on record" in first.err
    raised = alarms(watch)
    assert {a["finding"]["scanner"] for a in raised} == {"SIM 02", "SIM 03"}
    again = watch()
    assert (again.code, "new alarm" in again.err) == (3, False)
    assert alarms(watch) == raised
    (number,) = (a["record_id"] for a in raised if a["finding"]["scanner"] == "SIM 02")
    assert f"alarm {number}, open" in again.out

    said = ("--comment", "coil loose", "--action", "fixed")
    assert watch("acknowledge", number, *said).code == 0
    assert f"alarm {number}, acknowledged" in watch().out
    listed = watch("alarms", "--scanner", "SIM 02")
    assert "coil loose fixed" in " ".join(listed.out.split())

    assert watch("acknowledge", number, "--close", "--comment", "level is back").code == 0
    after = watch("--scanner", "SIM 02")
    assert (after.code, after.out.partition("\n")[0]) == (0, "NOTHING TO DO: 2 charts in control")
    assert number not in {a["record_id"] for a in alarms(watch)}
    (closed,) = (a for a in alarms(watch, "--all") if a["record_id"] == number)
    assert [d["state"] for d in closed["decisions"]] == ["acknowledged", "closed"]
    assert watch("--scanner", "SIM 03").code == 3


@pytest.mark.parametrize(
    "words",
    [
        ("--read-only",),
        ("--name", "piu"),
        ("--as-of", "2021-10-05"),
        ("--table", "years.csv"),
    ],
)
def test_a_look_that_is_no_routine_raises_nothing(watch, words):
    ran = watch(*words)
    assert (ran.code, "alarm on record" in ran.err) == (3, False)
    assert alarms(watch, "--all") == []


def test_alarms_of_no_history_and_of_no_number(watch):
    assert watch("alarms", "--store", "none.db").code == 1
    watch()
    ran = watch("acknowledge", "1", "999", "--comment", "x")
    assert (ran.code, "999 is no alarm; the latest are" in ran.err) == (2, True)
    assert all(a["decisions"] == [] for a in alarms(watch))
    assert watch("acknowledge", "1").code == 2
    assert watch("acknowledge", "one", "--comment", "x").code == 2
    assert watch("acknowledge", "1", "--comment", "x", "--store", "none.db").code == 1


# --- baselines -------------------------------------------------------------------------------


def test_a_new_baseline_makes_what_was_before_it_history(watch):
    assert watch("--scanner", "SIM 02").code == 3
    words = ("baseline", "--scanner", "SIM 02", "--first", "2021-08-01")
    proposed = watch(*words)
    assert proposed.code == 0
    assert "SIM 02: 10 exams, 2021-08-02 to 2021-10-04" in proposed.out
    assert "to approve: qiqa drift baseline" in proposed.out
    assert watch("--scanner", "SIM 02").code == 3  # nothing was put on record
    approved = watch(*words, "--approve", "--reason", "new coil")
    assert "10 exams of SIM 02, 2021-08-02 to 2021-10-04" in approved.out
    after = watch("--scanner", "SIM 02", "--json", "-")
    assert after.code == 0
    found = {(f["verdict"], f["hint"]) for f in json_of(after)["findings"]}
    assert found == {("pass", "before the approved baseline")}


def test_the_command_that_is_proposed_approves_what_was_shown(watch):
    ran = watch("baseline", "--scanner", "SIM 02", "--first", "2021-03-01", "--last", "2021-08-30",
                "--name", "piu")  # fmt: skip
    line = next(line for line in ran.out.splitlines() if line.startswith("to approve: "))
    words = shlex.split(line.removeprefix("to approve: qiqa drift "))
    assert {"--first", "--last", "--name"} <= set(words)
    approved = watch(*words)
    assert approved.code == 0, approved.err
    assert "2021-03-01 to 2021-08-30" in ran.out
    assert "2021-03-01 to 2021-08-30" in approved.out


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_a_name_from_a_header_is_no_command_when_it_is_copied():
    hostile = 'MR $(touch x) `touch y` "; touch z'
    line = drift_baseline.approval(hostile, drift_baseline.Options(scanner=hostile), ())
    ran = subprocess.run(["sh", "-c", line.replace("qiqa drift baseline", "printf '%s|'")],
                         capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    assert ran.stdout.split("|")[:2] == ["--scanner", hostile]
    plain = drift_baseline.approval("SIM 02", drift_baseline.Options(scanner="SIM 02"), ())
    assert plain == 'qiqa drift baseline --scanner "SIM 02" --approve --reason "WHY"'


def test_a_baseline_does_not_rest_on_exams_that_are_still_to_come(watch, monkeypatch):
    early = types.SimpleNamespace(now=lambda _=None: dt.datetime(2021, 2, 1))
    monkeypatch.setattr(drift_baseline.dt, "datetime", early)
    ran = watch("baseline", "--scanner", "SIM 02")
    assert "SIM 02: 5 exams, 2021-01-04 to 2021-02-01" in ran.out
    assert "5 more exams are needed" in ran.out
    assert "SIM 02: 35 dated after 2021-02-01 left out" in ran.err


def test_a_proposal_says_what_does_not_belong(watch):
    payload = json_of(watch("baseline", "--scanner", "SIM 02", "--first", "2021-06-28",
                            "--name", "piu", "--json", "-"))  # fmt: skip
    assert list(payload) == ["schema", "proposal"]
    assert (payload["schema"], payload["proposal"]["missing"]) == ("qiqa.baseline/1", 0)
    assert payload["proposal"]["unsteady"] == ["piu slice 7 on 2021-07-27"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--scanner: is needed"),
        (["--scanner", "x"], "there is no scanner 'x'; there is SIM 01"),
        (["--scanner", "SIM 01", "--approve"], "--reason: is needed to approve"),
        (["--scanner", "SIM 01", "--first", "2030-01-01"], "no exams between these dates"),
        (["--scanner", "SIM 01", "--leave-out", "2021"], "'2021' is not a date"),
        (["--scanner", "SIM 01", "--leave-out", "2021-01-04"], "is not DATE=WHY"),
        (
            ["--scanner", "SIM 01", "--leave-out", "2021-01-01=x", "--approve", "--reason", "y"],
            "2021-01-01 is no exam of this baseline",
        ),
    ],
)
def test_a_baseline_that_cannot_be(watch, words, said):
    ran = watch("baseline", *words)
    assert (ran.code, said in ran.err) == (2, True), ran.err


# --- events ----------------------------------------------------------------------------------


def test_an_event_is_named_as_the_cause_until_it_is_withdrawn(watch, qiqa):
    add = ("history", "event", "add", "--scanner", "SIM 02", "--at", "2021-07-25", "--kind",
           "gradient", "--text", "amplifier exchanged")  # fmt: skip
    assert qiqa(*add).out.startswith("event 1: gradient of SIM 02 on 2021-07-25")
    assert "with gradient: amplifier exchanged" in watch("--read-only").out
    listed = json_of(qiqa("history", "event", "--json", "-"))
    assert list(listed) == ["schema", "events"]
    assert [e["text"] for e in listed["events"]] == ["amplifier exchanged"]
    assert qiqa("history", "event", "withdraw", "1", "--reason", "wrong scanner").code == 0
    assert "amplifier" not in watch("--read-only").out
    assert "0 events" in qiqa("history", "event").out


def test_an_event_that_is_only_noted_is_no_cause(watch, qiqa):
    qiqa("history", "event", "add", "--scanner", "*", "--at", "2021-07-25", "--kind", "room",
         "--text", "painted", "--same-epoch")  # fmt: skip
    ran = watch("--read-only")
    assert "painted" not in ran.out
    assert "since 27 Jul 2021" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add"], 2, "--scanner: is needed"),
        (["add", "--scanner", "x", "--text", "y", "--at", "z"], 2, "'z' is not a date"),
        (["add", "--kind", "soup"], 2, "invalid choice: 'soup'"),
        (["remove"], 2, "'remove' is not understood"),
        (["withdraw", "x", "--reason", "y"], 2, "'x' is no number of an event"),
        (["withdraw", "1"], 2, "--reason: is needed"),
        (["withdraw", "77", "--reason", "y"], 1, "there is no event 77"),
        (["withdraw", "1", "--reason", "y", "--store", "none.db"], 1, "no history here yet"),
    ],
)
@pytest.mark.usefixtures("watch")
def test_an_event_that_cannot_be(qiqa, words, code, said):
    ran = qiqa("history", "event", *words)
    assert (ran.code, said in ran.err) == (code, True), ran.err


# --- there and back --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_of_the_history_gives_the_same_findings(watch, qiqa, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    assert qiqa("history", "--export", f"out.{suffix}").code == 0
    words = ("--no-adjust", "--json", "-")  # an export does not hold temperatures
    direct = json_of(watch("--read-only", *words))["findings"]
    exported = json_of(watch("--table", f"out.{suffix}", *words))["findings"]
    # of SIM 03 the history knows that a setting changed; the export does not hold settings
    direct, exported = (
        [f for f in found if f["scanner"] == "SIM 02"] for found in (direct, exported)
    )
    assert [f["kind"] for f in direct] == ["step"]
    assert exported == direct


# --- design ----------------------------------------------------------------------------------


def test_design_proposes_charts_the_soonest_first(qiqa):
    payload = json_of(qiqa("drift", "design", "--shift", "1", "--every", "370", "--json", "-"))
    assert list(payload) == ["schema", "proposals"]
    delays = {p["chart"]: p["delay"] for p in payload["proposals"]}
    assert payload["schema"] == "qiqa.design/1"
    late = [p["delay_late"] for p in payload["proposals"]]
    assert late == sorted(late)
    # Siegmund (1985): b - 1 + exp(-b) over 0.5, where exp(b) - b - 1 = 370 for both sides: b = 5.93
    assert delays["cusum"] == pytest.approx(9.87, abs=0.1)
    shown = qiqa("drift", "design", "--shift", "1", "--every", "370")
    assert shown.out.startswith("shift of 1 SD, one false alarm in 370 exams, mean and SD known")


@pytest.mark.parametrize(
    "words",
    [("--shift", "0"), ("--shift", "x"), ("--every", "0.5"), ("--exams", "1"), ("--shift=-1",)],
)
def test_a_design_that_cannot_be(qiqa, words):
    ran = qiqa("drift", "design", *words)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert "To do" in ran.err
