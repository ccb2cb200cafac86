"""Headers written to deceive: they neither steer the terminal nor break the table."""

import json
import re
import shutil

import pydicom
import pytest

EVIL = {
    "escape": "\x1b[2J\x1b]0;owned\x07all fine",
    "markup": "[red]ACTION[/red] [link=file:///etc/passwd]x[/link]",
    "line": "ok\n PASS   12 pass.\r\n PASS",
    "csi": "\x9b31mred",
    "direction": "\u202eSSAP\u202c",
    "long": "x" * 3000,
    "words": "very long " * 300,
    "wide": "頭部コイル" * 40,
    "percent": "%s %(prog)s {0} {result}",
}


@pytest.fixture(scope="module")
def hostile(exam, tmp_path_factory):
    """Return a function that gives the exam's localizer with every text header replaced."""

    def make(kind):
        folder = tmp_path_factory.mktemp("hostile") / "scan"
        shutil.copytree(exam / "localizer", folder)
        (path,) = folder.iterdir()
        ds = pydicom.dcmread(path)
        ds.SpecificCharacterSet = "ISO_IR 192"
        with pydicom.config.disable_value_validation():
            for keyword in (
                "SeriesDescription", "StudyDescription", "ManufacturerModelName", "StationName",
                "DeviceSerialNumber", "SoftwareVersions", "ReceiveCoilName", "PatientName",
                "InstitutionName", "ProtocolName", "SequenceName",
            ):  # fmt: skip
                setattr(ds, keyword, EVIL[kind])
            ds.save_as(path)
        return folder

    return make


@pytest.mark.parametrize("kind", EVIL)
def test_qc_and_index_stay_readable(qiqa, hostile, kind):
    folder = hostile(kind)
    for arguments in (
        ["qc", folder, "-o", "r.html"],
        ["qc", folder, "--exam", "99"],
        ["index", folder],
        ["history"],
        ["history", "--exam", "1"],
    ):
        ran = qiqa(*arguments)
        assert ran.code in (0, 1, 5), ran.err
        text = ran.out + ran.err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
        assert "Traceback" not in text
        for line in text.splitlines():
            assert len(line) < 700
            if "PASS" in line and "NOT EVALUATED" not in line:
                assert not line.startswith(" PASS")


def test_markup_is_shown_as_it_is(qiqa, hostile):
    assert "[red]ACTION[/red]" in qiqa("qc", hostile("markup"), "--no-store").out


@pytest.mark.parametrize("columns", [80, 120])
def test_long_names_keep_the_table_in_its_width(qiqa, hostile, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = qiqa("qc", hostile("words"), "--no-store").out
    inside = out[out.index("localizer:") : out.index("to be read by eye")]
    assert max(map(len, inside.splitlines())) <= columns


def test_json_on_a_terminal_holds_no_control_characters(qiqa, hostile):
    out = qiqa("index", hostile("csi"), "--json", "-").out
    assert out.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out)
    assert json.loads(out)["schema"] == "qiqa.index/1"
