"""`qiqa vet` on sets of nnU-Net and Decathlon: clean ones, and with every fault planted."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from qiqa.cli.app import run
from qiqa.io.policy_file import default_policy_text
from qiqa.io.scan import listing
from qiqa.vetting.checks import dataset_json, labels, pairing

sys.path.insert(0, str(Path(__file__).parent))

from training_layouts import AFFINE, brats, decathlon, describe, image, nnunet, save, segmentation

CODES = {
    reason.code
    for check in (dataset_json.CHECK, pairing.CHECK, labels.CHECK)
    for reason in check.reasons
} - {"label_map"}
_OFF = 'off = ["confounding", "outliers", "predictability", "representativeness"]\n'


class Vetted:
    """What was made of a tree."""

    def __init__(self, tree, output, *more, processes=1):
        self.output = output
        output.mkdir(exist_ok=True)
        beside = output.parent / f"{output.name}.toml"
        beside.write_text(_OFF + default_policy_text(), "utf-8")
        key = output.parent / "key"
        key.write_bytes(b"k" * 64)
        words = ["vet", str(tree), "-o", str(output), "--policy", str(beside), "--key", str(key)]
        self.status = run([*words, "--processes", str(processes), *map(str, more)])
        self.told = json.loads((output / "vet.json").read_text("utf-8"))

    @property
    def rows(self):
        with (self.output / "manifest.csv").open(encoding="utf-8", newline="") as file:
            return {row["path"]: row for row in csv.DictReader(file)}

    @property
    def seen(self):
        """Path -> codes of these checks, for every series that has one."""
        import pyarrow.parquet as pq

        found = {}
        for one in pq.read_table(self.output / "observations.parquet").to_pylist():
            if one["code"] in CODES:
                found.setdefault(one["path"], {})[one["code"]] = one
        return found

    @property
    def codes(self):
        return {path: set(found) for path, found in self.seen.items()}

    def stated(self, code):
        given = [one for some in self.told["statements"].values() for one in some]
        return [one for one in given if one["code"] == code]


@pytest.mark.parametrize("sign", ["_", "-"])
def test_a_folder_a_case(tmp_path, sign):
    found = Vetted(brats(tmp_path / "set", sign=sign), tmp_path / "out")
    assert found.codes == {}
    (pairs,) = found.stated("pairs")
    assert pairs["value"] == 18
    assert "6 maps of labels belong together; 18 of 18 grids" in pairs["evidence"]
    assert found.told["counts"]["labels"]["keep"] == 6
    # contrasts of one exam are no copies
    assert {row["decision"] for row in found.rows.values()} == {"keep"}


def test_a_folder_a_case_with_every_fault(tmp_path):
    tree = brats(tmp_path / "set") / "Training"

    def named(case, what):
        return tree / f"BraTS_{case:03d}" / f"BraTS_{case:03d}_{what}.nii.gz"

    named(1, "seg").unlink()
    for contrast in ("t1", "t2", "flair"):
        named(2, contrast).unlink()
    shifted = AFFINE.copy()
    shifted[1, 3] += 2  # a voxel
    save(named(3, "seg"), segmentation(3), shifted)
    # not brought onto one grid: the map is that of one contrast, which is no fault
    save(named(4, "t2"), image(4, 350.0), shifted)
    found = Vetted(tmp_path / "set", tmp_path / "out")
    inside = {path.removeprefix("Training/"): codes for path, codes in found.codes.items()}
    three = ("t1", "t2", "flair")
    alone = {f"BraTS_001/BraTS_001_{what}.nii.gz": {"image_without_labels"} for what in three}
    assert inside.pop("BraTS_002/BraTS_002_seg.nii.gz") == {"labels_without_image"}
    other = {path for path, codes in inside.items() if codes == {"labels_on_other_grid"}}
    assert {path: codes for path, codes in inside.items() if path not in other} == alone
    assert "BraTS_003/BraTS_003_seg.nii.gz" in other
    assert len(other) == 2  # the map, and the image that is nearest
    assert all(path.startswith("BraTS_003/") for path in other)
    (value,) = {one["labels_on_other_grid"]["value"] for one in found.seen.values()
                if "labels_on_other_grid" in one}  # fmt: skip
    assert value == pytest.approx(1.0, abs=1e-5)


@pytest.fixture(scope="module", params=[nnunet, decathlon], ids=["nnunet", "decathlon"])
def clean(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    return Vetted(request.param(folder / "set"), folder / "out")


def test_a_clean_set_has_none_of_it(clean):
    assert clean.status == 0
    assert clean.seen == {}
    assert {row["decision"] for row in clean.rows.values()} == {"keep"}
    for code in ("dataset_json_wrong", "training_cases_differ"):
        (one,) = clean.stated(code)
        assert one["value"] == 0


def test_what_is_stated_is_used_and_said(clean):
    assert {path.split("/")[0]: row["modality"] for path, row in clean.rows.items()} == {
        "imagesTr": "MR", "imagesTs": "MR", "labelsTr": "SEG",
    }  # fmt: skip
    (stated,) = clean.stated("stated_in_dataset_json")
    (pairs,) = clean.stated("pairs")
    (split,) = clean.stated("split_by_folder")
    two = "nnU-Net" in stated["evidence"]
    assert stated["value"] == (14 if two else 7)
    assert pairs["value"] == (12 if two else 6)
    assert split["evidence"] == f"{18 if two else 12} series train, {2 if two else 1} test"
    first, second = ("T1", "FLAIR") if two else ("T2", "ADC")
    assert stated["rows"] == [
        ["key", "stated"], ["channel 0", f"{first}: MR"], ["channel 1", f"{second}: MR"],
        ["labels", "0, 1, 2"], ["numTraining", "6"],
    ]  # fmt: skip
    assert [one["role"] for one in clean.told["provenance"]["files"]] == ["description"]
    assert not CODES & clean.told["not_run"].keys()
    assert "duplicate_across_splits" not in clean.told["not_run"]
    page = (clean.output / "card.html").read_text("utf-8")
    assert f"{first}: MR" in page
    assert "liver_0" not in page  # no path is on the card


def spoil(folder):
    """Plant every fault in a set of nnU-Net, and return path -> codes."""
    images, maps = folder / "imagesTr", folder / "labelsTr"
    (maps / "liver_0.nii.gz").unlink()
    (images / "liver_1_0000.nii.gz").unlink()
    (images / "liver_1_0001.nii.gz").unlink()
    moved = AFFINE.copy()
    moved[0, 3] += 1.0  # mm: half a voxel
    save(maps / "liver_2.nii.gz", segmentation(2), moved)
    save(maps / "liver_3.nii.gz", segmentation(3)[:, :, :-1])
    held = segmentation(4)
    held[held == 2] = 7
    save(maps / "liver_4.nii.gz", held)
    (images / "liver_5_0001.nii.gz").unlink()
    save(images / "liver_6_0000.nii.gz", image(6))
    save(images / "liver_6_0001.nii.gz", image(6, 350.0), moved)
    save(maps / "liver_6.nii.gz", segmentation(6))
    for channel in range(2):
        save(images / f"liver_7_{channel:04d}.nii.gz", image(7, 200.0 + 150 * channel))
    save(maps / "liver_7.nii.gz", segmentation(7) / np.float32(2))
    grid, wrong, alone = "labels_on_other_grid", "undeclared_labels", "image_without_labels"
    return {
        "imagesTr/liver_0_0000.nii.gz": {alone},
        "imagesTr/liver_0_0001.nii.gz": {alone},
        "labelsTr/liver_1.nii.gz": {"labels_without_image"},
        "imagesTr/liver_2_0000.nii.gz": {grid},
        "imagesTr/liver_2_0001.nii.gz": {grid},
        "labelsTr/liver_2.nii.gz": {grid},
        "imagesTr/liver_3_0000.nii.gz": {grid},
        "imagesTr/liver_3_0001.nii.gz": {grid},
        "labelsTr/liver_3.nii.gz": {grid},
        "labelsTr/liver_4.nii.gz": {wrong},
        "imagesTr/liver_5_0000.nii.gz": {"channels_differ"},
        "imagesTr/liver_6_0001.nii.gz": {grid},
        "labelsTr/liver_6.nii.gz": {grid},
        "labelsTr/liver_7.nii.gz": {wrong},
    }


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoiled")
    tree = nnunet(folder / "set")
    planted = spoil(tree)
    return tree, planted, Vetted(tree, folder / "out")


def test_every_planted_fault_is_named_and_nothing_else(spoiled):
    _, planted, vetted = spoiled
    assert vetted.codes == planted
    assert vetted.status == 3
    held = {path for path, row in vetted.rows.items() if row["decision"] == "quarantine"}
    assert held == planted.keys()
    # two cases more than the six that it says, one without an image
    (cases,) = vetted.stated("training_cases_differ")
    assert cases["value"] == 1
    assert cases["evidence"] == "7 cases are in imagesTr; numTraining is 6"


def test_values_and_words(spoiled):
    seen = spoiled[2].seen
    moved = seen["labelsTr/liver_2.nii.gz"]["labels_on_other_grid"]
    assert moved["value"] == pytest.approx(0.5, rel=1e-6)
    assert moved["evidence"] == "voxels of the same number lie up to 1 mm apart"
    assert moved["where"].startswith("imagesTr/liver_2_000")
    cut = seen["labelsTr/liver_3.nii.gz"]["labels_on_other_grid"]
    assert cut["value"] == pytest.approx(1.0)
    assert cut["evidence"] == "the image has 32 x 28 x 10 voxels, its labels 32 x 28 x 9"
    other = seen["labelsTr/liver_4.nii.gz"]["undeclared_labels"]
    assert (other["value"], other["evidence"]) == (1, "holds 7; declared are 0, 1, 2")
    half = seen["labelsTr/liver_7.nii.gz"]["undeclared_labels"]
    assert (half["value"], half["evidence"]) == (1, "holds 0.5; declared are 0, 1, 2")
    lost = seen["imagesTr/liver_5_0000.nii.gz"]["channels_differ"]
    assert lost["evidence"] == "the case has the channels 0000, dataset.json states 2 channels"


def test_two_processes_and_an_archive_give_the_same(spoiled, tmp_path):
    tree, planted, vetted = spoiled
    again = Vetted(tree, tmp_path / "out", processes=2)
    for name in ("manifest.csv", "manifest.parquet", "observations.parquet"):
        assert (again.output / name).read_bytes() == (vetted.output / name).read_bytes()
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(tree.rglob("*.*")):
            archive.write(path, path.relative_to(tree).as_posix())
    packed = Vetted(tmp_path / "set.zip", tmp_path / "packed")
    assert packed.codes == {f"set.zip: {path}": codes for path, codes in planted.items()}


def test_grids_are_compared_as_files_have_them(tmp_path):
    tree = nnunet(tmp_path / "set", cases=2)
    over = AFFINE @ np.array([[1, 0, 0, 0], [0, -1, 0, 27], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    # every label at its place in space, every row under another number: for looking, images are
    # turned over to one handedness, and the two would be the same
    save(tree / "labelsTr" / "liver_0.nii.gz", segmentation(0)[:, ::-1], over)
    seen = Vetted(tree, tmp_path / "out").seen
    assert seen.keys() == {
        f"{name}.nii.gz"
        for name in ("imagesTr/liver_0_0000", "imagesTr/liver_0_0001", "labelsTr/liver_0")
    }
    one = seen["labelsTr/liver_0.nii.gz"]["labels_on_other_grid"]
    assert one["value"] == pytest.approx(27.0)
    assert "the same places with axes turned over" in one["evidence"]


def test_a_case_of_the_training_among_those_for_testing(tmp_path):
    tree = nnunet(tmp_path / "set", cases=2)
    shutil.copyfile(tree / "imagesTr/liver_1_0000.nii.gz", tree / "imagesTs/liver_90_0000.nii.gz")
    rows = Vetted(tree, tmp_path / "out").rows
    found = {path for path, row in rows.items() if "duplicate_across_splits" in row["reasons"]}
    assert found == {"imagesTs/liver_90_0000.nii.gz"}


def test_two_sets_are_told_apart(tmp_path):
    first = nnunet(tmp_path / "all" / "Dataset001", cases=2)
    second = decathlon(tmp_path / "all" / "Task02", cases=2)
    describe(first, numTraining=7)
    describe(second, labels={"0": "background", "1": "liver"})
    vetted = Vetted(tmp_path / "all", tmp_path / "out")
    cases = {one["subject"]: one["value"] for one in vetted.stated("training_cases_differ")}
    assert cases == {"dataset.json 1 of 2": 5, "dataset.json 2 of 2": 0}
    assert vetted.codes == {
        f"Task02/labelsTr/pro_0{n}.nii.gz": {"undeclared_labels"} for n in range(2)
    }


def test_faults_of_decathlon(tmp_path):
    tree = decathlon(tmp_path / "set")
    (tree / "labelsTr" / "pro_00.nii.gz").unlink()
    (tree / "imagesTr" / "pro_01.nii.gz").unlink()
    save(tree / "imagesTr" / "pro_02.nii.gz", image(2)[..., None])
    save(tree / "imagesTr" / "new.nii.gz", np.stack([image(7), image(7, 350.0)], axis=-1))
    (tree / "labelsTr" / "pro_03.nii.gz").rename(tree / "labelsTr" / "three.nii.gz")
    describe(
        tree,
        training=[
            {
                "image": f"imagesTr/pro_{n:02d}.nii.gz",
                "label": f"labelsTr/{'three' if n == 3 else f'pro_{n:02d}'}.nii.gz",
            }
            for n in range(6)
        ],
    )
    vetted = Vetted(tree, tmp_path / "out")
    assert vetted.codes == {
        "imagesTr/pro_00.nii.gz": {"image_without_labels"},
        "labelsTr/pro_01.nii.gz": {"labels_without_image"},
        "imagesTr/pro_02.nii.gz": {"channels_differ"},
        "imagesTr/new.nii.gz": {"image_without_labels"},
    }
    (cases,) = vetted.stated("training_cases_differ")
    assert cases["value"] == 2
    assert cases["evidence"] == (
        "6 cases are in imagesTr; numTraining is 6; 1 of 6 listed are not there; 1 are not listed"
    )


def test_the_first_nnunet_lists_images_without_their_channels(tmp_path):
    tree = nnunet(tmp_path / "set", cases=3)
    listed = [
        {"image": f"./imagesTr/liver_{n}.nii.gz", "label": f"./labelsTr/liver_{n}.nii.gz"}
        for n in range(3)
    ]
    names = {"0": "CT", "1": "PET"}
    labels_ = {"0": "background", "1": "liver", "2": "tumor"}
    describe(tree, channel_names=None, file_ending=None, modality=names, labels=labels_,
             training=listed)  # fmt: skip
    save(tree / "imagesTr" / "liver_0_0000.nii.gz", 3 * image(0))
    save(tree / "imagesTr" / "liver_0_0001.nii.gz", 3 * image(0, 350.0))
    vetted = Vetted(tree, tmp_path / "out")
    assert vetted.seen == {}
    assert vetted.stated("training_cases_differ")[0]["value"] == 0
    found = {path: row["modality"] for path, row in vetted.rows.items() if "images" in path}
    assert {path[-11:-7]: modality for path, modality in found.items()} == {
        "0000": "CT", "0001": "PT",
    }  # fmt: skip
    # examined as what they are: the air of a CT is not at -1000 HU
    assert "hu_implausible" in vetted.rows["imagesTr/liver_0_0000.nii.gz"]["reasons"]
    assert "hu_implausible" not in vetted.rows["imagesTr/liver_0_0001.nii.gz"]["reasons"]


def test_another_dataset_json_examines_anew(spoiled, tmp_path, monkeypatch):
    # as in a large set: what lies in the other folders has not changed
    monkeypatch.setattr(listing, "CHUNK", 1)
    tree = tmp_path / "set"
    shutil.copytree(spoiled[0], tree)
    before = Vetted(tree, tmp_path / "out").codes
    describe(tree, labels={"background": 0, "liver": 1, "parts": [1, 2], "ignore": 7})
    after = Vetted(tree, tmp_path / "out").codes
    assert before.keys() - after.keys() == {"labelsTr/liver_4.nii.gz"}


def test_a_table_counts_more(tmp_path, capsys):
    tree = nnunet(tmp_path / "set", cases=2)
    lines = ["path,modality,split"]
    lines += [f"imagesTr/liver_{n}_0000.nii.gz,PT,fold {n}" for n in range(2)]
    (tmp_path / "known.csv").write_text("\n".join(lines), "utf-8")
    vetted = Vetted(tree, tmp_path / "out", "--table", tmp_path / "known.csv")
    modality = {path: row["modality"] for path, row in vetted.rows.items()}
    assert modality["imagesTr/liver_0_0000.nii.gz"] == "PT"
    assert modality["imagesTr/liver_0_0001.nii.gz"] == "MR"
    assert vetted.codes == {
        f"imagesTr/liver_{n}_0000.nii.gz": {"modality_differs"} for n in range(2)
    }
    assert {row["decision"] for row in vetted.rows.values()} == {"keep"}
    assert vetted.stated("split_by_folder") == []
    assert "6 no split" in vetted.stated("leakage_unknown")[0]["evidence"]
    assert "than headers or dataset.json state" in capsys.readouterr().err


def test_a_damaged_description_is_said_and_the_rest_goes_on(tmp_path, capsys):
    tree = nnunet(tmp_path / "set", cases=2)
    (tree / "dataset.json").write_text('{"labels": ', "utf-8")
    vetted = Vetted(tree, tmp_path / "out")
    assert vetted.status == 0
    (wrong,) = vetted.stated("dataset_json_wrong")
    assert wrong["value"] == 1
    assert wrong["evidence"] == "it is no JSON (JSONDecodeError): nothing of it is used"
    assert "dataset.json" in capsys.readouterr().err
    assert vetted.stated("pairs")[0]["value"] == 4  # by the names of folders alone
    assert "4 of 4 grids" in vetted.stated("pairs")[0]["evidence"]
    # what nobody stated is not 0
    not_run = vetted.told["not_run"].keys()
    assert {"undeclared_labels", "channels_differ", "training_cases_differ"} <= not_run
    assert "pairing" not in not_run
    assert {row["modality"] for row in vetted.rows.values()} == {"", "SEG"}


def test_without_such_folders_nothing_is_checked(tmp_path):
    for n in range(2):
        save(tmp_path / "set" / f"{n}.nii.gz", image(n))
    (tmp_path / "set" / "dataset.json").write_text("{}", "utf-8")
    vetted = Vetted(tmp_path / "set", tmp_path / "out")
    wanted = {"pairing", "dataset_json", "duplicate_across_splits", "undeclared_labels"}
    assert wanted <= vetted.told["not_run"].keys()
    assert vetted.seen == {}
