"""The maker's workbook becomes certificates; a bad one is refused with sheet, cell and value.

The workbooks are written here, in the layout that UNITY-Physics/GHOST reads: headings in row 4,
one row a solution and temperature, two or three rows of remarks at the end.
"""

import importlib
import sys

import openpyxl
import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.errors import DefinitionError
from qiqa.io import calibration
from qiqa.io.calibration import import_workbook
from qiqa.io.definitions import load_certificates, load_phantom
from qiqa.io.workbook import Sheet, read_workbook
from qiqa.io.write_certificate import certificate_toml

DEGC = (16, 18, 20, 22, 24, 26)
HEADINGS = [
    "Concentration (mM)", "Temperature (C)", "T1 (ms)", "T1 uncertainty (ms)", "T2 (ms)",
    "T2 uncertainty (ms)",
]  # fmt: skip
REMARKS = [["Values are for this unit only"], ["Calibrated against NIST"]]
NICKEL = [0.29, 0.6, 1.04, 1.64, 2.52, 3.68, 5.43, 7.74, 11.3, 16.5, 23.3, 32.7, 46.0, 65.3]
MANGANESE = [0.0113, 0.0181, 0.0282, 0.0434, 0.0673, 0.0934, 0.1353, 0.193, 0.2768, 0.4276,
             0.5555, 0.7902, 1.1274, 1.5996]  # fmt: skip


def times(concentration, degc, r1, r2):
    """Return T1, its uncertainty, T2, its uncertainty of a made-up but possible solution."""
    t1, t2 = (1000 / (0.33 + r * concentration) * (1 + 0.01 * (degc - 20)) for r in (r1, r2))
    return [round(t1, 2), round(t1 * 0.015, 3), round(t2, 2), round(t2 * 0.012, 3)]


def solutions(contents, r1, r2):
    return [[c, t, *times(c, t, r1, r2)] for c in contents for t in DEGC]


def sheet(headings, rows, remarks=REMARKS):
    return [["Calibration"], ["Unit 130-0200"], [None], headings, *rows, *remarks]


def system_sheets():
    return {
        "ADC Solutions @ 1.5T": sheet(["PVP (%)"], []),
        "NiCl Solutions @ 3.0T": sheet(HEADINGS, solutions(NICKEL, 0.7, 0.98)),
        "MnCl Solutions @ 3.0T": sheet(HEADINGS, solutions(MANGANESE, 7.27, 119.0)),
        "CuSO4 Solutions @ 3.0T": sheet(
            HEADINGS, solutions([2.9], 0.72, 0.88), [*REMARKS, ["third"]]
        ),
        "CMRI LC Values": [["LC"], [20]],
    }


def adc_rows(unit=1.0):
    water = {0: 1109, 16: 1799, 18: 1898, 20: 2000, 22: 2106, 24: 2232, 26: 2335}
    return [
        [pvp, degc, adc * (1 - 0.017 * pvp) * unit, 9 * unit]
        for pvp in (50, 40, 30, 20, 10, 0)
        for degc, adc in water.items()
    ]


def write_xlsx(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        target = book.create_sheet(name)
        for row in rows:
            target.append(row)
    book.save(path)
    return path


def write_xls(path, sheets):
    book = xlwt.Workbook()
    for name, rows in sheets.items():
        target = book.add_sheet(name)
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                if cell is not None:
                    target.write(i, j, cell)
    book.save(str(path))
    return path


WRITE = {"xls": write_xls, "xlsx": write_xlsx}
SYSTEM = load_phantom("nist_system")
DIFFUSION = load_phantom("qiba_diffusion")


@pytest.mark.parametrize("kind", WRITE)
def test_a_system_phantom_from_workbook_to_value(tmp_path, monkeypatch, kind):
    path = WRITE[kind](tmp_path / f"w.{kind}", system_sheets())
    found = import_workbook(path, SYSTEM, "130-0200", 3.0)
    assert found.used == tuple(list(system_sheets())[1:4])
    assert found.skipped == ("ADC Solutions @ 1.5T", "CMRI LC Values")
    assert not found.remarks
    (tmp_path / "certificates").mkdir()
    target = tmp_path / "certificates" / "130-0200.toml"
    target.write_text(certificate_toml(found.unit, path.name), encoding="utf-8")
    monkeypatch.setenv("QIQA_PATH", str(tmp_path))
    assert load_certificates(target).certificate == found.unit.certificate
    phantom = load_phantom("nist_system")
    for label, c, r1, r2 in (("T1-1", 0.29, 0.7, 0.98), ("T2-14", 1.5996, 7.27, 119.0)):
        group = label.partition("-")[0]
        t1, u1, t2, u2 = times(c, 22, r1, r2)
        for quantity, value, u in (("t1", t1, u1), ("t2", t2, u2)):
            at = {"serial": "130-0200", "field_t": 3.0, "degc": 22.0}
            got = phantom.certified(group, quantity, label, **at)
            assert got.reference.value == pytest.approx(value, rel=1e-11)
            assert got.reference.standard_uncertainty == pytest.approx(u / 3, rel=1e-9)
            assert got.gives_verdict
            other = phantom.certified(group, quantity, label, **{**at, "serial": "130-0201"})
            assert other.reference.value != got.reference.value
    copper = times(2.9, 22, 0.72, 0.88)
    got = phantom.certified("fiducial", "t2", "F9", serial="130-0200", field_t=3.0, degc=22.0)
    assert got.reference.value == pytest.approx(copper[2])


@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize(
    ("headings", "factor"),
    [
        (["PVP Concentration (%)", "Temp (C)", "ADC reported (um^2/s)", "ADC Uncertainty (um^2/sec)"
          ], 1.0),
        (["Concentration (%)", "Temperature (°C)", "ADC (mm²/s)", "U(ADC) (mm²/s)"], 1e-6),
        (["Conc.", "Temperature (C)", "ADC [10^-3 mm^2/s]", "± ADC [10^-3 mm^2/s]"], 1e-3),
    ],
)  # fmt: skip
def test_a_diffusion_phantom_in_any_unit(tmp_path, kind, headings, factor):
    sheets = {"ADC Solutions @ 3.0T": sheet(headings, adc_rows(factor))}
    found = import_workbook(WRITE[kind](tmp_path / f"w.{kind}", sheets), DIFFUSION, "128-0200")
    (table,) = found.unit.certificate
    assert (table.quantity, table.unit, table.field_strength_t) == ("adc", "mm²/s", (2.8, 3.1))
    assert table.temperature_degc == (0.0, 16.0, 18.0, 20.0, 22.0, 24.0, 26.0)
    labels = DIFFUSION.find_group("PVP").labels
    for label, value in (("PVP0-outer", 2000e-6), ("PVP10-inner", 1660e-6), ("PVP50-outer", 3e-4)):
        reference = table.at(label, labels, 20.0).reference
        assert reference.value == pytest.approx(value)
        assert reference.standard_uncertainty == pytest.approx(9e-6)
    assert "coverage factor not stated" in table.uncertainty_kind
    assert any("--coverage-factor" in remark for remark in found.remarks)


def test_a_concentration_may_be_merged_over_its_temperatures(tmp_path):
    sheets = system_sheets()
    rows = [[c if t == 16 else None, t, *rest] for c, t, *rest in solutions(NICKEL, 0.7, 0.98)]
    merged = {"NiCl2 Solutions @ 3T": sheet(HEADINGS, rows)}
    plain = {"NiCl Solutions @ 3.0T": sheets["NiCl Solutions @ 3.0T"]}
    values = []
    for name, sheets in (("a.xlsx", merged), ("b.xlsx", plain)):
        found = import_workbook(write_xlsx(tmp_path / name, sheets), SYSTEM, "1-1")
        values.append([table.value for table in found.unit.certificate])
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("name", "headings", "remarks", "confidence", "note"),
    [
        ("NiCl Solutions @ 1.5T", [0, 1, 2, 4], REMARKS, "unreliable", "contradict NMR"),
        ("NiCl Solutions @ 1.5T", [0, 1, 2, 3, 4, 5], REMARKS, "certified", None),
        ("NiCl Solutions @ 3.0T", [0, 1, 2, 4], REMARKS, "certified", None),
        ("NiCl Solutions @ 1.5T", [0, 1, 2, 3, 4, 5], [["Extrapolated to 1.5 T"]], "unreliable",
         "as the sheet says"),
    ],
)  # fmt: skip
def test_what_was_not_measured_gives_no_verdict(
    tmp_path, name, headings, remarks, confidence, note
):
    rows = [[row[i] for i in headings] for row in solutions(NICKEL, 0.7, 0.98)]
    sheets = {name: sheet([HEADINGS[i] for i in headings], rows, remarks)}
    found = import_workbook(write_xlsx(tmp_path / "w.xlsx", sheets), SYSTEM, "130-0200", 3.0)
    for table in found.unit.certificate:
        assert table.confidence == confidence
        assert (note is None) == (table.note is None)
        assert note is None or note in table.note
        got = table.at("T1-3", SYSTEM.find_group("T1").labels, 20.0)
        assert got.gives_verdict is (confidence == "certified" and 3 in headings)


def changed(row, column, cell):
    """Return the nickel sheet with one cell changed; row and column from 0."""
    rows = [list(r) for r in system_sheets()["NiCl Solutions @ 3.0T"]]
    rows[row][column] = cell
    return {"NiCl Solutions @ 3.0T": rows}


def without(row):
    rows = system_sheets()["NiCl Solutions @ 3.0T"]
    return {"NiCl Solutions @ 3.0T": rows[:row] + rows[row + 1 :]}


BAD = {
    "text for a time": (changed(4, 2, "n/a"), "cell C5", "'n/a' is not a t1; allowed: 0.1 to"),
    "empty time": (changed(6, 4, None), "cell E7", "an empty cell is not a t2"),
    "seconds": (changed(5, 2, 0.00188), "cell C6", "0.00188 is not a t1"),
    "negative uncertainty": (changed(4, 3, -1.0), "cell D5", "uncertainty of t1"),
    "kelvin": (changed(4, 1, 289.15), "cell B5", "is not a temperature; allowed: 0 to 40 °C"),
    "temperature in words": (changed(4, 1, "16 C"), "cell B5", "'16 C' is not a temperature"),
    "concentration in words": (changed(10, 0, "weak"), "cell A11", "is not a concentration"),
    "twice": (changed(5, 1, 16), "cell C6", "contradicts"),
    "unit": (changed(3, 2, "T1 (h)"), "cell C4", "no unit that is known; allowed: ms, s"),
    "no unit": (changed(3, 2, "T1"), "cell C4", "no unit that is known"),
    "no time": (changed(3, 2, "x"), "row 4", "no column 'T1 (ms)'"),
    "no temperature": (changed(3, 1, "x"), "sheet 'NiCl Solutions @ 3.0T'", "due in row 4"),
    "two columns": (changed(3, 4, "T1 (ms)"), "cell E4", "second column for t1"),
    "lost row": (without(9), "sheet 'NiCl", "concentration 0.29 has no row for 26 °C"),
    "rows exchanged": (changed(10, 2, 9000.0), "cell C11", "must be below"),
    "number below remarks": (
        {"NiCl Solutions @ 3.0T": [*system_sheets()["NiCl Solutions @ 3.0T"], [1, 16, 9, 9, 9, 9]]},
        "cell B91", "below the remarks",
    ),
    "a sphere is missing": (
        {"NiCl Solutions @ 3.0T": sheet(HEADINGS, solutions(NICKEL[:13], 0.7, 0.98))},
        "sheet 'NiCl", "13 concentrations",
    ),
    "no numbers": (
        {"NiCl Solutions @ 3.0T": sheet(HEADINGS, [])}, "sheet 'NiCl", "no row has a number",
    ),
    "two fills": (
        {"CuSO4 Solutions @ 3.0T": sheet(HEADINGS, solutions([2.9, 3.9], 0.7, 0.9))},
        "sheet 'CuSO4", "all of fiducial share one",
    ),
    "times exchanged": (
        {"NiCl Solutions @ 3.0T": sheet([*HEADINGS[:2], *HEADINGS[4:], *HEADINGS[2:4]],
                                        solutions(NICKEL, 0.7, 0.98))},
        "cell C5", "is above T1",
    ),
    "fields exchanged": (
        {"MnCl Solutions @ 1.5T": sheet(HEADINGS, solutions(MANGANESE, 6.4, 105.0)),
         "MnCl Solutions @ 3.0T": sheet(HEADINGS, solutions(MANGANESE, 7.3, 76.0))},
        "'MnCl Solutions @ 1.5T'", "it must be shorter at 3 T",
    ),
    "other sheets": ({"Table 1": [["x"]]}, "w.", "there are ['Table 1']"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("fault", BAD)
def test_a_bad_workbook_names_sheet_cell_and_value(tmp_path, kind, fault):
    sheets, where, said = BAD[fault]
    path = WRITE[kind](tmp_path / f"w.{kind}", sheets)
    with pytest.raises(DefinitionError) as error:
        import_workbook(path, SYSTEM, "130-0200")
    assert str(path) in error.value.where
    assert where in error.value.where
    assert said in str(error.value)


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 89), st.integers(0, 6),
    st.none() | st.floats(width=32) | st.text(max_size=4) | st.sampled_from(HEADINGS),
)  # fmt: skip
def test_whatever_stands_in_a_cell_it_is_refused_or_gives_values(row, column, cell):
    rows = [list(r) for r in system_sheets()["NiCl Solutions @ 3.0T"]]
    rows[row] += [None] * (7 - len(rows[row]))
    rows[row][column] = cell.strip() or None if isinstance(cell, str) else cell
    page = Sheet(name="N", rows=tuple(tuple(r) for r in rows))
    group = SYSTEM.find_group("T1")
    try:
        tables = calibration._tables(page, group, "3", None)
    except DefinitionError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert "sheet 'N'" in refused.where
        return
    for table in tables:
        for label in group.labels:
            found = table.at(label, group.labels, 19.0).reference
            assert 0 < found.value < 1e4
            assert not found.standard_uncertainty < 0


def test_a_pvp_that_the_phantom_has_not(tmp_path):
    rows = [[14 if pvp == 10 else pvp, *rest] for pvp, *rest in adc_rows()]
    sheets = {
        "ADC Solutions @ 3.0T": sheet(["Conc", "Temp", "ADC (um2/s)", "sd ADC (um2/s)"], rows)
    }
    with pytest.raises(DefinitionError, match=r"14.0.*allowed: \[0.0, 10.0, 20.0"):
        import_workbook(write_xlsx(tmp_path / "w.xlsx", sheets), DIFFUSION, "128-0200")


def test_an_unknown_type_has_no_workbook(tmp_path):
    import dataclasses

    with pytest.raises(DefinitionError, match="no workbook is known for 'mine'"):
        import_workbook(tmp_path / "w.xlsx", dataclasses.replace(SYSTEM, id="mine"), "1-1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "not a workbook"),
        (b"", "not a workbook"),
        (b"PK\x03\x04 cut off", "damaged .xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged .xls"),
    ],
)
def test_a_file_that_is_no_workbook(tmp_path, content, said):
    path = tmp_path / "w.xls"
    path.write_bytes(content)
    with pytest.raises(DefinitionError, match=said) as error:
        read_workbook(path)
    assert error.value.where == str(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DefinitionError, match="cannot be read: No such file"):
        read_workbook(tmp_path / "w.xls")


@pytest.mark.parametrize(("kind", "library"), [("xls", "xlrd"), ("xlsx", "openpyxl")])
def test_a_missing_library_says_what_to_install(tmp_path, monkeypatch, kind, library):
    path = WRITE[kind](tmp_path / f"w.{kind}", system_sheets())
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DefinitionError, match=f"needs the library {library}") as error:
        read_workbook(path)
    assert error.value.hint == "pip install 'qiqa[workbook]'"


def test_the_libraries_are_loaded_for_a_workbook_only():
    before = set(sys.modules)
    importlib.import_module("qiqa.io.calibration")
    assert not {"xlrd", "openpyxl"} & (set(sys.modules) - before)


def test_cells_are_named_as_a_spreadsheet_does():
    page = Sheet(name="A", rows=(("x",),))
    names = [page.address(0, n) for n in (0, 25, 26, 51, 52, 701, 702)]
    assert [n.rpartition(" ")[2] for n in names] == ["A1", "Z1", "AA1", "AZ1", "BA1", "ZZ1", "AAA1"]
    assert page.cell(0, 5) is None


def test_any_text_survives_the_way_into_toml(tmp_path):
    import dataclasses

    name = 'NiCl "x" \\ \x7f @ 3.0T'
    table = dataclasses.replace(
        load_phantom("nist_system").certificate[0], batch=None, source=name, note="é\n[x]"
    )
    unit = import_workbook(
        write_xlsx(tmp_path / "w.xlsx", system_sheets()), SYSTEM, '1"3\\0-0200'
    ).unit
    unit = dataclasses.replace(unit, certificate=(table,))
    path = tmp_path / "c.toml"
    path.write_text(certificate_toml(unit, 'w\n[[certificate]]".xls'), encoding="utf-8")
    back = load_certificates(path)
    assert (back.serial, back.certificate) == ('1"3\\0-0200', (table,))
