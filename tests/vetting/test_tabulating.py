"""Series to columns: each value in its row, wherever the columns are made."""

from __future__ import annotations

import numpy as np
import pytest

from qiqa.core.vetting import Examined, SeriesSummary
from qiqa.io.policy_file import default_policy_text, parse_policy
from qiqa.store import scratch
from qiqa.store.scratch import Scratch
from qiqa.vetting.checking import examine_set
from qiqa.vetting.signature.layout import PLANES, SPOTS, pack
from qiqa.vetting.tabulating import tabulate
from qiqa.workflows.vet_checks import known_checks


def _series(row, texts, numbers, date="", features=None, signature=b""):
    seen = Examined(features=features or {}, signature=signature)
    return SeriesSummary(
        path=f"a/{row}",
        series_uid=f"1.2.{row}",
        texts=texts,
        numbers=numbers,
        date=date,
        files=3,
        size=100,
        seen="",
        examined=seen,
    )


@pytest.fixture(params=["memory", "files"])
def space(request, tmp_path, monkeypatch):
    """Return where columns are made; in files however small they are."""
    monkeypatch.setattr(scratch, "_SMALL", 0)
    return np.zeros if request.param == "memory" else Scratch(tmp_path)


def test_each_value_stands_in_its_row(space):
    table = tabulate(
        [
            _series(0, {"site": "B"}, {"te_ms": 2.34}),
            _series(
                1, {"site": "A", "patient": "00ff" * 4}, {}, "2026-01-31", {"snr": 7.0}, b"xyz"
            ),
            _series(2, {"patient": "0011" * 4}, {"te_ms": 0.1, "age": 5}, features={"efc": 1e300}),
            _series(3, {"site": "B"}, {}, "1969-12-31", {"snr": -1e39, "efc": np.nan}, b"pq"),
        ],
        4,
        space,
    )
    assert list(table.path) == ["a/0", "a/1", "a/2", "a/3"]
    assert list(table.series_uid) == ["1.2.0", "1.2.1", "1.2.2", "1.2.3"]
    assert list(table.text("site")) == ["B", "A", "", "B"]
    assert list(table.text("site").names) == ["A", "B"]
    assert list(table.text("patient")) == ["", "00ff" * 4, "0011" * 4, ""]
    assert list(table.numbers) == ["age", "te_ms"]
    np.testing.assert_array_equal(table.number("te_ms"), [2.34, np.nan, 0.1, np.nan])
    np.testing.assert_array_equal(table.number("age"), [np.nan, np.nan, 5, np.nan])
    assert table.date.astype(str).tolist() == ["NaT", "2026-01-31", "NaT", "1969-12-31"]
    assert table.features == ("efc", "snr")
    np.testing.assert_array_equal(
        table.values, [[np.nan] * 2, [np.nan, 7], [np.inf, np.nan], [np.nan, -np.inf]]
    )
    assert [row.tobytes() for row in table.signatures] == [bytes(3), b"xyz", bytes(3), b"pq\0"]


def test_a_set_without_series_or_without_any_image(space):
    empty = tabulate([], 0, space)
    assert len(empty) == 0
    assert empty.values.shape == (0, 0)
    bare = tabulate([_series(0, {}, {})], 1, space)
    assert bare.values.shape == (1, 0)
    assert bare.signatures is None


def _set(n):
    """Yield series of three scanners; some are copies, derived, far off or of another setting."""
    rng = np.random.default_rng(5)
    views = rng.integers(0, 2**62, (n, PLANES + SPOTS, 2))
    views[n // 2 : n // 2 + 9] = views[:9]
    for row in range(n):
        own = [tuple(view) for view in views[row].tolist()]
        digest = int(row if row % 2 else row % (n // 2)).to_bytes(16, "little")
        yield _series(
            row,
            {
                "patient": f"{row // 2:016x}",
                "instance_uids": f"{row % 70:016x}",
                "site": f"site {row % 3}",
                "scanner": f"scanner {row % 3}",
                "modality": "MR",
                "image_type": "DERIVED" if row % 11 == 3 else "ORIGINAL",
            },
            {"te_ms": 10.0 if row % 37 else 20.0, "tr_ms": 500.0},
            "2026-01-31",
            {f"f{j}": float(v) for j, v in enumerate(rng.normal(row == 8, 1 + 9 * (row == 9), 6))},
            pack(digest, own[:PLANES], own[PLANES:]),
        )


def test_where_columns_are_made_changes_nothing_that_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "_SMALL", 0)
    policy = parse_policy(default_policy_text().encode(), known_checks(), "default policy")
    here = examine_set(tabulate(_set(90), 90), policy)
    there = examine_set(tabulate(_set(90), 90, Scratch(tmp_path)), policy)
    codes = {one.code for answer in here.values() for _, one in answer.observations}
    assert codes >= {
        "duplicate_exact",
        "duplicate_near",
        "protocol_departs",
        "repeated_instance_uid",
    }
    assert repr(here) == repr(there)  # NaN equals nothing
