"""`qiqa warmup`: says how long it took and where the code is kept."""

import json

import pytest


@pytest.fixture
def compiled(monkeypatch):
    """Return a function that lets the compiling itself answer with a folder, at once."""

    def answer(folder):
        def warmup(tell):
            tell("compiling t1_vfa")
            return folder

        monkeypatch.setattr("qiqa.fitting.warmup", warmup, raising=False)

    return answer


def test_it_says_where(qiqa, compiled):
    compiled("/var/cache/numba")
    ran = qiqa("warmup")
    assert ran.code == 0
    assert ran.out.startswith("compiled in 0.")
    assert "kept     /var/cache/numba" in ran.out


def test_without_a_folder_it_says_so(qiqa, compiled):
    compiled(None)
    assert "no cache folder is writable" in qiqa("warmup").out


def test_json(qiqa, compiled):
    compiled("/var/cache/numba")
    ran = qiqa("warmup", "--json", "-")
    found = json.loads(ran.out)
    assert found["schema"] == "qiqa.warmup/1"
    assert found["cache"] == "/var/cache/numba"
    assert found["seconds"] >= 0
    assert "compiled in" in ran.err


def test_it_takes_no_operand(qiqa):
    assert qiqa("warmup", "t1").code == 2
