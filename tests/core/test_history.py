"""What in an acquisition starts a new epoch, and how that is said."""

from __future__ import annotations

import dataclasses

from qiqa.core.canonical import plain
from qiqa.core.history import epoch_key, settings_changed, settings_key
from qiqa.core.scanner import Acquisition, Reconstruction

ACQUISITION = Acquisition(software="VA20", te_ms=20.0, tr_ms=500.0, slice_spacing_mm=10.0)


def test_the_last_digits_of_a_number_are_no_setting():
    one = dataclasses.replace(ACQUISITION, slice_spacing_mm=10.0)
    near = dataclasses.replace(ACQUISITION, slice_spacing_mm=10.000003)
    other = dataclasses.replace(ACQUISITION, slice_spacing_mm=10.5)
    assert epoch_key(one) == epoch_key(near) != epoch_key(other)


def test_changed_settings_are_said_in_words():
    old = plain(dataclasses.replace(ACQUISITION, software="VA20", te_ms=20.0))
    new = plain(dataclasses.replace(ACQUISITION, software="VA30", te_ms=20.000001))
    assert settings_changed(old, new) == "software: VA20 to VA30"
    assert settings_key(old) != settings_key(new)


def test_a_reconstruction_that_changed_is_said_too():
    old = plain(
        dataclasses.replace(ACQUISITION, reconstruction=Reconstruction(interpolation=False))
    )
    new = plain(dataclasses.replace(ACQUISITION, reconstruction=Reconstruction(interpolation=True)))
    assert settings_changed(old, new) == "interpolation: False to True"


def test_readouts_are_no_settings():
    old, new = plain(ACQUISITION), plain(dataclasses.replace(ACQUISITION, temperature_degc=22.0))
    assert settings_key(old) == settings_key(new)
    assert settings_changed(old, new) == ""
