"""Who is called a copy of whom, and which borders copies cross."""

import itertools
import tomllib
from importlib import resources

import numpy as np
import pytest

from qiqa.core.finding import Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import SeriesFacts, Stack
from qiqa.core.words import Words
from qiqa.vetting.checks import duplicates, signature
from qiqa.vetting.signature.layout import PLANES, VIEWS, pack

SETTINGS = {one.name: one.default for one in duplicates.CHECK.settings}


def _image(seed):
    """Return views that nobody else has."""
    return np.random.default_rng([seed, 99]).integers(0, 2**62, (VIEWS, 2), dtype=np.uint64)


def _near(views, bits):
    """Return views that differ in `bits` signs each."""
    return views ^ np.array([(1 << bits) - 1, 0], dtype=np.uint64)


def _packed(views, digest):
    pairs = [tuple(v) for v in views.tolist()]
    return pack(digest.to_bytes(16, "little"), pairs[:PLANES], pairs[PLANES:])


def _table(signatures, numbers=None, paths=None, **texts):
    n = len(signatures)
    size = max((len(one) for one in signatures), default=0)
    rows = [np.frombuffer(one.ljust(size, b"\0"), dtype=np.uint8) for one in signatures]
    return VetTable(
        path=paths or [f"s{i}" for i in range(n)],
        series_uid=[f"1.2.{i}" for i in range(n)],
        texts={name: Words.of(values) for name, values in texts.items()},
        numbers={k: np.array(v, dtype=np.float64) for k, v in (numbers or {}).items()},
        date=np.full(n, np.datetime64("NaT"), dtype="datetime64[D]"),
        features=(),
        values=np.zeros((n, 0), dtype=np.float32),
        signatures=np.stack(rows) if rows else np.zeros((0, 248), dtype=np.uint8),
    )


@pytest.fixture
def copies():
    """Return six series: 0, 1, 3 have equal pixels, 4 is a near copy of them, 2 and 5 are alone."""
    one = _image(1)
    return [
        _packed(one, 11),
        _packed(one, 11),
        _packed(_image(2), 12),
        _packed(one, 11),
        _packed(_near(one, 6), 13),
        _packed(_image(3), 14),
    ]


def _seen(answer):
    return {(row, o.code, round(o.value, 1)) for row, o in answer.observations}


NEAR = round(100 * (1 - 6 / 126), 1)


def test_all_but_the_first_copy_are_named_with_their_partner(copies):
    answer = duplicates.look(_table(copies), SETTINGS)
    assert _seen(answer) == {
        (1, "duplicate_exact", 100.0),
        (3, "duplicate_exact", 100.0),
        (4, "duplicate_near", NEAR),
    }
    assert all("series 1.2.0:" in o.evidence for _, o in answer.observations)
    share, incomplete = answer.statements
    assert share.value == pytest.approx(50)
    assert incomplete.value == 0


@pytest.mark.parametrize(("column", "code"), duplicates._ALL_BUT_ONE[::-1])
def test_crossing_a_site_or_split_is_said_of_all_but_the_first(copies, column, code):
    code, column = column, code
    values = ["a", "b", "b", "", "c", "a"]
    found = _seen(duplicates.look(_table(copies, **{column: values}), SETTINGS))
    assert {one for one in found if one[1] == code} == {(1, code, 100.0), (4, code, NEAR)}


@pytest.mark.parametrize(("code", "column"), duplicates._ALL_OF_THEM)
def test_another_patient_or_label_is_said_of_every_copy(copies, code, column):
    values = ["a", "b", "b", "", "c", "a"]
    answer = duplicates.look(_table(copies, **{column: values}), SETTINGS)
    assert {one for one in _seen(answer) if one[1] == code} == {
        (0, code, 100.0),
        (1, code, 100.0),
        (4, code, NEAR),
    }
    partners = {row: o.evidence for row, o in answer.observations if o.code == code}
    assert "1.2.1" in partners[0]
    assert "1.2.0" in partners[1]


@pytest.mark.parametrize("column", ["patient", "label", "site", "split"])
def test_copies_within_a_border_do_not_cross_it(copies, column):
    table = _table(copies, **{column: ["a", "a", "b", "a", "a", "c"]})
    codes = {o.code for _, o in duplicates.look(table, SETTINGS).observations}
    assert codes == {"duplicate_exact", "duplicate_near"}


def test_without_the_named_series_no_split_is_crossed():
    """Row 1 has a later copy with equal pixels in another split and an earlier near one."""
    one = _image(7)
    near = _packed(_near(one, 4), 1)
    table = _table([near, _packed(one, 2), _packed(one, 2)], split=["test", "train", "test"])
    found = {r for r, o in duplicates.look(table, SETTINGS).observations if "splits" in o.code}
    assert found == {1, 2}


def test_a_near_copy_of_another_patient_is_seen_behind_exact_ones():
    one = _image(4)
    signatures = [_packed(one, 1), _packed(one, 1), _packed(_near(one, 4), 2)]
    table = _table(signatures, patient=["", "a", "b"])
    found = [(r, o) for r, o in duplicates.look(table, SETTINGS).observations if "pat" in o.code]
    assert [row for row, _ in found] == [1, 2]
    assert "1.2.2" in found[0][1].evidence
    assert "1.2.1" in found[1][1].evidence


@pytest.mark.parametrize("bits", [0, 8, 14, 20])
def test_the_value_is_the_share_of_bits_that_agree(bits):
    one = _image(5)
    table = _table([_packed(one, 1), _packed(_near(one, bits), 2)])
    (row, said), *others = duplicates.look(table, SETTINGS).observations
    assert (row, said.code, others) == (1, "duplicate_near", [])
    # one of the 16 ways to lay them may happen to fit better
    assert said.value == pytest.approx(100 * (1 - bits / 126), abs=0.5)


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"te_ms": [20, 80], "tr_ms": [500, 2000]}, "same_object_other_contrast"),
        ({"te_ms": [20, 80]}, "same_object_other_contrast"),
        ({"te_ms": [20, 20.4], "tr_ms": [3000, 3300]}, "duplicate_near"),
        ({"te_ms": [20, np.nan]}, "duplicate_near"),
        ({}, "duplicate_near"),
    ],
)
def test_another_contrast_by_the_header_is_no_copy(times, code):
    one = _image(6)
    signatures = [_packed(one, 1), _packed(_near(one, 3), 2)]
    table = _table(signatures, times, patient=["a", "b"])
    codes = [o.code for _, o in duplicates.look(table, SETTINGS).observations]
    crossed = ["duplicate_across_patients"] * 2 if code == "duplicate_near" else []
    assert sorted(codes) == sorted([code, *crossed])


def test_equal_pixels_are_copies_whatever_the_header_says():
    one = _image(6)
    table = _table([_packed(one, 1), _packed(one, 1)], {"te_ms": [20, 80]})
    assert [o.code for _, o in duplicates.look(table, SETTINGS).observations] == ["duplicate_exact"]


def test_the_setting_bounds_what_is_listed():
    one = _image(5)
    table = _table([_packed(one, 1), _packed(_near(one, 14), 2)])
    assert duplicates.look(table, {"least_similarity": 88.0}).observations
    assert not duplicates.look(table, {"least_similarity": 90.0}).observations


def test_the_order_of_the_series_changes_only_who_stays(copies):
    patients = np.array(["a", "b", "b", "a", "c", "a"])
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 97):
        table = _table([copies[i] for i in order], patient=patients[list(order)])
        found = duplicates.look(table, SETTINGS)
        crossed = {order[r] for r, o in found.observations if o.code.endswith("patients")}
        assert crossed == {0, 1, 3, 4}
        plain = [o.code for _, o in found.observations if not o.code.endswith("patients")]
        # the near copy and the group: whichever comes first stays
        assert sorted(plain) == ["duplicate_exact", "duplicate_exact", "duplicate_near"]


def test_series_without_signature_and_empty_sets():
    nothing = _table([b"", b"", _packed(_image(1), 3)])
    answer = duplicates.look(nothing, SETTINGS)
    assert answer.observations == ()
    assert answer.statements[0].value == 0
    for table in (_table([]), _table([b"", b""])):
        answer = duplicates.look(table, SETTINGS)
        assert answer.observations == ()
        assert np.isnan(answer.statements[0].value)


def test_repeated_instance_uids(copies):
    table = _table(copies[4:] + copies[2:3], instance_uids=["x", "", "x"])
    (row, said) = duplicates.look(table, SETTINGS).observations[0]
    assert (row, said.code) == (2, "repeated_instance_uid")
    assert "1.2.0" in said.evidence


def test_every_rule_has_a_reason_and_every_error_has_a_rule():
    text = resources.files("qiqa.vetting").joinpath("policies/default.toml").read_text("utf-8")
    rules = tomllib.loads(text)["rules"]
    own = {reason.code: reason for reason in duplicates.CHECK.reasons}
    for code, reason in own.items():
        if reason.severity is Severity.ERROR:
            assert rules[code]["action"] in ("quarantine", "reject")
    assert rules["duplicate_exact"]["action"] == "reject"
    assert rules["duplicate_near"]["limit"] > SETTINGS["least_similarity"]


def _stack(signal, step=1.0):
    facts = SeriesFacts(path="a", series_uid="1")
    return Stack(
        facts=facts,
        signal=np.asarray(signal, dtype=np.float32),
        affine=np.eye(4),
        stored_range=(0.0, 4095.0),
        quantization=step,
    )


def test_the_signature_check_signs_or_says_why_not():
    noise = np.random.default_rng(1).normal(size=(40, 40, 3, 2))
    assert len(signature.look(_stack(noise), {}).signature) == 248
    for signal in (np.zeros((9, 9, 2, 1)), np.full((9, 9, 2, 1), np.nan)):
        found = signature.look(_stack(signal), {})
        assert found.signature == b""
        assert [o.code for o in found.observations] == ["no_signature"]
    for step in (np.nan, np.inf, 0.0, -3.0):
        assert len(signature.look(_stack(noise, step), {}).signature) == 248


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ("p/BraTS20_001_t1.nii.gz", "p/BraTS20_001_t1ce.nii.gz", True),
        ("p/BraTS20_001_t1.nii.gz", "p/BraTS20_002_t1ce.nii.gz", False),
        ("sub-1/anat/sub-1_T1w.nii.gz", "sub-1/anat/sub-1_FLAIR.nii", True),
        ("sub-1/anat/sub-1_T1w.nii.gz", "sub-2/anat/sub-2_FLAIR.nii.gz", False),
        ("imagesTr/case_012_0000.nii.gz", "imagesTr/case_012_0001.nii.gz", True),
        ("imagesTr/case_012_0000.nii.gz", "imagesTr/case_013_0001.nii.gz", False),
        ("imagesTr/image_0001.nii.gz", "imagesTr/image_0002.nii.gz", False),  # two persons
        ("BraTS-GLI-00002-000-t1c.nii.gz", "BraTS-GLI-00002-000-t2f.nii.gz", True),
        ("BraTS-GLI-00002-000-t1c.nii.gz", "BraTS-GLI-00002-001-t2f.nii.gz", False),
        ("case-01-0001.nii.gz", "case-01-0002.nii.gz", False),  # numbers of images
        ("a_t1.nii.gz", "a_t1.nii", False),
        ("case_1_orig.nii.gz", "case_1_n4.nii.gz", False),
    ],
)
def test_files_that_are_named_as_contrasts_of_one_exam(first, second, apart):
    one = _image(5)
    signatures = [_packed(one, 1), _packed(_near(one, 4), 2)]
    answer = duplicates.look(_table(signatures, paths=[first, second]), SETTINGS)
    expected = "same_object_other_contrast" if apart else "duplicate_near"
    assert {o.code for _, o in answer.observations} == {expected}


def test_of_an_original_and_what_was_made_from_it_the_original_stays(copies):
    kinds = ["DERIVED\\SECONDARY", "", "", "ORIGINAL\\PRIMARY", "", ""]
    answer = duplicates.look(_table(copies, image_type=kinds), SETTINGS)
    assert _seen(answer) == {
        (0, "duplicate_exact", 100.0),
        (3, "duplicate_exact", 100.0),
        (4, "duplicate_near", NEAR),
    }
    evidence = {row: o.evidence for row, o in answer.observations}
    assert all("series 1.2.1:" in said for said in evidence.values())
    assert [row for row, _ in answer.observations] == [0, 3, 4]
