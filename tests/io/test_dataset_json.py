"""`dataset.json` of nnU-Net and Decathlon: what is understood, and that nothing in it raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.io.dataset_json import declared_set, modality_of_words
from qiqa.io.sources import Archives, blob_at


@pytest.fixture
def read(tmp_path):
    """Return `read(content, *paths)`: content as JSON or bytes, paths of series that there are."""

    def made(content, *there):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / "dataset.json").write_bytes(data)
        with Archives() as archives:
            blob = blob_at(str(tmp_path / "dataset.json"))
            return declared_set("T/", blob, archives, there.__contains__)

    return made


def test_nnunet(read):
    # docs of nnU-Net v2, dataset_format.md, with regions and the label to be ignored
    found = read(
        {
            "channel_names": {"0": "T2", "1": "ADC"},
            "labels": {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3},
            "numTraining": 32,
            "file_ending": ".nii.gz",
            "regions_class_order": [1, 2],
        }
    )
    assert (found.layout, found.channel_files, found.wrong) == ("nnU-Net", True, ())
    assert found.labels == (0, 1, 2, 3)
    assert found.training == 32
    assert [found.modality_of(f"a_{n:04d}") for n in range(3)] == ["MR", "MR", ""]
    assert [found.channel_of(f"a_{n:04d}") for n in range(3)] == ["T2", "ADC", ""]
    assert found.modality_of("a") == ""


def decathlon():
    # Task09_Spleen of the Medical Segmentation Decathlon, shortened
    return {
        "name": "Spleen",
        "tensorImageSize": "3D",
        "modality": {"0": "CT"},
        "labels": {"0": "background", "1": "spleen"},
        "numTraining": 2,
        "numTest": 1,
        "training": [
            {"image": "./imagesTr/spleen_19.nii.gz", "label": "./labelsTr/spleen_19.nii.gz"},
            {"image": "./imagesTr/spleen_31.nii.gz", "label": "./labelsTr/spleen_31.nii.gz"},
        ],
        "test": ["./imagesTs/spleen_15.nii.gz"],
    }


def test_decathlon(read):
    found = read(decathlon(), "T/imagesTr/spleen_31.nii.gz")
    assert (found.layout, found.channel_files, found.wrong) == ("Decathlon", False, ())
    assert (found.labels, found.training) == ((0, 1), 2)
    assert found.modality_of("spleen_19") == "CT"
    assert found.listed[0] == ("T/imagesTr/spleen_19.nii.gz", "T/labelsTr/spleen_19.nii.gz")


def test_the_first_nnunet(read):
    found = read(decathlon(), "T/imagesTr/spleen_31_0000.nii.gz")
    assert (found.layout, found.channel_files) == ("nnU-Net", True)
    assert found.modality_of("spleen_31_0000") == "CT"


def test_volumes_of_two_modalities_say_none(read):
    stated = decathlon() | {"modality": {"0": "CT", "1": "PET"}}
    assert read(stated, "T/imagesTr/spleen_31.nii.gz").modality_of("spleen_31") == ""


@pytest.mark.parametrize(
    ("name", "modality"),
    [("T1w", "MR"), ("t1gd", "MR"), ("T2w", "MR"), ("FLAIR", "MR"), ("MRI", "MR"), ("adc", "MR"),
     ("T2-FLAIR", "MR"), ("DCE_2", "MR"), ("b1000", "MR"), ("CT", "CT"), ("CT_arterial", "CT"),
     ("PET", "PT"), ("SUV", "PT"), ("ultrasound", "US"),
     ("noNorm", ""), ("PET/CT", ""), ("cbct", ""), ("", ""), ("zscore", ""), ("octopus", "")],
)  # fmt: skip
def test_words_of_channels(name, modality):
    assert modality_of_words(name) == modality


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"modality": {"1": "CT"}}, 'modality is {"1": "CT"}, expected is names by number'),
        ({"modality": {"0": 7}}, "a name of each channel"),
        ({"modality": "CT"}, "names by number"),
        ({"labels": {"liver": 1.5}}, 'labels is {"liver": 1.5}, expected is whole numbers'),
        ({"labels": {"liver": "one"}}, "whole numbers"),
        ({"labels": {"all": []}}, "whole numbers"),
        ({"labels": {"all": True}}, "whole numbers"),
        ({"labels": [0, 1]}, "whole numbers"),
        ({"labels": {"liver": 1e300}}, "whole numbers"),
        ({"numTraining": "2"}, 'numTraining is "2", expected is a whole number'),
        ({"numTraining": -1}, "a whole number"),
        ({"numTraining": 3}, "numTraining is 3, but 2 cases are listed"),
        ({"training": ["a.nii.gz"]}, "a list of"),
        ({"training": {"image": 1}}, "a list of"),
    ],
)
def test_what_is_wrong_is_said_and_not_used(read, changed, said):
    found = read(decathlon() | changed, "T/imagesTr/spleen_31.nii.gz")
    (wrong,) = found.wrong
    assert said in wrong
    key = {"modality": found.channels, "labels": found.labels, "training": found.listed}
    if "numTraining" not in changed:
        (name,) = changed
        assert key[name] == ()
    whole = read(decathlon(), "T/imagesTr/spleen_31.nii.gz")
    others = {"channels", "labels", "training", "listed"} - {
        "channels" if "modality" in changed else "training" if "numTraining" in changed else
        "listed" if "training" in changed else "labels"
    }  # fmt: skip
    assert all(getattr(found, name) == getattr(whole, name) for name in others)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe\xff", b"[]", b"7", b'{"name": "x"}', b"[" * 100_000, b'{"labels"' * 9],
)
def test_no_description_at_all(read, data):
    found = read(data)
    assert found.layout == "unknown"
    (wrong,) = found.wrong
    assert wrong.endswith("nothing of it is used")


def test_a_byte_order_mark_and_signs_that_cannot_be_printed(read):
    text = '\ufeff{"channel_names": {"0": "T1\\u001b[31m\\ud800"}, "labels": {}}'
    found = read(text.encode("utf-8"))
    assert found.channels == ("T1 [31m ",)
    assert found.modalities == ("MR",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(["channel_names", "modality", "labels", "numTraining", "training", "image"])


@given(content=st.dictionaries(KEYS, JSON, max_size=5) | JSON)
def test_nothing_in_it_raises(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "dataset.json"
    path.write_text(json.dumps(content), "utf-8")
    blob = blob_at(str(path))
    found = declared_set("", blob, Archives(), lambda path: len(path) % 2 == 0)
    assert all(isinstance(one, str) and one for one in found.wrong)
    assert all(isinstance(one, float) for one in found.labels)
    json.dumps([found.channels, found.labels, found.training, found.listed, found.wrong])
