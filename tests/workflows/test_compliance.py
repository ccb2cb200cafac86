"""Deviations of acquired series from a protocol: what deviates, what is unknown, what it does."""

import dataclasses

import numpy as np
import pytest

from qiqa.core.errors import DefinitionError, ExamError, UsageError
from qiqa.core.exam import group_exams
from qiqa.core.measurement import Verdict
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, SeriesHeader
from qiqa.io.definitions import load_protocol, root
from qiqa.workflows.compliance import check_acquisition, comply
from qiqa.workflows.on_protocol import checks_of

ICE = (0.0, 500.0, 900.0, 2000.0)


def dwi(b=ICE, uid="1.2", component="tracew", **settings):
    """Return a header inside every window of the ice-water protocol."""
    kept = {
        "tr_ms": 10000.0,
        "te_ms": 100.0,
        "averages": 1.0,
        "fov_mm": (220.0, 220.0),
        "matrix_acquired": (128, 128),
        "slice_thickness_mm": 4.0,
        "slice_spacing_mm": 5.0,
        "pixel_bandwidth_hz": 1500.0,
        "acceleration": 2.0,
    }
    return SeriesHeader(
        series_uid=uid,
        description="this name says nothing",
        scanner=Scanner(manufacturer="SIEMENS", field_strength_t=3.0),
        acquisition=Acquisition(**{**kept, **settings}),
        affine=np.eye(4),
        shape=(128, 128, 25, len(b)),
        encoding=Encoding(name="b_value", values=b, unit="s/mm²"),
        frames=tuple((FrameSource(path="x"),) * 25 for _ in b),
        slice_positions_mm=tuple(5.0 * k for k in range(25)),
        component=component,
    )


def held(*headers, protocol="qiba_dwi_ice_water"):
    (exam,) = group_exams(headers)
    return comply(exam, load_protocol(protocol))


def four(**settings):
    return [dwi(uid=f"1.{n}", **settings) for n in range(4)]


def states(header, protocol="qiba_dwi_ice_water"):
    checks = checks_of(header, load_protocol(protocol).series[0])
    return {check.field: check for check in checks}


def test_in_order():
    result = held(*four())
    assert result.verdict is Verdict.PASS
    assert {c.state for checks in result.roles[0].checks for c in checks} == {"in_order"}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tr_ms": 7999.0}, "tr_ms"),
        ({"te_ms": 151.0}, "te_ms"),
        ({"averages": 2.0}, "averages"),
        ({"fov_mm": (220.0, 240.0)}, "fov_mm"),
        ({"matrix_acquired": (128, 96)}, "acquired_matrix"),
        ({"slice_thickness_mm": 5.0}, "slice_thickness_mm"),
        ({"slice_spacing_mm": 7.0}, "slice_spacing_mm"),
        ({"pixel_bandwidth_hz": 900.0}, "pixel_bandwidth_hz"),
        ({"acceleration": 1.0}, "acceleration"),
    ],
)
def test_one_deviation_is_named_with_what_it_does(settings, field):
    result = held(*four(**settings))
    assert result.verdict is Verdict.TOLERANCE
    wrong = [c for c in result.roles[0].checks[0] if c.state != "in_order"]
    assert [(c.field, c.state) for c in wrong] == [(field, "deviates")]
    assert wrong[0].effect


@pytest.mark.parametrize("field", ["tr_ms", "fov_mm", "acceleration", "pixel_bandwidth_hz"])
def test_what_is_not_said_is_unknown_and_never_in_order(field):
    assert states(dwi(**{field: None}))[field].state == "unknown"
    assert held(*four(**{field: None})).verdict is Verdict.NOT_EVALUATED


@pytest.mark.parametrize(
    ("b", "state", "effects"),
    [
        ((0.0, 505.0, 890.0, 2039.0), "in_order", ()),
        ((0.0, 100.0, 500.0, 900.0, 2000.0), "more", ()),
        ((0.0, 500.0, 1000.0, 2000.0), "deviates", ("b 900 is not there", "fewer b-values")),
        ((0.0, 500.0, 900.0), "deviates", ("no b = 2000", "fewer b-values")),
        ((50.0, 500.0, 900.0, 2000.0), "deviates", ("no b = 0", "fewer b-values")),
    ],
)
def test_nominal_values_are_met_within_two_percent(b, state, effects):
    check = states(dwi(b))["values"]
    assert check.state == state
    said = check.effect.split("; ") if check.effect else []
    assert len(said) == len(effects)
    assert all(text.startswith(start) for text, start in zip(said, effects, strict=True))


def test_too_few_repeats_deviate_and_maps_are_no_series():
    result = held(dwi(), dwi(uid="1.3"), dwi(uid="1.4", component="adc"))
    assert result.roles[0].missing == "2 of 4 repeats"
    assert result.verdict is Verdict.TOLERANCE
    assert [h.component for h in result.unmatched] == ["adc"]


def test_a_required_series_that_is_missing_deviates_and_an_optional_one_is_told():
    result = held(dwi(), protocol="nist_system_siemens")
    said = {role.expected.role: (role.missing, role.verdict) for role in result.roles}
    assert said["T1"] == ("not there", Verdict.TOLERANCE)
    assert said["PD"] == ("not there", Verdict.PASS)
    assert len(result.unmatched) == 1


def test_of_three_echo_sets_each_series_takes_its_own():
    def echoes(*te):
        encoding = Encoding(name="echo_time", values=te, unit="ms")
        base = dwi(te, uid=f"1.{te[0]:g}", component="magnitude", te_ms=te[0])
        return dataclasses.replace(base, encoding=encoding)

    sets = [(40.0, 80.0, 120.0, 160.0), (15.0, 30.0, 45.0, 60.0)]
    result = held(*(echoes(*te) for te in sets), protocol="nist_system_ge")
    taken = [
        [h.encoding.values for h in role.series]
        for role in result.roles
        if role.expected.role == "T2"
    ]
    assert taken == [[sets[1]], [], [sets[0]]]


@pytest.mark.parametrize(
    ("name", "general"),
    [
        ("nist_system_siemens", "nist_system"),
        ("nist_system_ge", "nist_system"),
        ("nist_system_philips", "nist_system"),
        ("qiba_dwi_ice_water", "qiba_diffusion"),
        ("qiba_dwi_conformance", "qiba_diffusion"),
    ],
)
def test_extending_takes_over_limits_and_entries_but_not_that_it_is_usual(name, general):
    own, first = load_protocol(name), load_protocol(general)
    assert (own.limit, own.entry, own.measured) == (first.limit, first.entry, first.measured)
    assert (own.id, own.usual, first.usual) == (name, False, True)
    assert own.series != first.series
    for expected in own.series:
        known = {f.name for f in dataclasses.fields(expected)} | {"missing"}
        assert {effect.field for effect in expected.effect} <= known


def test_the_hash_changes_with_what_is_extended(tmp_path, monkeypatch):
    folder = tmp_path / "protocols"
    folder.mkdir()
    text = (root("protocols") / "qiba_diffusion.toml").read_text(encoding="utf-8")
    before = load_protocol("qiba_dwi_ice_water").sha256
    (folder / "qiba_diffusion.toml").write_text(text + "# another\n", encoding="utf-8")
    monkeypatch.setenv("QIQA_PATH", str(tmp_path))
    assert load_protocol("qiba_dwi_ice_water").sha256 != before


def test_extending_what_extends_is_refused(tmp_path):
    text = (root("protocols") / "qiba_dwi_ice_water.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('"qiba_diffusion"', '"qiba_dwi_conformance"'), encoding="utf-8")
    with pytest.raises(DefinitionError, match="extends another protocol itself"):
        load_protocol(str(path))


def _deviating(result):
    return {
        (role.expected.role, check.field)
        for role in result.roles
        for checks in role.checks
        for check in checks
        if check.state == "deviates"
    }


def test_system_phantom_on_a_skyra(real_data):
    (result,) = check_acquisition([real_data("phantoms/system/mrbias_A")])
    assert result.protocol.id == "nist_system_siemens"
    # the series were set up after the publication, but for these settings of the two 3D series
    assert _deviating(result) == {
        ("T1 VFA", "tr_ms"),
        ("T1 VFA", "te_ms"),
        ("T1 VFA", "slice_thickness_mm"),
        ("geometry", "te_ms"),
    }
    assert [len(role.series) for role in result.roles] == [1, 1, 2, 1, 1]


def test_diffusion_phantom_on_a_skyra(real_data):
    folder = real_data("phantoms/diffusion")
    (result,) = check_acquisition([folder])
    assert result.protocol.id == "qiba_dwi_conformance"
    assert "next qiba_dwi_ice_water" in result.chosen
    assert _deviating(result) == set()
    assert result.roles[0].missing == "2 of 4 repeats"
    (other,) = check_acquisition([folder], load_protocol("qiba_dwi_ice_water"))
    assert _deviating(other) == {("DWI", "values"), ("DWI", "averages")}


@pytest.mark.parametrize(("kind", "role"), [("T1", "T1"), ("T2", "T2")])
def test_system_phantom_at_two_sites(real_data, kind, role):
    results = check_acquisition([real_data(f"phantoms/system/hazen/{kind}")])
    assert {r.protocol.id for r in results} == {"nist_system_ge", "nist_system_siemens"}
    for result in results:
        wrong = _deviating(result)
        assert {(role, "values"), (role, "tr_ms"), (role, "slice_thickness_mm")} <= wrong


def test_what_cannot_be_checked_is_refused(real_data):
    folder = real_data("phantoms/acr_large/Siemens")
    with pytest.raises(UsageError, match="does not say how"):
        check_acquisition([folder], load_protocol("acr_large_2022"))
    with pytest.raises(UsageError, match="does not say how"):
        check_acquisition([folder], load_protocol("nist_system"))


def test_no_protocol_for_it(real_data):
    with pytest.raises(ExamError, match="no known protocol fits"):
        check_acquisition([real_data("phantoms/acr_large/Siemens")])
