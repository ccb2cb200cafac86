"""An exam is stored once, whole, and superseded by name."""


def test_rows_come_back_as_they_were_measured(store, make_result, now, acquired):
    saved = store.save(make_result(), user="jd", now=now)
    assert (saved.created, saved.superseded_id) == (True, None)
    first, second, third = store.rows()
    assert first["name"] == "diameter_slice1_lr"
    assert first["value"] == 190.25
    assert first["standard_uncertainty"] == 0.1 + 0.2
    assert first["interval"] == [189.65, 190.85]
    assert first["limits"]["action"] == [187.0, 193.0]
    assert first["acquired_at"] == acquired
    assert first["scanner"] == "SIEMENS 26271"
    assert second["interval"] == [90.0, None]
    assert third["value"] is None
    assert third["reason"] == "the ramps are cut off"
    assert store.verify() == ()
