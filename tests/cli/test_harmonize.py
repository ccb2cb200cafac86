"""`qiqa harmonize`: calibrate, fit, apply and diagnose as a person runs them."""

import csv
import functools
import json
import math
import re

import nibabel
import numpy as np
import pytest

from qiqa.cli import harmonize_diagnose


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# --- by phantoms ------------------------------------------------------------------------------


@pytest.fixture
def phantom(home, phantom_rounds):
    """Write a phantom on six scanners; S02 reads 8 % high. Inserts lie up to 40 mm away."""
    rng = np.random.default_rng(4)
    readings = phantom_rounds.rounds(
        rng, scanners=6, visits=6, bias={2: 0.08}, noise=0.002, exam_sd=0.001
    )
    rows = phantom_rounds.rows_of(readings)
    for row in rows:
        row["distance_mm"], row["software"] = 10 * "ABCDE".index(row["insert"]), "VA30"
    phantom_rounds.write_rows(rows, home / "phantom.csv")
    return rows


@pytest.fixture
def calibrate(qiqa, phantom):
    assert phantom
    return lambda *words: qiqa(
        "harmonize", "calibrate", "--table", "phantom.csv", "-o", "c.json", *words
    )


VALUE = {"participant": "P1", "scanner": "S02", "acquired_at": "2025-03-01", "name": "adc_tumor",
         "quantity": "adc", "value": 1.08, "unit": "µm²/s", "software": "VA30",
         "distance_mm": 30}  # fmt: skip


def test_a_bias_is_learned_and_taken_off(qiqa, calibrate, home, phantom_rounds):
    ran = calibrate()
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"S02 +adc +VA30 +constant +\+8(\.\d)? %", ran.out)
    content = json.loads((home / "c.json").read_text(encoding="utf-8"))
    assert (content["schema"], content["source"]) == ("qiqa.calibration/1", "phantom.csv")
    assert len(content["calibrations"]) == 6
    stated = {**VALUE, "standard_uncertainty": "0.004"}
    phantom_rounds.write_rows([stated, VALUE], home / "v.csv")
    ran = qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "out.csv")
    assert ran.code == 0, ran.err
    row, silent = read(home / "out.csv")
    assert float(row["value"]) == pytest.approx(1.0, abs=0.005)
    assert 0.003 < float(row["standard_uncertainty"]) < 0.01
    # that of the calibration alone would pass for all there is
    assert silent["standard_uncertainty"] == ""
    assert ran.last.startswith("2 values corrected, 0 refused: ")


@pytest.mark.parametrize(
    ("rows", "code", "said"),
    [
        ([VALUE, {**VALUE, "scanner": "S99"}], 3, "1 refused: no phantom was measured on S99"),
        ([{**VALUE, "software": "VB10"}], 5, "no phantom of S02 since its settings are 'VB10'"),
        (
            [{**VALUE, "distance_mm": d} for d in (101, 102, 103)],
            5,
            "3 refused: for instance: it lies 101 mm from isocenter, the phantom reached 40 mm",
        ),
    ],
)
def test_refusals_are_counted_and_alike_ones_said_once(
    qiqa, calibrate, home, phantom_rounds, rows, code, said
):
    calibrate()
    phantom_rounds.write_rows(rows, home / "v.csv")
    ran = qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "out.csv")
    assert ran.code == code
    assert said in ran.out
    assert ran.out.count("refused: ") == 2  # the reason, and the sum


def test_a_table_is_not_calibrated_twice(qiqa, calibrate, home, phantom_rounds):
    calibrate()
    phantom_rounds.write_rows([VALUE], home / "v.csv")
    assert qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "out.csv").code == 0
    ran = qiqa("harmonize", "apply", "c.json", "out.csv", "-o", "twice.csv")
    assert (ran.code, "were calibrated before" in ran.err) == (2, True)


def test_a_map_is_corrected_where_the_phantom_reaches(qiqa, calibrate, home):
    calibrate()
    affine = np.diag([10.0, 10.0, 10.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.full((8, 1, 1), 1.08), affine), home / "adc.nii.gz")
    (home / "adc.json").write_text('{"Units": "µm²/s"}', encoding="utf-8")
    words = ("harmonize", "apply", "c.json", "adc.nii.gz", "-o", "out.nii.gz")
    ran = qiqa(*words, "--scanner", "S02", "--settings", "VA30", "--date", "2025-03-01",
               "--name", "adc", "--u", "5")  # fmt: skip
    assert ran.code == 3, ran.err
    assert ran.last.startswith("5 voxels corrected, 3 out of reach (NaN): ")
    values = nibabel.load(home / "out.nii.gz").get_fdata().ravel()
    assert np.nanmax(np.abs(values - 1.0)) < 0.005
    u = nibabel.load(home / "out_u.nii.gz").get_fdata().ravel()
    assert np.nanmin(u) == pytest.approx(0.05, rel=0.01)
    for more, said in (
        ((), "a map needs --scanner, --date and --name"),
        (("--scanner", "S02", "--date", "x", "--name", "adc"), "--date: 'x' is not a date"),
        (("--scanner", "S02", "--date", "2025-03-01", "--name", "adc"), "its settings are 'not st"),
        (("--scanner", "S02", "--date", "2025-03-01", "--name", "adc", "--u", "-1"), "--u: -1 is"),
    ):
        ran = qiqa(*words[:-1], "no.nii.gz", *more)
        assert (ran.code, said in ran.err) == (2, True), ran.err
    assert not (home / "no.nii.gz").exists()


def test_options_without_effect_are_refused(qiqa, calibrate, features, home, phantom_rounds):
    calibrate()
    phantom_rounds.write_rows([VALUE], home / "v.csv")
    qiqa("harmonize", "fit", "f.csv", *features, "-o", "m.json")
    for model, table, words, said in (
        ("c.json", "v.csv", ("--covariates-at-mean",), "--covariates-at-mean: is for a model of"),
        ("c.json", "v.csv", ("--scanner", "S02"), "--scanner: is for a map, and this is a table"),
        ("c.json", "v.nii", ("--at-isocenter",), "--at-isocenter: is for a table"),
        ("m.json", "f.csv", ("--u", "0"), "--u: is for a map, and this is a model of ComBat"),
    ):
        ran = qiqa("harmonize", "apply", model, table, "-o", "x.csv", *words)
        assert (ran.code, said in ran.err) == (2, True), ran.err
    ran = qiqa("harmonize", "diagnose", "f.csv", "f.csv", *features, "--method", "covbat")
    assert (ran.code, "--method: not with AFTER" in ran.err) == (2, True)
    assert not (home / "x.csv").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--valid-days", "0"), 2, "--valid-days: 0 is not above 0"),
        (("--valid-days", "nan"), 2, "'nan' is not a number"),
        (("--name", "t1"), 2, "there is no measurement 't1'"),
        (("-o", "none/c.json"), 1, "none/c.json: cannot be written"),
    ],
)
def test_calibrations_that_cannot_be(calibrate, words, code, said):
    ran = calibrate(*words)
    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_what_a_phantom_cannot_calibrate_says_why(calibrate, home, phantom, phantom_rounds):
    snr = [{**row, "name": "snr_local", "quantity": "snr"} for row in phantom]
    phantom_rounds.write_rows(snr, home / "phantom.csv")
    ran = calibrate()
    assert (ran.code, "nothing could be calibrated" in ran.err) == (1, True)
    assert "SNR depends on the load of the coil" in ran.out
    assert not (home / "c.json").exists()


def test_one_scanner_and_one_exam_are_flagged(calibrate, home, phantom, phantom_rounds):
    one = [row for row in phantom if row["exam"] == "S01 visit 0"]
    phantom_rounds.write_rows(one, home / "phantom.csv")
    ran = calibrate()
    assert ran.code == 0
    assert (
        "one exam: S01: one phantom exam: what it scatters from day to day is not known" in ran.out
    )


# --- by statistics ----------------------------------------------------------------------------


@pytest.fixture
def features(home):
    """Write 90 scans of three sites with shifts of -1, 0 and 1, and ages; return the shifts."""
    rng = np.random.default_rng(8)
    with (home / "f.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["scan", "site", "age", "note", *(f"f{j:02d}" for j in range(12))])
        for i in range(90):
            site, age = i % 3, rng.uniform(40, 70)
            values = rng.normal(size=12) + site - 1 + 0.02 * age
            writer.writerow([f"scan {i}", "ABC"[site], age, "=1+1", *values])
    return ["--batch", "site", "--row", "scan", "--keep", "age"]


def rows_to(home, name, rows):
    with (home / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def gaps(rows):
    """Return what the means of sites differ by, over all features."""
    names = [n for n in rows[0] if re.fullmatch(r"f\d\d", n)]
    means = [np.mean([[float(r[n]) for n in names] for r in rows if r["site"] == s]) for s in "ABC"]
    return np.ptp(means)


def test_sites_are_brought_together_and_the_rest_stays(qiqa, features, home):
    ran = qiqa("harmonize", "fit", "f.csv", *features, "-o", "m.json", "--write", "h.csv")
    assert ran.code == 0, ran.err
    assert "90 rows, 12 features, 3 values of site" in ran.out
    before, after = read(home / "f.csv"), read(home / "h.csv")
    assert gaps(before) > 1.8
    assert gaps(after) < 0.2
    assert list(after[0]) == [*before[0], "harmonized_by"]
    assert {r["harmonized_by"] for r in after} == {"site"}
    assert [r["age"] for r in after] == [r["age"] for r in before]
    assert {r["note"] for r in after} == {"'=1+1"}
    model = json.loads((home / "m.json").read_text(encoding="utf-8"))
    assert model["schema"] == "qiqa.harmonization/1"


def test_rows_that_it_was_not_fitted_on_are_corrected_alike(qiqa, features, home):
    """A row is corrected by its site's shift, whoever else is in the table, in whatever order."""
    rows = read(home / "f.csv")
    rows_to(home, "train.csv", rows[:60])
    rows_to(home, "test.csv", rows[60:])
    assert qiqa("harmonize", "fit", "train.csv", *features, "-o", "m.json").code == 0
    ran = qiqa("harmonize", "apply", "m.json", "test.csv", "-o", "all.csv")
    assert ran.code == 0, ran.err
    together = read(home / "all.csv")
    assert gaps(rows[60:]) > 1.8
    assert gaps(together) < 0.5
    rows_to(home, "test.csv", rows[75:59:-1])
    qiqa("harmonize", "apply", "m.json", "test.csv", "-o", "some.csv")
    some = {r["scan"]: r for r in read(home / "some.csv")}
    assert len(some) == 16
    for row in together[:16]:
        for name in ("f00", "f11"):
            assert float(row[name]) == pytest.approx(float(some[row["scan"]][name]), rel=1e-12)


def test_fitting_and_applying_to_the_same_rows_is_one(qiqa, features, home):
    qiqa("harmonize", "fit", "f.csv", *features, "-o", "m.json", "--write", "h.csv")
    qiqa("harmonize", "apply", "m.json", "f.csv", "-o", "again.csv")
    assert (home / "h.csv").read_bytes() == (home / "again.csv").read_bytes()


def test_what_a_model_does_not_know_is_refused(qiqa, features, home):
    qiqa("harmonize", "fit", "f.csv", *features, "-o", "m.json")
    rows = read(home / "f.csv")
    rows_to(home, "x.csv", [{**row, "site": "D"} for row in rows])
    ran = qiqa("harmonize", "apply", "m.json", "x.csv", "-o", "y.csv")
    assert ran.code in (1, 2)
    assert "'D'" in ran.err or " D" in ran.err
    rows_to(home, "x.csv", [{k: v for k, v in row.items() if k != "age"} for row in rows])
    ran = qiqa("harmonize", "apply", "m.json", "x.csv", "-o", "y.csv")
    assert (ran.code, "there is no column 'age'" in ran.err) == (2, True)
    assert not (home / "y.csv").exists()
    ran = qiqa("harmonize", "apply", "m.json", "x.csv", "-o", "y.csv", "--covariates-at-mean")
    assert ran.code == 0, ran.err
    ran = qiqa("harmonize", "apply", "m.json", "f.csv", "-o", "y.txt")
    assert (ran.code, "is not .csv or .parquet" in ran.err) == (2, True)


def test_people_who_come_again(qiqa, features, home):
    """Longitudinal: the same people at all sites; the column that names them is remembered."""
    assert features
    rows = read(home / "f.csv")
    for i, row in enumerate(rows):
        row["who"] = f"p{i // 3}"
    rows_to(home, "visits.csv", rows)
    base = ("harmonize", "fit", "visits.csv", "--batch", "site", "--method", "longitudinal")
    ran = qiqa(*base, "-o", "m.json")
    assert (ran.code, "--subject: is needed for --method longitudinal" in ran.err) == (2, True)
    names = ("--features", "f00,f01,f02,f03,f04,f05,f06,f07,f08,f09")
    ran = qiqa(*base, "--subject", "who", *names, "-o", "m.json", "--write", "h.csv")
    assert ran.code == 0, ran.err
    ran = qiqa("harmonize", "apply", "m.json", "visits.csv", "-o", "again.csv")
    assert ran.code == 0, ran.err
    one, other = read(home / "h.csv"), read(home / "again.csv")
    assert [float(r["f00"]) for r in one] == pytest.approx([float(r["f00"]) for r in other])
    assert gaps([{k: v for k, v in r.items() if k not in ("f10", "f11")} for r in one]) < 0.2
    rows_to(home, "nobody.csv", [{k: v for k, v in row.items() if k != "who"} for row in rows])
    ran = qiqa("harmonize", "apply", "m.json", "nobody.csv", "-o", "x.csv")
    assert (ran.code, "there is no column 'who'" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--batch", "scanner"), "there is no column 'scanner'; there are scan, site, age"),
        (("--batch", "site", "--features", "note"), "'note' is no column of numbers"),
        (("--batch", "site", "--keep", "site"), "cannot be the batch and something else"),
        (("--batch", "site", "--method", "magic"), "invalid choice: 'magic'"),
        (("--batch", "site", "--method", "covbat", "--mean-only"), "not with --method covbat"),
        (("--batch", "site", "--method", "longitudinal", "--smooth", "age", "--subject", "scan"),
         "--smooth: not with --method longitudinal"),
        (("--batch", "site", "--reference", "Z"), "'Z'"),
        ((), "required: --batch"),
    ],
)  # fmt: skip
def test_fits_that_cannot_be(qiqa, features, home, words, said):
    assert features
    ran = qiqa("harmonize", "fit", "f.csv", "-o", "m.json", *words)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not (home / "m.json").exists()


def test_one_site_is_not_harmonized(qiqa, features, home):
    rows_to(home, "a.csv", [row for row in read(home / "f.csv") if row["site"] == "A"])
    ran = qiqa("harmonize", "fit", "a.csv", *features, "-o", "m.json")
    assert ran.code in (1, 2)
    assert "site" in ran.err
    assert "Traceback" not in ran.err


def test_models_that_are_none(qiqa, features, home):
    assert features
    for name, content, said in (
        ("a.json", "{", "cannot be read as JSON"),
        ("b.json", "[]", "holds no model"),
        ("c.json", '{"schema": "other/1"}', "schema 'other/1'; this version reads"),
        ("d.json", '{"schema": "qiqa.harmonization/1", "model": {}}', "is missing"),
        ("e.json", '{"schema": "qiqa.calibration/1"}', "is not whole"),
    ):
        (home / name).write_text(content, encoding="utf-8")
        ran = qiqa("harmonize", "apply", name, "f.csv", "-o", "x.csv")
        assert ran.code in (1, 2)
        assert said in ran.err, name
        assert "Traceback" not in ran.err
    ran = qiqa("harmonize", "apply", "none.json", "f.csv", "-o", "x.csv")
    assert (ran.code, "none.json: there is no such file" in ran.err) == (1, True)


def test_parquet_through_and_through(qiqa, features, home):
    parquet = pytest.importorskip("pyarrow.parquet")
    fit = ("harmonize", "fit", "f.csv", *features, "-o", "m.json", "--write")
    assert qiqa(*fit, "h.parquet").code == 0
    once = parquet.read_table(home / "h.parquet")
    assert once.column("harmonized_by").to_pylist() == ["site"] * 90
    again = ("harmonize", "fit", "h.parquet", *features, "-o", "m2.json", "--write", "h2.parquet")
    assert qiqa(*again).code == 2
    parquet.write_table(once.drop_columns(["harmonized_by"]), home / "h.parquet")
    ran = qiqa(*again)
    assert ran.code == 0, ran.err
    names = parquet.read_table(home / "h2.parquet").column_names
    assert names == [*read(home / "f.csv")[0], "harmonized_by"]


# --- diagnosing -------------------------------------------------------------------------------


@pytest.fixture
def diagnose(qiqa, features, monkeypatch):
    """Return a function that diagnoses with the quickest of the three models."""
    from qiqa.harmonize.diagnosis import diagnosing

    quick = functools.partial(diagnosing.diagnose, models=("linear",))
    monkeypatch.setattr(diagnosing, "diagnose", quick)
    names = ("--features", "f00,f01,f02", "--permutations", "19")
    return lambda *words: qiqa("harmonize", "diagnose", "f.csv", *words, *features, *names)


def test_a_diagnosis_is_a_headline_a_page_and_json(diagnose, home):
    ran = diagnose("--json", "-", "-o", "d.html")
    payload = json.loads(ran.out)
    statuses = {"no_longer_seen": {0, 3}, "still_seen": {3}, "cannot_tell": {5}}
    assert ran.code in statuses[payload["answer"]], ran.err
    assert payload["headline"] in ran.err
    page = (home / "d.html").read_text(encoding="utf-8")
    assert payload["headline"] in page
    assert not re.search(r"https?:|<script", page)


def test_what_was_not_harmonized_is_still_seen(diagnose):
    ran = diagnose("f.csv")
    assert ran.code == 3, ran.err
    assert "still" in ran.out.splitlines()[0]


def test_too_few_permutations_to_see_anything(qiqa, features):
    ran = qiqa("harmonize", "diagnose", "f.csv", *features, "--permutations", "19")
    assert (ran.code, "at least 59" in ran.err) == (2, True)


def test_a_terminal_sees_how_much_is_left():
    told = []
    show = harmonize_diagnose._left(told.append)
    show(25, 100)
    show(100, 100)
    assert re.fullmatch(r"permuted tables: 25 of at most 100; at most \d+ s more", told[0])
    assert told[1].endswith("100 of at most 100; at most 0 s more")


@pytest.mark.parametrize("rows", [slice(50), slice(None, None, -1)], ids=["fewer", "turned"])
def test_other_rows_are_no_after(diagnose, home, rows):
    rows_to(home, "after.csv", read(home / "f.csv")[rows])
    ran = diagnose("after.csv")
    assert ran.code in (1, 2)
    assert "rows" in ran.err
    assert "Traceback" not in ran.err
    assert not (home / "qiqa-harmonization.html").exists()


def test_a_command_is_needed(qiqa):
    ran = qiqa("harmonize")
    assert (ran.code, "a command is needed" in ran.err) == (2, True)
    ran = qiqa("harmonize", "fti")
    assert "'fti' is none of calibrate, fit, apply, diagnose" in ran.err
    assert math.isfinite(ran.code)


def test_what_was_measured_is_not_written_over(qiqa, calibrate, home, phantom_rounds):
    calibrate()
    phantom_rounds.write_rows([VALUE], home / "v.csv")
    for words in (
        ("apply", "c.json", "v.csv", "-o", "v.csv"),
        ("apply", "c.json", "v.csv", "-o", "./c.json"),
        ("calibrate", "--table", "phantom.csv", "-o", "phantom.csv"),
        ("fit", "v.csv", "--batch", "scanner", "-o", "m.json", "--write", "v.csv"),
    ):
        before = (home / "v.csv").read_bytes(), (home / "phantom.csv").read_bytes()
        ran = qiqa("harmonize", *words)
        assert ran.code == 2
        assert "it would be replaced" in ran.err
        assert before == ((home / "v.csv").read_bytes(), (home / "phantom.csv").read_bytes())


def test_stated_positions_are_not_overruled(qiqa, calibrate, home, phantom_rounds):
    calibrate()
    phantom_rounds.write_rows([VALUE], home / "v.csv")
    ran = qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "o.csv", "--at-isocenter")
    assert ran.code == 2
    assert "states where its values were measured" in ran.err


def test_an_uncertainty_below_zero_is_refused(qiqa, calibrate, home, phantom_rounds):
    calibrate()
    phantom_rounds.write_rows([{**VALUE, "standard_uncertainty": "-1"}], home / "v.csv")
    ran = qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "o.csv")
    assert ran.code == 5
    assert "standard uncertainty is -1" in ran.out


def test_a_table_of_values_cannot_be_mapped_and_the_hint_does_not_say_so(
    qiqa, calibrate, home, phantom_rounds
):
    calibrate()
    bare = {k: v for k, v in VALUE.items() if k != "scanner"}
    phantom_rounds.write_rows([bare], home / "v.csv")
    ran = qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "out.csv")
    assert (ran.code, "--column" in ran.err) == (2, False)
    assert "name a column so: scanner" in ran.err


def test_participants_are_not_calibrated_on(qiqa, home, phantom_rounds):
    phantom_rounds.write_rows([VALUE], home / "v.csv")
    ran = qiqa("harmonize", "calibrate", "--table", "v.csv", "-o", "c.json")
    assert (ran.code, "values of participants" in ran.err) == (2, True)
    assert not (home / "c.json").exists()


def test_scanners_of_one_name_are_calibrated_each_by_its_own_phantom(
    qiqa, phantom, home, phantom_rounds
):
    """One reads 8 % high, the one of the same name at the other site does not."""
    for row in phantom:
        row["site"] = {"S02": "B"}.get(row["scanner"], "A")
        row["scanner"] = {"S02": "MR 1", "S03": "MR 1"}.get(row["scanner"], row["scanner"])
    phantom_rounds.write_rows(phantom, home / "phantom.csv")
    ran = qiqa("harmonize", "calibrate", "--table", "phantom.csv", "-o", "c.json")
    assert ran.code == 0, ran.err
    assert "scanner at several sites: MR 1: is the name of a scanner at each of A, B" in ran.out
    given = [{**VALUE, "scanner": "MR 1", "site": site} for site in ("B", "A", "")]
    phantom_rounds.write_rows(given[:1], home / "one.csv")
    phantom_rounds.write_rows(given, home / "v.csv")
    assert qiqa("harmonize", "apply", "c.json", "one.csv", "-o", "out1.csv").code == 0
    assert qiqa("harmonize", "apply", "c.json", "v.csv", "-o", "out.csv").code == 3
    (alone,), (high, right, unknown) = read(home / "out1.csv"), read(home / "out.csv")
    assert float(alone["value"]) == float(high["value"]) == pytest.approx(1.0, abs=0.01)
    assert float(right["value"]) == pytest.approx(1.08, abs=0.01)
    assert (unknown["value"], unknown["scanner"]) == ("", "MR 1")
    assert "no phantom was measured on MR 1" in unknown["refused"]


def test_what_was_harmonized_is_not_harmonized_again(qiqa, features, home):
    assert (
        qiqa("harmonize", "fit", "f.csv", *features, "-o", "m.json", "--write", "h.csv").code == 0
    )
    for words in (
        ("fit", "h.csv", *features, "-o", "m2.json"),
        ("apply", "m.json", "h.csv", "-o", "h2.csv"),
        ("diagnose", "h.csv", *features),
    ):
        ran = qiqa("harmonize", *words)
        assert (ran.code, "was harmonized by 'site' before" in ran.err) == (2, True)
    assert not (home / "m2.json").exists()
    assert not (home / "h2.csv").exists()
    rows = [{**row, "scanner": str(i % 2)} for i, row in enumerate(read(home / "h.csv"))]
    rows_to(home, "h.csv", rows)
    words = ("h.csv", "--batch", "scanner", "--row", "scan", "--keep", "age", "-o", "m2.json")
    ran = qiqa("harmonize", "fit", *words, "--write", "h3.csv")
    assert ran.code == 0, ran.err
    assert "harmonized before: h.csv: was harmonized by site before, and now by scanner" in ran.out
    assert {row["harmonized_by"] for row in read(home / "h3.csv")} == {"site; scanner"}


def test_known_covariates_are_used_where_others_are_taken_at_the_mean(qiqa, features, home):
    qiqa("harmonize", "fit", "f.csv", *features, "-o", "m.json", "--write", "all.csv")
    rows = read(home / "f.csv")
    rows_to(home, "x.csv", [{**row, "age": "" if i else row["age"]} for i, row in enumerate(rows)])
    words = ("harmonize", "apply", "m.json", "x.csv", "-o", "y.csv")
    assert (qiqa(*words).code, (home / "y.csv").exists()) == (2, False)
    ran = qiqa(*words, "--covariates-at-mean")
    assert ran.code == 0, ran.err
    assert "covariates at mean: age: not known in 89 of 90 rows" in ran.out
    whole, some = read(home / "all.csv"), read(home / "y.csv")
    assert some[0]["f00"] == whole[0]["f00"]
    assert all(some[i]["f00"] != whole[i]["f00"] for i in range(1, 90))


def test_where_and_when_are_no_features(qiqa, features, home):
    rows = [
        {**row, "visit": i % 4, "x_mm": 0.5 * i, "slice": i}
        for i, row in enumerate(read(home / "f.csv"))
    ]
    rows_to(home, "x.csv", rows)
    ran = qiqa("harmonize", "fit", "x.csv", *features, "-o", "m.json")
    assert "90 rows, 12 features" in ran.out
    assert "taken for no features: visit, x_mm, slice" in ran.err
    assert "--features" in ran.err
    ran = qiqa(
        "harmonize", "fit", "x.csv", *features, "--features", "x_mm", "--by", "none", "-o", "m.json"
    )
    assert "90 rows, 1 feature, 3 values of site" in ran.out
