"""Help, wrong usage, exit statuses, start-up."""

import importlib
import json
import os
import re
import subprocess
import sys

import pytest

from qiqa import __version__
from qiqa.cli import app, status
from qiqa.core.measurement import Verdict

NAMES = sorted(app.COMMANDS)
GROUPS = ("harmonize", "trial")
"""Do nothing themselves: the commands below them do."""


def inner(name):
    """Return the words that a command of its own can be asked for by."""
    return getattr(importlib.import_module(app.COMMANDS[name][0]), "COMMANDS", {})


EVERY = [
    " ".join(words) for name in NAMES for words in ((name,), *((name, w) for w in inner(name)))
]
WITHOUT_JSON = {"trial", "harmonize",  # they only list others; these write files of their own:
                "harmonize calibrate", "harmonize apply", "simulate history", "vet policy",
                "simulate trial", "simulate training-set", "drift acknowledge"}  # fmt: skip


def test_without_anything_it_shows_where_to_start(qiqa):
    ran = qiqa()
    assert ran.code == 2
    assert "qiqa demo" in ran.out
    assert all(re.search(rf"^  {name} ", ran.out, re.MULTILINE) for name in NAMES)


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_tells_commands_and_exit_statuses(qiqa, option):
    ran = qiqa(option)
    assert ran.code == 0
    assert "3 tolerance, 4 action, 5 not evaluated" in ran.out
    assert "not a medical device" in ran.out


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_help_with_an_example(qiqa, name):
    ran = qiqa(*name.split(), "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"usage: qiqa {name}")
    assert f"\n  qiqa {name}" in ran.out
    assert ("--json FILE" in ran.out) == (name not in WITHOUT_JSON)
    assert not ran.err


@pytest.mark.parametrize("name", [name for name in NAMES if inner(name)])
def test_a_command_lists_those_of_its_own(qiqa, name):
    out = qiqa(name, "--help").out
    assert all(re.search(rf"\b{word} ", out) for word in inner(name))


def test_help_loads_nothing_that_takes_long(home):
    code = f"""
import contextlib, io, sys
from qiqa.cli.app import run
for name in {EVERY!r}:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*name.split(), "--help"]) == 0
print(sorted(set(sys.modules) & {{"scipy", "sklearn", "matplotlib", "numba", "sqlalchemy",
    "pydicom", "nibabel", "jinja2", "pandas", "statsmodels", "rich"}}))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=home, env=environment
    )
    assert done.stdout.strip() == "[]"


def test_the_options_of_qc_are_grouped(qiqa):
    out = qiqa("qc", "--help").out
    titles = re.findall(r"^(\S.*):$", out, re.MULTILINE)
    assert titles[2:6] == [
        "what is judged",
        "what is written",
        "what a person knows",
        "where the phantom is, if it was not found right",
    ]


def test_version(qiqa):
    assert qiqa("--version").out.strip() == f"qiqa {__version__}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["qcc"], "no command 'qcc'; did you mean 'qc'?"),
        (["--verison"], "did you mean '--version'?"),
        (["qc"], "required: PATH"),
        (["qc", "x", "--protcol", "y"], "no option '--protcol'; did you mean '--protocol'?"),
        (["qc", "x", "--proto", "y"], "no option '--proto'"),  # no abbreviations
        (["qc", "x", "--exam", "one"], "--exam: 'one' is not a whole number"),
        (["qc", "x", "--exam", "0"], "--exam: '0' is not a whole number from 1 on"),
        (["qc", "x", "--slice", "-2"], "--slice: '-2' is not a whole number from 1 on"),
        (["qc", "x", "--angle", "nan"], "--angle: 'nan' is not a number"),
        (["qc", "x", "--center", "3"], "--center: '3' is not 2 numbers with commas"),
        (["qc", "x", "--center", "3,inf"], "--center: '3,inf' is not 2 numbers"),
        (["qc", "x", "--date", "05.06.2024"], "--date: '05.06.2024' is not a date"),
        (["qc", "x", "--date", "3024-01-01"], "--date: '3024-01-01' lies ahead"),
        (["qc", "x", "--reversed", "--not-reversed"], "not allowed with"),
        (["history", "--since", "monday"], "--since: 'monday' is not a date"),
        (["history", "--export", "x.xls"], "x.xls: '.xls' is not one of .csv, .json, .parquet"),
        (["simulate", "acr_large"], "required: FOLDER"),
        (["simulate", "acr_medium", "out"], "'acr_medium' cannot be simulated"),
        (["simulate", "acr_large", "out", "--snr", "-5"], "snr is -5.0"),
        (["simulate", "acr_large", "out", "--tilt", "1"], "--tilt: '1' is not 2 numbers"),
        (["simulate", "acr_large", "out", "--variant", "gird"], "--variant: 'gird' is not"),
        (["simulate", "acr_large", "out", "--style", "acme"], "acme"),
        (["simulate", "acr_large", "out", "--seed", "-1"], "--seed: -1 is below 0"),
        (["protocols", "--check", "a", "--entries", "b"], "not allowed with"),
    ],
)
def test_wrong_usage_is_status_2_with_what_to_do(qiqa, home, arguments, said):
    ran = qiqa(*arguments)
    assert ran.code == 2
    assert said in ran.err
    assert not ran.out
    assert not (home / "out").exists()


def test_negative_numbers_need_no_equals_sign(qiqa, home):
    ran = qiqa("simulate", "acr_large", "out", "--offset", "-3,2", "--json", "-")
    assert ran.code == 0
    payload = json.loads(ran.out)
    assert payload["schema"] == "qiqa.simulate/1"
    assert payload["specification"]["center_offset_mm"] == [-3.0, 2.0]
    assert payload["truth"]["diameter_lr_mm"] == pytest.approx(190.0)
    written = {str(p.relative_to(home)) for p in home.rglob("*.dcm")}
    assert {path for paths in payload["files"].values() for path in paths} == written


def test_paths_may_stand_after_options(qiqa, exam):
    ran = qiqa("index", exam / "T1", "--json", "-", exam / "localizer")
    (found,) = json.loads(ran.out)["exams"]
    assert len(found["series"]) == 2


def test_each_verdict_has_a_status_of_its_own():
    assert [status.of_verdict(v) for v in Verdict] == [0, 3, 4, 5]


def test_an_unforeseen_fault_is_shown_in_full_with_status_1(qiqa, monkeypatch):
    from qiqa.cli import phantoms

    def broken(_):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(phantoms, "command", broken)
    ran = qiqa("phantoms")
    assert ran.code == 1
    assert "internal error: ZeroDivisionError: of all things" in ran.err
    assert "in broken" in ran.err


def test_help_starts_fast(process):
    """0.4 s of processor time is the budget; the clock on the wall may be shared with others."""
    resource = pytest.importorskip("resource", reason="counts processor time")
    process("--help")  # compiles what is not compiled yet
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process("--help").code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 0.4


def test_qc_imports_no_more_than_it_needs(exam, home):
    """Compiled code, drawing and DICOM libraries are for other work: they cost seconds."""
    code = f"""
import sys
from qiqa.cli.app import run
code = run(["qc", {str(exam)!r}, "--no-store"])
loaded = set(sys.modules)
print(sorted(loaded & {{"numba", "matplotlib", "pydicom", "nibabel", "skimage", "sqlalchemy",
    "alembic", "rich", "typer", "pydantic"}}), file=sys.stderr)
sys.exit(code)
"""
    environment = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=home,
        env={**os.environ, **environment},
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]")


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("3", "3")])
def test_linear_algebra_uses_one_thread_unless_told_otherwise(given, used):
    """Small matrices: with several threads a run took twice as long on two cores."""
    code = """
import os, sys
sys.argv = ["qiqa", "--version"]
from qiqa.cli import main
try:
    main()
except SystemExit:
    print(os.environ["OPENBLAS_NUM_THREADS"], "numpy" in sys.modules)
"""
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    if given:
        environment["OPENBLAS_NUM_THREADS"] = given
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split()[-2:] == [used, "False"]
