"""A volume with several inversion times: T1 of the spheres of all plates, from its own voxels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.core.series import Encoding
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.measure import insert_means, insert_voxels
from qiqa.workflows.mapping_inserts import conditions_of, mapped_views

TI_MS = (50.0, 150.0, 400.0, 900.0, 2000.0, 3000.0)
TR_MS, T1_MS = 4500.0, 480.0


@pytest.fixture(scope="module")
def view(system_phantom):
    """Spheres all hold one liquid; the bath and all else follow it, only dimmer."""
    phantom, protocol = load_phantom("nist_system"), load_protocol("inserts")
    rotation = system_phantom.random_rotation(np.random.default_rng(9))
    scene = system_phantom.Scene(rotation=rotation, voxel_mm=(1.5, 1.5, 1.5), snr=1e6)
    plain = system_phantom.rendered(phantom, scene)
    recovered = np.abs(1 - 1.92 * np.exp(-np.array(TI_MS) / T1_MS))
    scale = 3000.0 / float(plain.signal.max())
    rng = np.random.default_rng(5)
    signal = plain.signal[..., :1] * (scale * recovered).astype(np.float32)
    signal = np.asfortranarray(np.abs(signal + rng.normal(0, 10, signal.shape)), dtype=np.float32)
    acquisition = dataclasses.replace(plain.header.acquisition, tr_ms=TR_MS, te_ms=8.0)
    header = dataclasses.replace(
        plain.header,
        shape=signal.shape,
        encoding=Encoding(name="inversion_time", values=TI_MS, unit="ms"),
        frames=plain.header.frames * len(TI_MS),
        acquisition=acquisition,
    )
    series = dataclasses.replace(plain, header=header, signal=signal, stored_range=(0.0, 4095.0))
    views, failed, _ = mapped_views([series], phantom, protocol, conditions_of(protocol, {}, 3.0))
    assert not failed
    return views[0]


def test_spheres_of_all_plates_read_the_t1_that_was_put_in(view):
    assert view.kind == "inserts"
    assert view.pose.labels == "independent"
    assert {i.group for i in view.pose.inserts} == {"T1", "T2", "PD"}
    means = insert_means(view)
    assert len(means) == 42
    for label, (value, error) in means.items():
        assert value == pytest.approx(T1_MS, rel=0.02, abs=3 * error), label


def test_voxels_are_those_within_the_liquid(view):
    """Of 15 mm across, less a voxel and the place's uncertainty all around: about 11 mm."""
    sizes = np.array(view.series.header.voxel_size_mm)
    at = {item.label: np.array(item.center_voxel) for item in view.pose.inserts}
    for label, index in insert_voxels(view).items():
        r = np.linalg.norm((np.stack(index, -1) - at[label]) * sizes, axis=1)
        assert r.max() <= 7.5 - 1.5
        assert len(r) > 40
