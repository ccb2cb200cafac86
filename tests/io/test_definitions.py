"""Definitions are read strictly; an error names the file, the path inside it and the cure."""

import hashlib
import math
from pathlib import Path

import pytest

from qiqa.core.cylinder import CylinderPhantom, Spokes
from qiqa.core.errors import DefinitionError
from qiqa.core.protocol import ANY_PHANTOM, Protocol
from qiqa.io import definitions
from qiqa.io.definitions import load_phantom, load_protocol, names
from qiqa.io.structure import build

PHANTOM = """
schema = "qiqa.phantom/1"
id = "p"
name = "P"
family = "acr_cylinder"
frame = "x"
source = "s"
variants = ["one"]
body = { inner_diameter_mm = 190, inner_length_mm = 148.0, z_mm = [-30.0, 118.0] }
stack = { n_slices = 11, spacing_mm = 10.0, thickness_mm = 5.0 }

[[insert]]
name = "rod"
signal = 0.0
shape = { kind = "tube", center_mm = [0.0, 1.0], outer_diameter_mm = 3.0, z_mm = [0.0, 5.0] }
"""

PROTOCOL = """
schema = "qiqa.protocol/1"
id = "q"
name = "Q"
family = "f"
edition = "e"
phantom = "p"
source = "s"
measured = ["length"]

[[series]]
role = "T1"
orientation = "axial_stack"
required = true

[[limit]]
id = "l"
measurements = ["m"]
compares = "value"
unit = "mm"
tolerance = [0.0, 1.0]
action = [0.0, 2.0]
roles = ["T1"]
off_protocol = "judge"
source = "s"
confidence = "c"
"""


def write(folder, text, name="x.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", names("phantoms"))
def test_every_built_in_phantom_loads(name):
    phantom = load_phantom(name)
    assert phantom.id == name
    assert phantom.sha256 == hashlib.sha256(Path(phantom.path).read_bytes()).hexdigest()


@pytest.mark.parametrize("name", names("protocols"))
def test_every_built_in_protocol_loads_and_names_a_phantom(name):
    protocol = load_protocol(name)
    assert protocol.id == name
    assert protocol.phantom in (*names("phantoms"), ANY_PHANTOM)
    for limit in protocol.limit:
        assert limit.action[0] < limit.action[1], limit.id
        assert limit.source


def test_acr_phantom_has_the_published_dimensions():
    # ACR Large and Medium CylinderPhantom Test Guidance, 10/2022: 190 mm x 148 mm, 11 slices
    phantom = load_phantom("acr_large")
    assert phantom.reference_for("diameter").value == 190.0
    assert phantom.reference_for("length").value == 148.0
    assert phantom.reference_for("no such quantity") is None
    assert phantom.stack.z_mm(11) == 100.0
    spokes = [i.shape for i in phantom.inserts("grid") if isinstance(i.shape, Spokes)]
    assert [len(s.diameters_mm) for s in spokes] == [10] * 4
    assert spokes[0].diameters_mm[0] == 7.0
    assert spokes[0].diameters_mm[-1] == 1.5
    with pytest.raises(KeyError, match="has no insert 'nothing'"):
        phantom.find("nothing")


def test_limits_follow_the_field_strength():
    # ACR 10/2022 table 4: PIU 85 % below 3 T, 80 % at 3 T
    protocol = load_protocol("acr_large_2022")
    for field, low in ((0.35, 85.0), (1.5, 85.0), (2.9, 80.0), (3.0, 80.0)):
        (limit,) = protocol.limits_for("piu", "T1", field)
        assert limit.action == (low, math.inf), field
    assert protocol.limits_for("piu", "T1", 7.0) == ()
    assert protocol.limits_for("piu", "T1", None) == ()
    assert protocol.limits_for("piu", "localizer", 1.5) == ()
    assert len(protocol.limits_for("psg", "T1", None)) == 1


def test_own_files_and_folders(tmp_path, monkeypatch):
    path = write(tmp_path, PHANTOM)
    assert load_phantom(path).body.inner_diameter_mm == 190.0
    (tmp_path / "protocols").mkdir()
    write(tmp_path / "protocols", PROTOCOL, "mine.toml")
    monkeypatch.setenv("QIQA_PATH", str(tmp_path))
    assert load_protocol("mine").id == "q"
    assert {"mine", "acr_large_2022"} <= set(names("protocols"))


def test_own_folder_wins_over_the_built_in(tmp_path, monkeypatch):
    (tmp_path / "phantoms").mkdir()
    write(tmp_path / "phantoms", PHANTOM, "acr_large.toml")
    monkeypatch.setenv("QIQA_PATH", str(tmp_path))
    assert load_phantom("acr_large").id == "p"


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(DefinitionError, match="did you mean 'acr_large'"):
        load_phantom("acr_larg")
    with pytest.raises(DefinitionError, match="no such file"):
        load_phantom("nowhere.toml")


@pytest.mark.parametrize(
    ("old", "new", "where", "text"),
    [
        ('id = "p"', 'idd = "p"', "idd", "did you mean 'id'"),
        ('id = "p"', "", "x.toml", "missing 'id'"),
        ('id = "p"', "id = 3", "id", "3 is not a text"),
        ("inner_diameter_mm = 190", 'inner_diameter_mm = "a"', "body.inner_diameter_mm", "number"),
        ("inner_diameter_mm = 190", "inner_diameter_mm = nan", "body.inner_diameter_mm", "number"),
        ("inner_diameter_mm = 190", "inner_diameter_mm = true", "body.inner_diameter_mm", "number"),
        ("n_slices = 11", "n_slices = 11.5", "stack.n_slices", "whole number"),
        ("[-30.0, 118.0]", "[118.0, -30.0]", "body.z_mm", "runs from high to low"),
        ("[-30.0, 118.0]", "[118.0]", "body.z_mm", "has 1 items, not 2"),
        ("[-30.0, 118.0]", "118.0", "body.z_mm", "is not a list"),
        ('kind = "tube"', 'kind = "tub"', "insert[0].shape.kind", "did you mean 'tube'"),
        ('kind = "tube"', "kind = [1]", "insert[0].shape.kind", "is not one of"),
        ('kind = "tube", ', "", "insert[0].shape.kind", "must be one of"),
        ("center_mm = [0.0, 1.0], ", "", "insert[0].shape", "missing 'center_mm'"),
        ('name = "rod"', 'name = "rod"\nvariant = "two"', "insert[0].variant", "is not one of"),
        ("[[insert]]", "[insert]", "insert", "is not a list"),
        ("qiqa.phantom/1", "qiqa.phantom/9", "schema", "this version reads 'qiqa.phantom/1'"),
        ('id = "p"', "id = ", "x.toml", "not valid TOML"),
    ],
)
def test_wrong_phantom_names_the_place(tmp_path, old, new, where, text):
    assert PHANTOM.count(old) == 1
    path = write(tmp_path, PHANTOM.replace(old, new))
    with pytest.raises(DefinitionError, match=text.replace("[", r"\[")) as error:
        load_phantom(path)
    assert error.value.where.startswith(path)
    assert error.value.where.endswith(where)


@pytest.mark.parametrize(
    ("old", "new", "where", "text"),
    [
        ('roles = ["T1"]', 'roles = ["T3"]', "limit[0].roles", "'T3' is not a role"),
        ("tolerance = [0.0, 1.0]", "tolerance = [0.0, 3.0]", "limit[0].tolerance", "outside"),
        ('"judge"', '"maybe"', "limit[0].off_protocol", "'judge', 'record'"),
        ("required = true", "required = 1", "series[0].required", "true or false"),
    ],
)
def test_wrong_protocol_names_the_place(tmp_path, old, new, where, text):
    assert PROTOCOL.count(old) == 1
    path = write(tmp_path, PROTOCOL.replace(old, new))
    with pytest.raises(DefinitionError, match=text) as error:
        load_protocol(path)
    assert error.value.where == f"{path}: {where}"


def test_same_insert_twice_is_refused(tmp_path):
    insert = PHANTOM[PHANTOM.index("[[insert]]") :]
    with pytest.raises(DefinitionError, match="second insert called 'rod'"):
        load_phantom(write(tmp_path, PHANTOM + insert))


def test_not_text_is_not_valid_toml(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionError, match="not valid TOML"):
        load_phantom(str(path))


def test_installation_without_definitions_says_so(monkeypatch):
    with pytest.raises(definitions.DefinitionsNotFoundError, match="nothing/"):
        definitions.root("nothing")
    monkeypatch.delenv("QIQA_PATH", raising=False)
    assert definitions.root("phantoms").is_dir()


def test_build_refuses_a_type_it_has_no_rule_for():
    with pytest.raises(TypeError, match="no rule"):
        build(bytes, b"", file="f")
    for target in (CylinderPhantom, Protocol):
        with pytest.raises(DefinitionError, match="is not a table"):
            build(target, 3, file="f")
