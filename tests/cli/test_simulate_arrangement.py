"""`qiqa simulate` of spheres and tubes: written, indexed, read back."""

import json

import numpy as np
import pytest

from qiqa.io import load, read
from qiqa.io.read_map import read_map


def test_inversion_times_are_series_of_their_own(qiqa):
    ran = qiqa("simulate", "nist_system", "out", "--kind", "ir", "--json", "-",
               "--swap", "T1-1,T1-2")  # fmt: skip
    payload = json.loads(ran.out)
    assert len(payload["files"]) == 10
    inserts = payload["truth"]["ir"]["inserts"]
    t1 = {insert["label"]: insert["filling"]["t1_ms"] for insert in inserts}
    assert t1["T1-1"] < t1["T1-2"]
    assert "inversion recovery" in qiqa("index", "out").out


@pytest.mark.parametrize("style", ["siemens", "ge", "philips"])
def test_diffusion_reads_back_as_one_series(qiqa, style):
    """The ADC of the central vial is the certificate's: 2.000e-3 mm²/s at 20 °C."""
    ran = qiqa("simulate", "qiba_diffusion", "out", "--style", style, "--json", "-")
    truth = json.loads(ran.out)["truth"]["dwi"]
    (header,) = read(["out"]).headers
    assert header.encoding.name == "b_value"
    assert header.encoding.values == (0.0, 500.0, 900.0, 2000.0)
    series = load(header)
    center = next(item for item in truth["inserts"] if item["label"] == "PVP0-center")
    signal = series.signal[tuple(np.array(center["roi_voxels"]).T)].mean(axis=0)
    assert np.log(signal[0] / signal[2]) / 900 == pytest.approx(2.000e-3, rel=0.01)


def test_an_echo_train_reads_back_as_one_series(qiqa):
    qiqa("simulate", "nist_system", "out", "--kind", "mse")
    (header,) = read(["out"]).headers
    assert header.encoding.name == "echo_time"
    assert header.encoding.values == tuple(10.0 * n for n in range(1, 33))
    assert header.shape == (192, 192, 1, 32)


def test_written_inversion_recovery_maps_to_the_certificate(qiqa, home):
    """Files, read as any scan's, joined and fitted, give back T1 within 1 %."""
    ran = qiqa("simulate", "nist_system", "out", "--kind", "ir", "--json", "-")
    truth = json.loads(ran.out)["truth"]["ir"]
    assert qiqa("map", "t1", "out", "-o", "maps").code == 0
    (path,) = (p for p in (home / "maps").rglob("*_T1map.nii.gz") if "desc" not in p.name)
    t1_s = read_map(path)[0]  # BIDS: seconds
    checked = 0
    for insert in truth["inserts"]:
        if insert["group"] == "T1" and insert["filling"]["t1_ms"] > 50:
            voxels = tuple(np.array(insert["roi_voxels"]).T)
            found = 1000 * np.nanmedian(t1_s[voxels])
            assert found == pytest.approx(insert["filling"]["t1_ms"], rel=0.01)
            checked += 1
    assert checked == 11


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "fse"], "kind is 'fse'"),
        (["--swap", "T1-1"], "--swap"),
        (["--temperature", "60"], "60 °C is outside"),
        (["--missing", "nothing"], "'nothing'"),
        (["--thickness", "3"], "--thickness: has no meaning for nist_system"),
    ],
)
def test_what_cannot_be_simulated_is_said(qiqa, options, said):
    ran = qiqa("simulate", "nist_system", "out", *options)
    assert ran.code in (1, 2)  # 2: a wrong option
    assert said in ran.err
