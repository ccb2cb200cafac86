"""The same content gives the same bytes; what has no JSON form is refused."""

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiqa.core.canonical import canonical_json, digest, plain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcµ"), inner),
    max_leaves=8,
)


@dataclasses.dataclass
class Point:
    x: float
    tags: tuple[str, ...] = ()


class Color(enum.Enum):
    RED = "red"


def test_plain_forms():
    assert plain(Point(x=math.nan, tags=("a",))) == {"x": None, "tags": ["a"]}
    assert plain({Color.RED: Color.RED, 1: math.inf}) == {"Color.RED": "red", "1": None}
    assert plain([np.float32(0.5), np.int16(3), np.bool_(True), -math.inf]) == [0.5, 3, True, None]
    assert plain(dt.datetime(2024, 5, 6, tzinfo=dt.UTC)) == "2024-05-06T00:00:00+00:00"
    assert plain(dt.date(2024, 5, 6)) == "2024-05-06"


@pytest.mark.parametrize("value", [np.zeros(3), {1, 2}, b"raw", object(), Point, 1j])
def test_no_json_form(value):
    with pytest.raises(TypeError, match="has no JSON form"):
        plain([value])


def test_known_text_and_hash():
    text = canonical_json({"b": 0.1 + 0.2, "a": [1, None, "µ"]})
    assert text == '{"a":[1,null,"µ"],"b":0.30000000000000004}'
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_reads_back_equal(value):
    assert json.loads(canonical_json(value)) == value


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text("abc"), JSON, min_size=2))
def test_order_of_keys_does_not_matter(value):
    turned = dict(reversed(value.items()))
    assert digest(turned) == digest(value)
