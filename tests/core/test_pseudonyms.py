"""Pseudonyms and shifts: repeatable with the key, meaningless without, and undone by its holder."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiqa.core.errors import UsageError
from qiqa.core.pseudonyms import (
    LONGEST_SHIFT_DAYS,
    PseudonymKey,
    participant_pseudonym,
    pseudonym,
    shift,
    shift_days,
    uid_pseudonym,
    unshift,
)
from qiqa.core.scanner import Scanner

KEY = PseudonymKey(b"0123456789abcdef0123456789abcdef")
OTHER = PseudonymKey(b"0123456789abcdef0123456789abcdeg")


def test_the_digest_is_hmac_sha256_of_texts_with_their_lengths():
    message = b"".join(len(t).to_bytes(8, "big") + t for t in (b"uid", b"1.2.3"))
    expected = hmac.new(KEY.secret, message, hashlib.sha256).digest()
    assert KEY.digest("uid", "1.2.3") == expected
    assert uid_pseudonym("1.2.3", KEY) == f"2.25.{int.from_bytes(expected[:16], 'big')}"
    assert KEY.digest("a", "bc") != KEY.digest("ab", "c")


def test_a_short_key_is_refused_and_none_is_shown():
    with pytest.raises(UsageError, match="31 bytes, at least 32"):
        PseudonymKey(b"x" * 31)
    assert "0123" not in repr(KEY)


@given(st.text(max_size=30), st.dates(dt.date(1985, 1, 1), dt.date(2100, 1, 1)))
def test_a_date_comes_back_with_the_key_alone(patient_id, date):
    who = participant_pseudonym(patient_id, KEY)
    moved = shift(date, who, KEY)
    assert 1 <= (date - moved).days <= LONGEST_SHIFT_DAYS
    assert unshift(moved, who, KEY) == date
    assert len(uid_pseudonym(patient_id, KEY)) <= 64


def test_a_moment_keeps_its_time_of_day():
    who = participant_pseudonym("4711", KEY)
    moment = dt.datetime(2026, 3, 4, 5, 6, 7)
    assert shift(moment, who, KEY).time() == moment.time()
    assert unshift(shift(moment, who, KEY), who, KEY) == moment


def test_a_real_id_is_no_pseudonym():
    with pytest.raises(UsageError, match="'4711' is no pseudonym"):
        unshift(dt.date(2026, 1, 1), "4711", KEY)


def test_keys_and_people_differ():
    names = [f"patient {n}" for n in range(2000)]
    assert len({participant_pseudonym(n, KEY) for n in names}) == 2000
    days = [shift_days(participant_pseudonym(n, KEY), KEY) for n in names]
    # uniform on 1..3650: mean 1825.5, SD of the mean 3650/sqrt(12*2000) = 23.6; five of them
    assert abs(sum(days) / 2000 - 1825.5) < 118
    assert participant_pseudonym("a", KEY) != participant_pseudonym("a", OTHER)
    assert participant_pseudonym(" a ", KEY) == participant_pseudonym("a", KEY)


def test_a_scanner_and_its_identity_have_one_pseudonym():
    scanner = Scanner(manufacturer="SIEMENS Healthineers", serial_number="46229")
    name = pseudonym(scanner, KEY)
    assert name == pseudonym("SIEMENS 46229", KEY)
    maker, serial = name.split()
    assert maker == "SIEMENS"
    assert "46229" not in serial
    # what a de-identified header says reads back as the same identity
    again = Scanner(manufacturer="SIEMENS Healthineers", serial_number=serial)
    assert again.identity == name
    assert shift_days(name, KEY) == shift_days(serial, KEY)


def test_a_given_name_leaks_nothing_and_an_unknown_scanner_has_none():
    assert "Mercy" not in pseudonym(Scanner(given_name="Mercy Hospital 2"), KEY)
    assert "Mercy" not in pseudonym("Mercy Hospital 2", KEY)
    assert pseudonym(Scanner(manufacturer="GE"), KEY) is None
