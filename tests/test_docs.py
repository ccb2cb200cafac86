"""The documents say what the program does: names, options, fields, codes, statuses, links."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import doctest
import fnmatch
import functools
import importlib
import importlib.metadata
import math
import os
import re
import shlex
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qiqa.cli import status
from qiqa.cli.app import run
from qiqa.core import (
    arrangement,
    calibration,
    certificate,
    change,
    cylinder,
    diagnosis,
    drift,
    phantom,
    programme,
    protocol,
    registry,
    trial,
)
from qiqa.core.drift_payload import drift_payload
from qiqa.core.errors import UsageError
from qiqa.core.measurement import BudgetLine, Verdict
from qiqa.core.rows import COLUMNS
from qiqa.core.trial_payload import trial_payload
from qiqa.drift.baseline import BaselineProposal, Outlier
from qiqa.drift.design import Proposal
from qiqa.drift.rules import RULES
from qiqa.fitting import fit_arrays
from qiqa.fitting.engines import ENGINES
from qiqa.harmonize.combat import model
from qiqa.harmonize.combat.saving import HARMONIZATION_SCHEMA
from qiqa.io._table_columns import SETTINGS, known_columns
from qiqa.io.definitions import load_protocol, names
from qiqa.io.history_table import REQUIRED
from qiqa.io.readings_table import TEMPERATURES, read_readings
from qiqa.io.value_table import read_values
from qiqa.measure import FAMILIES
from qiqa.models import MODELS
from qiqa.simulate.trial import SimulatedTrial, TrialDesign, simulate_trial
from qiqa.store import schema
from qiqa.store.packing import POSITION_FIELDS
from qiqa.workflows.trial import Claim, look_at_trial

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.rglob("*.md")))
COMMANDS = (
    "qc", "map", "index", "demo", "drift", "drift baseline", "drift alarms", "drift acknowledge",
    "drift design", "harmonize", "harmonize calibrate", "harmonize fit", "harmonize apply",
    "harmonize diagnose", "history", "history event", "simulate", "simulate history",
    "simulate trial", "simulate training-set", "phantoms", "protocols", "trial", "trial report",
    "trial change", "trial deidentify", "vet", "vet review", "vet compare", "vet verify",
    "vet policy", "warmup",
)  # fmt: skip


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    start = text.index(f"{heading}\n")
    level = len(heading) - len(heading.lstrip("#"))
    rest = text[start + len(heading) :]
    end = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def _table(text: str, first: str) -> list[list[str]]:
    """Return the cells of the rows of every table whose first header cell is `first`."""
    rows, inside = [], False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == first:
            inside = True
        elif inside and not set(cells[0]) <= {"-"}:
            rows.append(cells)
    return rows


# --- metrics ---------------------------------------------------------------------------------


def _measured_names() -> Iterator[str]:
    for family in FAMILIES.names():
        module = FAMILIES.load(family)
        for known in (*module.NAMES, *(v for k, v in vars(module).items() if k == "PAIR_NAME")):
            yield known[0]
    for definition in names("protocols"):
        yield from (e.measurement for e in load_protocol(definition).entry if e.measurement)


def _budget_lines() -> set[str]:
    found = set()
    for path in (*(ROOT / "qiqa/measure").glob("*.py"), ROOT / "qiqa/workflows/entries.py"):
        for node in ast.walk(ast.parse(_read(path))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "BudgetLine":
                value = next(k.value for k in node.keywords if k.arg == "name")
                assert isinstance(value, ast.Constant), f"{path.name}: a name that cannot be read"
                found.add(value.value)
    return found


def test_metrics_describe_every_measurement() -> None:
    headings = " ".join(re.findall(r"^##+ (.*)$", _read(DOCS / "metrics.md"), re.MULTILINE))
    missing = {name for name in _measured_names() if not re.search(rf"\b{name}\b", headings)}
    assert not missing


def test_metrics_hold_every_budget_line_and_no_other() -> None:
    documented = {row[0] for row in _table(_read(DOCS / "metrics.md"), "budget line")}
    assert documented == _budget_lines()


def test_metrics_name_the_algorithms() -> None:
    text = _read(DOCS / "metrics.md")
    algorithms = {FAMILIES.load(family).ALGORITHM for family in FAMILIES.names()}
    assert {name for name in algorithms if f"`{name}`" not in text} == set()


@pytest.mark.parametrize(("edition", "columns"), [("2022", (2, 3)), ("2015", (4,))])
def test_metrics_give_the_limits_of_both_editions(edition: str, columns: tuple[int, ...]) -> None:
    rows = _table(_read(DOCS / "metrics.md"), "measurement")
    for limit in load_protocol(f"acr_large_{edition}").limit:
        pairs = (limit.action, limit.tolerance or ())
        levels = {f"{abs(x):g}" for pair in pairs for x in pair if math.isfinite(x) and x != 0}
        for name in limit.measurements:
            fitting = [row for row in rows if fnmatch.fnmatch(name, row[0].split("`")[1])]
            found = {
                f"{float(number):g}"
                for row in fitting
                for column in columns
                for number in re.findall(r"(?<![T\d.])\d+(?:\.\d+)?", row[column])
            }
            assert levels <= found, (limit.id, name)


# --- signal models ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_has_a_page_that_agrees_with_it(name: str) -> None:
    model = MODELS.load(name)
    page = _read(DOCS / "models" / f"{name}.md")
    lines = " ".join(page.split())
    assert f"    {model.EQUATION}\n" in page
    assert f"`{ENGINES.load(model.ENGINE).ALGORITHM}`" in page
    assert f"`{model.ENCODING}`" in page
    assert {reference for reference in model.REFERENCES if reference not in lines} == set()
    assert _table(page, "parameter") == [
        [
            f"`{p.name}`",
            p.unit,
            f"{p.lower:g} to {p.upper:g}" if math.isfinite(p.upper) else "none",
        ]
        for p in model.PARAMETERS
    ]
    assert page.count("\n") < 70
    assert f"[`{name}`]({name}.md)" in _read(DOCS / "models" / "index.md")


@pytest.mark.slow
def test_the_example_of_a_model_file_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", _read(DOCS / "models" / "index.md"), re.DOTALL)
    assert code
    (tmp_path / "qiqa_t1rho.py").write_text(code[1], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    entry = importlib.metadata.EntryPoint("t1rho", "qiqa_t1rho", MODELS.package)
    monkeypatch.setattr(
        registry, "_entry_points", lambda group: (entry,) if group == entry.group else ()
    )
    locks = np.array([1.0, 10.0, 20.0, 40.0, 60.0, 80.0])
    truth = np.linspace(30.0, 150.0, 50)
    maps = fit_arrays(1000 * np.exp(-locks[:, None] / truth), "t1rho", locks, noise_sd=None)
    assert np.allclose(maps.estimate("t1rho")[:, 0, 0], truth, rtol=1e-5)


# --- rules of drift --------------------------------------------------------------------------

SLOW_RULES = ("mewma",)
"""Rules whose run length after a shift takes seconds."""


@pytest.fixture(scope="module")
def drift_pages() -> Iterator[types.ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        yield importlib.import_module("drift_pages")


def _rule_page(name: str) -> str:
    return _read(DOCS / "drift" / f"{name}.md")


@pytest.mark.parametrize("name", RULES.names())
def test_every_drift_rule_has_a_page_that_agrees_with_it(name: str) -> None:
    rule, page = RULES.load(name), _rule_page(name)
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    wanted = ["Settings", "When not", "False alarms", "How long it runs", "Source"]
    assert headings == wanted
    assert f"Rule `{name}`." in page
    assert f"| share of the false alarms | {rule.DEFAULT:g}" in page
    alone = rule.TAKES in ("scores", "values")
    assert (re.search(rf"qiqa drift --rules {name}\b", page) is not None) == alone
    assert alone == ("```python" not in page or name in ("individuals", "nelson", "westgard"))
    assert page.count("\n") < 100


def test_the_table_of_drift_rules_is_complete() -> None:
    takes = {"matrix": "several metrics", "groups": "a group of values"}
    rows = _table(_read(DOCS / "drift" / "index.md"), "rule")
    documented = {(row[0], row[3], row[4]) for row in rows if len(row) == 5}
    assert documented == {
        (f"[{name}]({name}.md)", takes.get(rule.TAKES, "one value"), f"{rule.DEFAULT:g}")
        for name, rule in ((name, RULES.load(name)) for name in RULES.names())
    }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW_RULES else [])
        for name in RULES.names()
    ],
)
def test_pages_of_drift_rules_are_those_of_the_script(
    name: str, drift_pages: types.ModuleType
) -> None:
    made = drift_pages.picture(name)
    page = _rule_page(name)
    # to bring the pages up to date: python docs/drift_pages.py
    assert drift_pages.filled(page, drift_pages.block(made)) == page
    _published_points_are_on_a_line(made)
    image, _ = drift_pages.places(name)
    _same_drawing(_read(image), drift_pages.svg(made))


def _published_points_are_on_a_line(made: typing.Any) -> None:
    """Hold marks against the line of their settings: the last one, or the one in 370."""
    if made.marks is None:
        return
    line = dict(zip(made.lines[-1].x, made.lines[-1].y, strict=True))
    points = zip(made.marks.x, made.marks.y, strict=True)
    shared = [(y, line[x]) for x, y in points if x in line]
    assert shared
    for published, ours in shared:
        assert ours == pytest.approx(published, rel=0.01)


def _same_drawing(kept: str, made: str) -> None:
    """Hold words against words, and places to a hundredth of a point where they can agree."""
    number = r"-?\d+\.?\d*(?:e-?\d+)?"
    assert re.findall(r"<text[^>]*>([^<]*)", kept) == re.findall(r"<text[^>]*>([^<]*)", made)
    (version,) = re.findall(r"drift_pages.py, matplotlib (\S+?)<", kept)
    if version != importlib.metadata.version("matplotlib"):
        return  # another version lays out otherwise
    assert re.sub(number, "0", kept) == re.sub(number, "0", made)
    places = [np.array(re.findall(number, text), dtype=float) for text in (kept, made)]
    np.testing.assert_allclose(*places, atol=0.01)


@pytest.mark.parametrize("name", RULES.names())
def test_examples_of_drift_rules_work(name: str) -> None:
    for code in re.findall(r"```python\n(.*?)```", _rule_page(name), re.DOTALL):
        said: dict[str, typing.Any] = {}
        exec(code, said)  # noqa: S102 - the code of our own page
        assert isinstance(said.get("found"), drift.Chart) or said["broken"] == ("1_2s", "R_4s")


# --- command line ----------------------------------------------------------------------------


@functools.cache
def _help(command: str) -> str:
    words = [sys.executable, "-m", "qiqa", *command.split(), "--help"]
    done = subprocess.run(
        words,
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"},
    )
    return done.stdout


def _options(command: str) -> set[str]:
    """Return the options that the lines of the help begin with."""
    lines = re.findall(r"^  (-.*?)(?:  .*)?$", _help(command), re.MULTILINE)
    return {
        option for line in lines for option in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", line)
    }


def _command_lines(text: str) -> Iterator[list[str]]:
    code = re.findall(r"^    +(.*)$", text, re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    for line in code:
        for part in re.split(r"&&|\|\|", line):
            if re.match(r"qiqa [a-z-]", part.strip()):
                yield shlex.split(part.replace("'", "").split(" #")[0])


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_and_options_exist(page: Path) -> None:
    for words in _command_lines(_read(page)):
        command = words[1] if not words[1].startswith("-") else ""
        if " ".join(words[1:3]) in COMMANDS:
            command = " ".join(words[1:3])
        assert command in ("", *COMMANDS), words
        given = {word.rstrip(".,;:)") for word in words[1:] if re.match(r"--?[a-z]", word)}
        assert given <= _options(command), words


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_options_named_in_the_text_exist(page: Path) -> None:
    known = {option for command in ("", *COMMANDS) for option in _options(command)}
    named = set(re.findall(r"`(--[a-z0-9-]+)", _read(page)))
    assert named <= known


def test_every_command_and_option_is_documented() -> None:
    text = "\n".join(_read(page) for page in PAGES)
    listed = re.findall(r"^  ([a-z]+) ", _help("").split("commands:", 1)[1], re.MULTILINE)
    assert set(listed) == {command for command in COMMANDS if " " not in command}
    for command in COMMANDS:
        assert f"qiqa {command}" in text
        long = {option for option in _options(command) if option.startswith("--")}
        assert {o for o in long if not re.search(rf"{o}(?![\w-])", text)} == set(), command


def _statuses(text: str) -> set[int]:
    return {int(row[0]) for row in _table(text, "status")}


@pytest.mark.parametrize("page", [README, DOCS / "schemas.md"], ids=_name)
def test_exit_statuses_are_those_of_the_program(page: Path) -> None:
    expected = {status.PASS, status.FAILED, status.USAGE, status.INTERRUPTED}
    assert _statuses(_read(page)) == expected | {status.of_verdict(v) for v in Verdict}


# --- schemas and codes -----------------------------------------------------------------------


def test_row_schema_is_complete_and_in_order() -> None:
    text = _section(_read(DOCS / "schemas.md"), "## Measurement row: qiqa.measurement/1")
    documented = [tuple(row[:3]) for row in _table(text, "field")]
    assert documented == [(f"`{c.name}`", c.type, c.meaning) for c in COLUMNS]


@pytest.mark.parametrize(
    ("noun", "heading"),
    [
        (phantom.Phantom, "### Top level of a phantom"),
        (phantom.ReferenceValue, "### [[reference]]"),
        (cylinder.CylinderPhantom, "### Family acr_cylinder"),
        (cylinder.Body, "### [body]"),
        (cylinder.Stack, "### [stack]"),
        (cylinder.Insert, "### [[insert]]"),
        (arrangement.Arrangement, "### Family arrangement"),
        (arrangement.Group, "### [[group]]"),
        (arrangement.Landmark, "### [[landmark]]"),
        (certificate.Batch, "### [[batch]]"),
        (certificate.Certificate, "### [[certificate]]"),
        (certificate.UnitCertificates, "### Top level of a certificate file"),
        (protocol.Protocol, "### Top level of a protocol"),
        (protocol.ExpectedSeries, "### [[series]]"),
        (protocol.Limit, "### [[limit]]"),
        (protocol.Entry, "### [[entry]]"),
    ],
)
def test_definition_keys_are_complete(noun: type, heading: str) -> None:
    rows = _table(_section(_read(DOCS / "schemas.md"), heading), "key")
    common = (
        {f.name for f in dataclasses.fields(phantom.Phantom)}
        if issubclass(noun, phantom.Phantom)
        else set()
    )
    assert {row[0] for row in rows} == {
        f"`{f.name}`{'*' if f.default is dataclasses.MISSING else ''}"
        for f in dataclasses.fields(noun)
        if f.name not in ("path", "sha256", "supplements")
        and (noun is phantom.Phantom or f.name not in common)
    }


def test_records_are_complete() -> None:
    text = _section(_read(DOCS / "schemas.md"), "## JSON of a record: qiqa.record/1")
    rows = {row[0].strip("`"): row[2] for row in _table(text, "key")}
    said_by_the_record = {
        "event": (drift.ServiceEvent, {"record_id"}, drift.EVENT_KINDS),
        "baseline": (drift.ApprovedBaseline, {"record_id"}, ()),
        "finding": (drift.DriftFinding, {"alarm_id", "state"}, tuple(drift.Kind)),
        "decision": (drift.AlarmDecision, {"record_id", "at", "by"}, tuple(drift.AlarmState)),
    }
    assert set(rows) == {*said_by_the_record, "withdrawal"}
    for key, (noun, left_out, words) in said_by_the_record.items():
        expected = {f.name for f in dataclasses.fields(noun)} - left_out
        nested = {f.name for f in dataclasses.fields(drift.Forecast)} if key == "finding" else set()
        assert set(re.findall(r"`(\w+)`", rows[key])) == expected | nested | set(words)


def _fields(noun: type) -> set[str]:
    return {field.name for field in dataclasses.fields(noun)}


def test_the_json_of_drift_is_complete() -> None:
    text = _section(_read(DOCS / "schemas.md"), "## JSON of scanners watched: qiqa.drift/1")
    finding = drift.DriftFinding(
        scanner="A", name="snr", quantity="snr", kind=drift.Kind.STEP, rule="cusum", date=None,
        date_interval=None, verdict="tolerance",
    )  # fmt: skip
    summary = drift.ScannerSummary(
        scanner="A", label="", verdict="tolerance", findings=(finding,), charted=1, learning=0,
        exams=1, last_exam=None,
    )  # fmt: skip
    fleet = drift.FleetState(
        now=dt.datetime(2026, 1, 5), scanners=(summary,), false_alarms_per_year=1.0
    )
    payload = drift_payload(fleet, [finding])
    top, *_ = text.split("### ")
    assert [row[0] for row in _table(top, "key")] == [f"`{key}`" for key in payload]
    for name, rows in (("scanners", payload["scanners"]), ("findings", payload["findings"])):
        listed = _table(_section(text, f"### Each of {name}"), "key")
        assert {key for row in listed for key in re.findall(r"`(\w+)`", row[0])} == set(rows[0])
    kinds, states = (
        next(row[1] for row in listed if f"`{key}`" in row[0]) for key in ("kind", "state")
    )
    assert set(re.findall(r"`(\w+)`", kinds)) == set(drift.Kind)
    assert set(re.findall(r"`(\w+)`", states)) == {"new", *drift.AlarmState}
    assert _fields(drift.Forecast) <= set(re.findall(r"`(\w+)`", listed[-1][1]))


@pytest.mark.parametrize(
    ("heading", "noun"),
    [
        ("## JSON of a proposed baseline: qiqa.baseline/1", BaselineProposal),
        ("## JSON of alarms: qiqa.alarms/1", drift.Alarm),
        ("## JSON of events: qiqa.events/1", drift.ServiceEvent),
        ("## JSON of designs: qiqa.design/1", Proposal),
    ],
)
def test_the_json_of_what_belongs_to_drift_is_complete(heading: str, noun: type) -> None:
    rows = _table(_section(_read(DOCS / "schemas.md"), heading), "key")
    listed = [key for row in rows for key in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted(_fields(noun))
    nested = {"outliers": Outlier, "decisions": drift.AlarmDecision}
    for key, content in rows:
        if inner := nested.get(key.strip("`")):
            assert set(re.findall(r"`(\w+)`", content)) == _fields(inner)


def test_columns_of_a_table_are_those_that_are_read() -> None:
    text = _section(_read(DOCS / "drift.md"), "## Values from a table")
    rows = _table(text, "column")
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert set(REQUIRED) <= named
    assert set(SETTINGS) <= named
    assert {name for name in named if name not in known_columns()} == set()


def test_the_example_of_drift_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = _read(DOCS / "drift.md")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    simulate, look = (
        shlex.split(line)[1:]
        for line in re.findall(
            r"^    (qiqa .*)$", _section(page, "## Try it without a scanner"), re.M
        )
    )
    assert run(simulate) == 0
    capsys.readouterr()
    assert run(look) == 3
    for line in capsys.readouterr().out.splitlines():
        assert not line or f"    {line.rstrip()}\n" in page
    table = re.search(r"```text\n(Site;.*?)```", page, re.DOTALL)
    assert table
    Path("qc.csv").write_text(table[1], encoding="utf-8")
    (words,) = re.findall(r"^    qiqa (drift --table qc.csv .*)$", page, re.MULTILINE)
    assert run([*shlex.split(words), "--no-pages"]) == 5
    assert "MR 1: PSNR: 2 usable exams" in capsys.readouterr().out


def test_tables_are_complete() -> None:
    text = _section(_read(DOCS / "schemas.md"), "## Database")
    listed = re.findall(r"`(\w+)`", text.split("Tables", 1)[1].split(".", 1)[0])
    tables = {**schema.metadata.tables, **schema.version.metadata.tables}
    assert sorted(listed) == sorted(tables)
    for name in ("exam_values", "layout"):
        (line,) = (line for line in text.splitlines() if line.startswith(f"`{name}`"))
        assert set(tables[name].columns.keys()) <= set(re.findall(r"`(\w+)`", line))
    assert {*POSITION_FIELDS, "epoch"} <= set(re.findall(r"`(\w+)`", line))


def test_shapes_are_complete() -> None:
    rows = _table(_section(_read(DOCS / "schemas.md"), "### shape"), "kind")
    documented = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows}
    assert documented == {
        typing.get_args(typing.get_type_hints(shape)["kind"])[0]: {
            f.name for f in dataclasses.fields(shape) if f.name != "kind"
        }
        for shape in typing.get_args(cylinder.ShapeOf)
    }


@pytest.mark.parametrize("name", ["nist_system", "qiba_diffusion"])
def test_phantom_pages_are_those_of_the_definitions(name: str) -> None:
    made = subprocess.run(
        [sys.executable, "docs/phantom_pages.py", name],
        capture_output=True,
        check=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "QIQA_PATH": ""},
    )
    # to bring the pages up to date: python docs/phantom_pages.py
    assert _read(DOCS / "phantoms" / f"{name}.md") == made.stdout


def test_the_example_of_an_own_phantom_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = _read(DOCS / "own-phantom.md")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIQA_PATH", str(tmp_path))
    (tmp_path / "phantoms").mkdir()
    Path("phantoms/gel_tubes.toml").write_text(example[1], encoding="utf-8")
    assert run(["phantoms", "check", "phantoms/gel_tubes.toml"]) == 0
    said = capsys.readouterr().out.strip()
    assert f"    {said}\n" in page
    # the page works the first of these lines out by hand
    assert run(["phantoms", "show", "gel_tubes", "--temperature", "21.3", "--field", "3"]) == 0
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    printed = re.findall(r"^    ((?:weak|strong)-\d +\d.*)$", page, re.MULTILINE)
    assert len(printed) == 4
    for line in printed:
        assert " ".join(line.split()) in lines


def test_finding_codes_are_complete() -> None:
    # what vetting observes has pages of its own
    sources = (p.relative_to(ROOT) for p in (ROOT / "qiqa").rglob("*.py"))
    vetting = {
        "vetting",
        "scan",
        "lineage.py",
        "lineage_bias.py",
        "training_set.py",
        "vet_declared.py",
        "vet_tasks.py",
    }
    files = (ROOT / p for p in sources if not vetting & {*p.parts})
    source = "\n".join(_read(path) for path in files)
    patterns = (
        r'\bcode="(\w+)"',
        r'\bcode: str = "(\w+)"',
        r'_(?:finding|altered)\(\s*"(\w+)"',
        r'\.unreadable\([^\n]*, "(\w+)"\)',
        r'code="\w+" if \w+ else "(\w+)"',
        r'"(artifact_\w+)"',
        r'\.(?:tell|note)\(\s*"(\w+)"',
    )
    used = {code for pattern in patterns for code in re.findall(pattern, source)}
    used |= {f"{what}_replaced" for what in re.findall(r'_replaced\(\s*"(\w+)"', source)}
    text = _section(_read(DOCS / "reading.md"), "## Findings")
    documented = {code for row in _table(text, "code") for code in re.findall(r"`(\w+)`", row[0])}
    documented |= set(re.findall(r"`(\w+_\w+)`", text.rsplit("`qiqa history --verify` adds", 1)[1]))
    assert documented == used


# --- trials and harmonization ----------------------------------------------------------------


def _keys(section: str, column: int = 0) -> list[str]:
    rows = _table(section, "key") or _table(section, "column")
    return [key for row in rows for key in re.findall(r"`(\w+)`", row[column])]


def _row(section: str, key: str) -> str:
    return next(row[1] for row in _table(section, "key") if f"`{key}`" in row[0])


def _words(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


@pytest.fixture(scope="module")
def simulated() -> SimulatedTrial:
    return simulate_trial(TrialDesign(sites=6, years=1.0), np.random.default_rng(1))


def test_the_json_of_a_trial_is_complete(simulated: SimulatedTrial) -> None:
    end = dt.datetime(2019, 1, 1)
    claims = {"adc": Claim(value=3.6, percent=True, source="")}
    state = look_at_trial(simulated.readings, now=end, source="", title="", claims=claims)
    payload = trial_payload(state)
    text = _section(_read(DOCS / "schemas.md"), "## JSON of a trial: qiqa.trial/1")
    top = text.split("### ")[0]
    assert _keys(top) == list(payload)
    for heading, rows in (
        ("### Each flag of a trial", payload["flags"]),
        ("### Each scanner of a trial", payload["scanners"]),
        ("### Each certificate", payload["certificates"]),
        ("### Each measurement of a trial", payload["measurements"]),
    ):
        assert sorted(_keys(_section(text, heading))) == sorted(rows[0]), heading
    assert _words(_row(top, "vendor_effect")) == _fields(trial.VendorEffect)
    assert _words(_row(top, "variance_components")) == _fields(trial.VarianceComponent)
    scored = {"acceptable", "warning", "action", "not_scored"}
    assert _words(_row(top, "rounds")) == _fields(programme.RoundScore) | scored
    scanner, paper, measured = (
        _section(text, f"### Each {what}")
        for what in ("scanner of a trial", "certificate", "measurement of a trial")
    )
    assert _words(_row(scanner, "claim")) == set(trial.ClaimAnswer)
    assert _words(_row(paper, "state")) == set(programme.CertificateState)
    assert _words(_row(measured, "exchanges")) == _fields(trial.Exchange)


def test_the_json_of_a_change_is_complete() -> None:
    text = _section(_read(DOCS / "schemas.md"), f"## JSON of a change: {change.CHANGE_SCHEMA}")
    assert sorted(_keys(text)) == sorted({"schema", *_fields(change.Change)})
    assert _words(_row(text, "answer")) == set(change.ChangeAnswer)
    assert _words(_row(text, "first")) == _fields(change.DatedValue)
    assert _words(_row(text, "budget")) == _fields(BudgetLine) | {"A", "B"}


def test_the_json_of_calibrations_is_complete() -> None:
    text = _section(
        _read(DOCS / "schemas.md"), f"## Calibrations: {calibration.CALIBRATION_SCHEMA}"
    )
    top, each = text.split("### Each calibration")
    assert _keys(top) == [field.name for field in dataclasses.fields(calibration.CalibrationSet)]
    assert sorted(_keys(each)) == sorted(_fields(calibration.ScannerCalibration))


def test_the_json_of_a_harmonization_is_complete() -> None:
    heading = f"## JSON of a harmonization: {HARMONIZATION_SCHEMA}"
    text = _section(_read(DOCS / "schemas.md"), heading)
    assert _keys(text) == [field.name for field in dataclasses.fields(model.CombatModel)]
    ways = {"parametric", "nonparametric", "none"}
    assert _words(_row(text, "draw")) == _fields(model.Draw) | ways
    assert _words(_row(text, "terms")) == _fields(model.Term) | _fields(model.SmoothBasis)
    assert _words(_row(text, "flags")) == _fields(trial.Flag)
    assert _words(_row(text, "subjects")) == _fields(model.Subjects)
    assert _words(_row(text, "scores")) == _fields(model.Scores)


def test_the_json_of_a_diagnosis_is_complete() -> None:
    heading = f"## JSON of a harmonization judged: {diagnosis.DIAGNOSIS_SCHEMA}"
    text = _section(_read(DOCS / "schemas.md"), heading)
    assert sorted(_keys(text)) == sorted({"schema", *_fields(diagnosis.HarmonizationDiagnosis)})
    assert _words(_row(text, "answer")) == set(diagnosis.SiteAnswer)
    assert _words(_row(text, "tests_before")) == _fields(diagnosis.FeatureTests)
    assert _words(_row(text, "interest")) == _fields(diagnosis.KeptEffect)
    assert _words(_row(text, "injected")) == _fields(diagnosis.InjectedEffect)
    assert _words(_row(text, "placebo")) == _fields(diagnosis.Placebo)
    each = text.rsplit("Each model:", 1)[1]
    nested = _fields(diagnosis.BatchAuc) | _fields(diagnosis.Leak)
    assert _words(each) == _fields(diagnosis.Predictability) | nested


@pytest.mark.parametrize(
    ("heading", "read"),
    [("### Readings of a phantom", read_readings), ("### Values of participants", read_values)],
)
def test_columns_that_a_table_of_a_trial_needs(
    heading: str, read: typing.Callable[[Path], object], tmp_path: Path
) -> None:
    section = _section(_read(DOCS / "schemas.md"), heading)
    listed = _table(section, "column")
    starred = {name for row in listed for name in re.findall(r"`(\w+)`\*", row[0])}
    named = {name for row in listed for name in _words(row[0])}
    assert starred == {"scanner", "acquired_at", "value", "name"}
    # what the code reads besides those that every table may have
    assert named - known_columns() <= {*TEMPERATURES, "deviations", "x_mm", "y_mm", "z_mm"}
    path = tmp_path / "table.csv"
    cells = {"scanner": "A", "acquired_at": "2026-01-05", "value": "1.1", "name": "adc"}
    for left_out in ("", *sorted(starred)):
        kept = {name: cell for name, cell in cells.items() if name != left_out}
        path.write_text(f"{','.join(kept)}\n{','.join(kept.values())}\n", encoding="utf-8")
        if left_out:
            with pytest.raises(UsageError, match=left_out):
                read(path)
        else:
            read(path)


def _said_by(room: Path) -> str:
    """Return all texts of a room's code, pieces of one message joined, numbers left out."""
    said = []
    for path in room.rglob("*.py"):
        for node in ast.walk(ast.parse(_read(path))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value for part in node.values if isinstance(part, ast.Constant))
                said.append("\0".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.append(node.value)
    return "\n".join(said)


def test_refusals_of_harmonizing_are_worded_as_documented() -> None:
    rows = _table(_read(DOCS / "harmonization.md"), "cause")
    messages = [text for row in rows for text in re.findall(r"`([^`]+)`", row[1])]
    assert len(messages) > 20
    said = _said_by(ROOT / "qiqa" / "harmonize")
    assert [text for text in messages if text not in said] == []


def test_flags_of_combat_are_documented() -> None:
    said = "\n".join(_read(path) for path in (ROOT / "qiqa/harmonize/combat").glob("*.py"))
    kinds = set(re.findall(r'kind="(\w+)"', said))
    (line,) = re.findall(r"^Flagged, not refused: (.*)$", _read(DOCS / "harmonization.md"), re.M)
    assert _words(line) == kinds


def test_the_examples_of_harmonizing_work(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    said: dict[str, typing.Any] = {}
    for code in re.findall(r"```python\n(.*?)```", _read(DOCS / "harmonization.md"), re.DOTALL):
        exec(code, said)  # noqa: S102 - the code of our own page
    assert said["after"] < 0.5 * said["before"]
    assert said["score"].mean() > 0.7
    assert capsys.readouterr().out.startswith("between scanners, held-out rows: ")


def test_the_examples_of_statistics_give_published_numbers() -> None:
    page = _read(DOCS / "metrology.md")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    examples = doctest.DocTestParser().get_doctest(code, {}, "metrology.md", None, None)
    tried = doctest.DocTestRunner().run(examples)
    assert tried.attempted >= 20
    assert tried.failed == 0


def test_statistics_that_are_listed_exist() -> None:
    rows = _table(_read(DOCS / "metrology.md"), "question")
    module = ""
    for name in (name for row in rows for name in re.findall(r"`([\w.]+)`", row[1])):
        if name.startswith(".") or (name == "agreement_repeated"):
            continue
        module, function = name.split(".") if "." in name else (module, name)
        assert callable(getattr(importlib.import_module(f"qiqa.metrology.{module}"), function))


# --- pages -----------------------------------------------------------------------------------


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _read(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _read(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in _anchors(path), target


def test_every_page_is_linked() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s:]+)\)", _read(page))
    }
    own = {page for page in PAGES if "validation" not in page.parts}
    assert own - linked - {README} == set()


def test_readme_holds_the_two_commands() -> None:
    lines = {line.strip() for line in _read(README).splitlines()}
    assert {"pip install . && qiqa demo", "pip install '.[test]' && pytest -n auto"} <= lines


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_names_a_private_place(page: Path) -> None:
    assert not re.search(r"/(work|root|tmp|home)/", _read(page))


def test_pictures_are_small() -> None:
    large = [p.name for p in (DOCS / "images").rglob("*") if p.stat().st_size > 300_000]
    assert not large
