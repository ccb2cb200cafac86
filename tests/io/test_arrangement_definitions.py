"""Every way in which the definition of an arrangement can be wrong is refused with its place."""

import copy
import hashlib
import math
import os
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.arrangement import Arrangement
from qiqa.core.errors import CertificateError, DefinitionError
from qiqa.io.consistency import check_arrangement
from qiqa.io.definitions import load_certificates, load_phantom
from qiqa.io.structure import build

PHANTOM = """
schema = "qiqa.phantom/1"
id = "tubes"
name = "Tubes"
family = "arrangement"
frame = "x right, y down, z in"
source = "caliper"

[[batch]]
name = "A"
serials = ["77-0001", "77-0009"]

[[group]]
name = "gel"
title = "gel tubes"
shape = "tube"
inner_diameter_mm = 20.0
outer_diameter_mm = 22.0
labels = ["a", "b"]
centers_mm = [[-30.0, 0.0, 0.0], [30.0, 0.0, 0.0]]
content = [1.0, 2.0]
falling = ["t2"]

[[landmark]]
name = "mark"
group = "gel"
center_mm = [0.0, 30.0, 0.0]
diameter_mm = 5.0

[[certificate]]
group = "gel"
quantity = "t2"
unit = "ms"
batch = "A"
field_strength_t = [1.4, 1.6]
measured_at_t = 1.5
temperature_degc = [18.0, 22.0]
value = [[100.0, 104.0], [50.0, 52.0]]
uncertainty = [[2.0, 2.0], [1.0, 1.0]]
coverage_factor = 2.0
confidence = "certified"
source = "our spectrometer"
"""

UNIT = """
schema = "qiqa.certificate/1"
phantom = "tubes"
serial = "77-0003"

[[certificate]]
group = "gel"
quantity = "t2"
unit = "ms"
field_strength_t = [1.4, 1.6]
temperature_degc = [18.0, 22.0]
value = [[90.0, 94.0], [40.0, 42.0]]
uncertainty = [[2.0, 2.0], [1.0, 1.0]]
coverage_factor = 2.0
confidence = "certified"
source = "maker"
"""


def write(folder, text, name="tubes.toml"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


WRONG = [
    ('labels = ["a", "b"]', "labels = []", "group[0].labels", "at least one insert"),
    ('labels = ["a", "b"]', 'labels = ["a", "a"]', "group", "second insert called 'a'"),
    ('labels = ["a", "b"]', 'labels = ["a"]', "group[0].centers_mm", "2 entries for 1 labels"),
    ("content = [1.0, 2.0]", "content = [1.0]", "group[0].content", "1 entries for 2"),
    ("ter_mm = 20.0", "ter_mm = 30.0", "group[0].inner_diameter_mm", "at most"),
    ("ter_mm = 20.0", "ter_mm = 0", "group[0].inner_diameter_mm", "above 0"),
    ("[30.0, 0.0, 0.0]]", "[-29.0, 0.0, 0.0]]", "group[0].centers_mm", "1.0 mm apart"),
    ('shape = "tube"', 'shape = "cube"', "group[0].shape", "'sphere', 'tube'"),
    ('falling = ["t2"]', 'faling = ["t2"]', "group[0].faling", "unknown key"),
    ('falling = ["t2"]', "axis = [0, 0, 0]", "group[0].axis", "no direction"),
    ('falling = ["t2"]', 'absent = ["c"]', "group[0].absent", "'c' is not one of"),
    ('name = "mark"\ngroup = "gel"', 'name = "mark"\ngroup = "gell"', "landmark[0].group", "gell"),
    ('serials = ["77-0001", "77-0009"]', 'serials = ["", ""]', "batch[0].serials", "both ends"),
    ('"77-0001", "77-0009"', '"77-0009", "77-0001"', "batch[0].serials", "rising number"),
    ('"77-0001", "77-0009"', '"77-0001", "78-0009"', "batch[0].serials", "same text in front"),
    ('"77-0001", "77-0009"', '"771", "77-0009"', "batch[0].serials", "'771' is not like"),
    ('group = "gel"\nquantity', 'group = "jel"\nquantity', "certificate[0].group", "'jel'"),
    ('batch = "A"', 'batch = "B"', "certificate[0].batch", "'B' is not one of ['A']"),
    ("[1.4, 1.6]", "[1.6, 1.4]", "certificate[0].field_strength_t", "lowest, highest"),
    ("[18.0, 22.0]", "[22.0, 18.0]", "certificate[0].temperature_degc", "must rise"),
    ("[18.0, 22.0]", "[18.0, 18.0]", "certificate[0].temperature_degc", "must rise"),
    ("[18.0, 22.0]", "[]", "certificate[0].value[0]", "2 values for 0 temperatures"),
    ("[[100.0, 104.0], [50.0, 52.0]]", "[]", "certificate[0].value", "0 rows for 2 inserts"),
    ("[50.0, 52.0]]", "[50.0]]", "certificate[0].value[1]", "1 values for 2 temperatures"),
    ("[50.0, 52.0]]", "[50.0, -52.0]]", "certificate[0].value[1]", "above 0 and finite"),
    ("[50.0, 52.0]]", "[50.0, inf]]", "certificate[0].value[1]", "above 0 and finite"),
    ("[50.0, 52.0]]", "[50.0, nan]]", "certificate[0].value[1][1]", "is not a number"),
    ("[1.0, 1.0]]", "[1.0, 0.0]]", "certificate[0].uncertainty[1]", "above 0"),
    ("[[2.0, 2.0], [1.0, 1.0]]", "[[2.0, 2.0]]", "certificate[0].uncertainty", "1 rows for 2 rows"),
    ("coverage_factor = 2.0", "coverage_factor = 0", "certificate[0].coverage_factor", "above 0"),
    ("coverage_factor = 2.0", "coverage_factor = inf", "certificate[0].coverage_factor", "above 0"),
    ('confidence = "certified"', 'confidence = "sure"', "certificate[0].confidence", "'secondary'"),
    ('confidence = "certified"', 'confidence = "unreliable"', "certificate[0].note", "the reason"),
    ('source = "our', 'unreliable = ["b"]\nsource = "our', "certificate[0].note", "the reason"),
    ('source = "our', 'unreliable = ["c"]\nsource = "our', "certificate[0].unreliable", "'c'"),
    ('source = "our', 'inserts = ["a", "a"]\nsource = "our', "certificate[0].inserts", "second"),
    (
        'source = "our', 'added_uncertainty_percent = 1.0\nsource = "our',
        "certificate[0].added_uncertainty_reason", "needs a reason",
    ),
    (
        'source = "our', 'added_uncertainty_percent = -1.0\nsource = "our',
        "certificate[0].added_uncertainty_percent", "0 or above",
    ),
    (
        "measured_at_t = 1.5", "percent_per_t = 3.0",
        "certificate[0].measured_at_t", "the field it starts from",
    ),
    (
        'source = "our', 'carry_degc = 1.0\nsource = "our',
        "certificate[0].percent_per_degc", "only a table with one temperature",
    ),
    ("[-30.0, 0.0, 0.0]", "[-inf, 0.0, 0.0]", "group[0].centers_mm[0]", "must be finite"),
    ('falling = ["t2"]', "axis = [0, 0, inf]", "group[0].axis", "no direction"),
    ('falling = ["t2"]', "length_mm = 0", "group[0].length_mm", "above 0"),
    ('falling = ["t2"]', "position_uncertainty_mm = -1", "group[0].position_uncertainty_mm", "or"),
    ('falling = ["t2"]', 'falling = ["t2"]\nrising = ["t2"]', "group[0].rising", "falling and"),
    ("outer_diameter_mm = 22.0", "outer_diameter_mm = inf", "group[0].inner_diameter_mm", "most"),
    ("diameter_mm = 5.0", "diameter_mm = 0.0", "landmark[0].diameter_mm", "above 0"),
    ("[0.0, 30.0, 0.0]", "[0.0, inf, 0.0]", "landmark[0].center_mm", "must be finite"),
    ('id = "tubes"', 'id = "tubes"\nshell_diameter_mm = -3', "shell_diameter_mm", "above 0"),
    ('unit = "ms"', 'unit = "s"', "certificate[0].unit", "'s' is not the unit of t2"),
    ('id = "tubes"', 'id = "tubes"\npath = "x"', "path", "filled in when the file is read"),
    ('id = "tubes"', 'id = "tubes"\nsupplements = []', "supplements", "filled in"),
    ('family = "arrangement"', 'family = "ball"', "family", "'arrangement'"),
    ('name = "gel"', 'nam = "gel"', "group[0].nam", "did you mean 'name'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "said"), WRONG, ids=range(len(WRONG)))
def test_wrong_arrangement_names_the_place(tmp_path, old, new, where, said):
    assert PHANTOM.count(old) == 1
    path = write(tmp_path, PHANTOM.replace(old, new))
    with pytest.raises(DefinitionError) as error:
        load_phantom(str(path))
    assert error.value.where == f"{path}: {where}"
    assert said in str(error.value)


def test_two_tables_for_the_same_conditions_are_refused(tmp_path):
    table = PHANTOM[PHANTOM.index("[[certificate]]") :]
    with pytest.raises(DefinitionError, match=r"of a stands in certificate\[0\] already") as error:
        load_phantom(str(write(tmp_path, PHANTOM + table)))
    assert error.value.where.endswith("certificate[1]")
    for old, new in (
        ("[1.4, 1.6]", "[2.8, 3.1]"),
        ('batch = "A"\n', ""),
        ('confidence = "certified"', 'confidence = "secondary"'),
    ):
        load_phantom(str(write(tmp_path, PHANTOM + table.replace(old, new))))
    split = PHANTOM.replace('source = "our', 'inserts = ["a", "b"]\nsource = "our')
    with pytest.raises(DefinitionError, match="already"):
        load_phantom(str(write(tmp_path, split + table)))


def test_two_landmarks_of_one_name(tmp_path):
    start, end = PHANTOM.index("[[landmark]]"), PHANTOM.index("[[certificate]]")
    with pytest.raises(DefinitionError, match="second landmark called 'mark'"):
        load_phantom(str(write(tmp_path, PHANTOM + PHANTOM[start:end])))


CARRIED = PHANTOM.replace("[18.0, 22.0]", "[20.0]").replace(
    "value = [[100.0, 104.0], [50.0, 52.0]]\nuncertainty = [[2.0, 2.0], [1.0, 1.0]]",
    "value = [[102.0], [51.0]]\nuncertainty = [[2.0], [1.0]]",
)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("carry_degc = 1.0", "needs its change with temperature"),
        ("carry_degc = 1.0\npercent_per_degc = [1.0, 2.0, 3.0]", "3 numbers for 2 rows"),
        ("carry_degc = -1.0", "-1 must be 0 or above"),
    ],
)
def test_a_table_that_is_carried_says_how(tmp_path, extra, said):
    text = CARRIED.replace('source = "our', f'{extra}\nsource = "our')
    with pytest.raises(DefinitionError, match=said):
        load_phantom(str(write(tmp_path, text)))
    fine = CARRIED.replace(
        'source = "our', 'carry_degc = 1.0\npercent_per_degc = [1.0, 2.0]\nsource = "our'
    )
    phantom = load_phantom(str(write(tmp_path, fine)))
    at = {"serial": "77-0003", "field_t": 1.5, "degc": 21.0}
    assert phantom.certified("gel", "t2", "b", **at).reference.value == pytest.approx(51 * 1.02)


def places(data, path=()):
    """Yield the path of everything in a parsed TOML."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


PARSED = tomllib.loads(PHANTOM)
PLACES = sorted(places(PARSED), key=str)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["gel", "a", "b", "A", "t2", "ms", "unreliable", "77-0005"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(PLACES), ANYTHING)
def test_whatever_stands_in_a_definition_it_is_refused_or_gives_values(path, value):
    """No other error leaves than the one that names the place, and no value without sense."""
    data = copy.deepcopy(PARSED)
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    if value is None:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    try:
        phantom = build(Arrangement, data, file="f")
        check_arrangement(phantom, "f")
    except DefinitionError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.where.startswith("f")
        return
    for group in phantom.group:
        for label in group.labels:
            at = {"serial": "77-0003", "field_t": 1.5, "degc": 19.0}
            try:
                found = phantom.certified(group.name, "t2", label, **at).reference
            except CertificateError:
                continue
            assert 0 < found.value < math.inf
            assert not found.standard_uncertainty < 0


def test_a_phantom_needs_a_group(tmp_path):
    start, end = PHANTOM.index("[[batch]]"), len(PHANTOM)
    text = PHANTOM[:start] + PHANTOM[end:]
    with pytest.raises(DefinitionError, match="missing 'group'"):
        load_phantom(str(write(tmp_path, text)))
    text = text.replace('source = "caliper"', 'source = "caliper"\ngroup = []')
    with pytest.raises(DefinitionError, match="no group of inserts"):
        load_phantom(str(write(tmp_path, text)))


# --- the values of one unit -------------------------------------------------------------------


@pytest.fixture
def own(tmp_path, monkeypatch):
    write(tmp_path / "phantoms", PHANTOM)
    write(tmp_path / "certificates", UNIT, "three.toml")
    monkeypatch.setenv("QIQA_PATH", str(tmp_path))
    return tmp_path


def test_a_unit_gets_its_own_values_and_no_other_does(own):
    phantom = load_phantom("tubes")
    for serial, value in (("77-0003", 92.0), (" 77-0003 ", 92.0), ("77-0004", 102.0)):
        at = {"serial": serial, "field_t": 1.5, "degc": 20.0}
        assert phantom.certified("gel", "t2", "a", **at).reference.value == value
    raw = (own / "certificates" / "three.toml").read_bytes()
    (unit,) = phantom.supplements
    assert (unit.serial, unit.sha256) == ("77-0003", hashlib.sha256(raw).hexdigest())
    assert [sha for _, sha in phantom.files("77-0003")] == [phantom.sha256, unit.sha256]
    assert [sha for _, sha in phantom.files("77-0004")] == [phantom.sha256]


@pytest.mark.usefixtures("own")
def test_values_of_another_type_are_left_alone():
    assert load_phantom("nist_system").supplements == ()


def test_the_folder_that_is_searched_first_wins(own, tmp_path, monkeypatch):
    first = tmp_path / "first"
    write(first / "certificates", UNIT.replace("[90.0, 94.0]", "[80.0, 84.0]"), "three.toml")
    monkeypatch.setenv("QIQA_PATH", f"{first}{os.pathsep}{own}")
    at = {"serial": "77-0003", "field_t": 1.5, "degc": 18.0}
    assert load_phantom("tubes").certified("gel", "t2", "a", **at).reference.value == 80.0


def test_two_files_for_one_unit_are_refused(own):
    write(own / "certificates", UNIT, "again.toml")
    with pytest.raises(DefinitionError, match=r"second file for unit '77-0003'.*again.toml"):
        load_phantom("tubes")


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ('group = "gel"', 'group = "jel"', "certificate[0].group", "'jel' is not one of ['gel']"),
        ("[40.0, 42.0]]", "[40.0]]", "certificate[0].value[1]", "1 values for 2 temperatures"),
        ('serial = "77-0003"', 'serial = " "', "serial", "as printed"),
        ('unit = "ms"', 'unit = "ms"\nserial = "77-0004"', "certificate[0].serial", "whole file"),
        ('unit = "ms"', 'unit = "ms"\nbatch = "A"', "certificate[0].batch", "whole file"),
        ("qiqa.certificate/1", "qiqa.certificate/2", "schema", "reads 'qiqa.certificate/1'"),
        ('serial = "77-0003"', 'serail = "77-0003"', "serail", "did you mean 'serial'"),
    ],
)
def test_a_wrong_file_of_a_unit_names_the_place(own, old, new, where, said):
    assert UNIT.count(old) == 1
    path = write(own / "certificates", UNIT.replace(old, new), "three.toml")
    for load in (lambda: load_phantom("tubes"), lambda: load_certificates(path)):
        with pytest.raises(DefinitionError) as error:
            load()
        assert error.value.where == f"{path}: {where}"
        assert said in str(error.value)


def test_a_file_for_an_unknown_or_unfit_phantom(own):
    for name, said in (("tubs", "'tubs' is not among"), ("acr_large", "not built of groups")):
        path = write(own / "elsewhere", UNIT.replace('"tubes"', f'"{name}"'), "u.toml")
        with pytest.raises(DefinitionError, match=said):
            load_certificates(path)
    start = UNIT.index("[[certificate]]")
    path = write(own / "elsewhere", UNIT[:start] + "certificate = []\n", "u.toml")
    with pytest.raises(DefinitionError, match="there is no table"):
        load_certificates(path)
