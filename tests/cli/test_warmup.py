"""`qiqa warmup`: says how long it took and where the code is kept."""

import json

import pytest


@pytest.fixture
def compiled(monkeypatch):
    """Return a function that lets the compiling itself answer with a folder, at once."""

    def answer(folder, broken=None):
        def warmup(tell):
            tell("compiling t1_vfa")
            models = {"t1_vfa": 1.5}
            return models | ({"t2": broken} if broken else {}), folder

        monkeypatch.setattr("qiqa.fitting.warmup.warmup", warmup)
        monkeypatch.setattr("qiqa.workflows.vet_warmup.warm_vetting", lambda _: 2.5)

    return answer


def test_it_says_where(qiqa, compiled):
    compiled("/var/cache/numba")
    ran = qiqa("warmup")
    assert ran.code == 0
    assert ran.out.startswith("compiled 1 models and vetting in 0.")
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
    assert found["models"] == {"t1_vfa": 1.5}
    assert found["vetting"] == 2.5
    assert "compiled 1 models and vetting in" in ran.err


def test_a_model_that_cannot_be_used_is_named(qiqa, compiled):
    compiled("/var/cache/numba", broken="no such engine")
    ran = qiqa("warmup")
    assert ran.code == 1
    assert "not t2: no such engine" in ran.out


def test_it_takes_no_operand(qiqa):
    assert qiqa("warmup", "t1").code == 2
