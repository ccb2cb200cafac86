"""Sharing work with other processes: the same results, and nothing left behind."""

import functools
import io
import os
import pickle
import threading
import time

import pytest

from qiqa.workflows import sharing
from qiqa.workflows.sharing import processes_for, shared

# Items are evaluated, so that the other process needs nothing but Python. The first is for this
# process, the last for the other one; this one waits until that has written its number.
SLEEP = "__import__('time').sleep"
WRITE = """(lambda os, p: (p.with_suffix('.part').write_text(str(os.getpid())),
p.with_suffix('.part').replace(p), os.getpid())[-1])(
__import__('os'), __import__('pathlib').Path({path!r}))"""
WAIT = (
    f"[None for _ in iter(lambda: __import__('os').path.exists({{path!r}}) or {SLEEP}(0.01), True)]"
)
STOP = "(_ for _ in ()).throw(KeyboardInterrupt)"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pid"


@pytest.fixture
def wait(file):
    return WAIT.format(path=str(file))


@pytest.fixture
def write(file):
    return WRITE.format(path=str(file))


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_are_in_order_whoever_made_them():
    items = list(range(200))
    assert shared(functools.partial(pow, 3), items, 2) == [3**item for item in items]


def test_one_process_tells_of_every_item():
    told = []
    assert shared(abs, [-1, 2, -3], 1, told.append) == [1, 2, 3]
    assert told == [0, 1, 2]


def test_nothing_to_do_is_done():
    assert shared(abs, [], 2) == []


def test_the_other_process_does_its_part_and_is_gone_then(wait, write):
    found = shared(eval, [wait, "1 + 1", write], 2)
    assert found[1] == 2
    assert found[2] != os.getpid()
    if os.name == "posix":
        assert not is_running(found[2])


def test_a_failure_is_told_as_if_nothing_had_been_shared(wait, write):
    with pytest.raises(ZeroDivisionError):
        shared(eval, [wait, f"[{write}, 1 // 0]"], 2)


def test_what_a_process_that_died_left_undone_is_done_here(wait, write):
    dies = (
        f"__import__('os').getpid() == {os.getpid()} and 'done here' or "
        f"[{write}, __import__('os')._exit(3)]"
    )
    assert shared(eval, [wait, dies], 2)[1] == "done here"


def test_what_cannot_be_handed_over_is_done_here():
    assert shared(lambda item: item + 1, [1, 2, 3], 2) == [2, 3, 4]


def test_without_another_process_this_one_does_all(monkeypatch):
    monkeypatch.setattr(sharing.sys, "executable", "/nowhere/python")
    assert shared(abs, [-1, -2], 2) == [1, 2]


@pytest.mark.skipif(os.name != "posix", reason="asks for a process by its number")
def test_an_interruption_leaves_nothing_behind(file, wait, write):
    with pytest.raises(KeyboardInterrupt):
        shared(eval, [f"[{wait}, next({STOP})]", f"[{write}, {SLEEP}(600)]"], 2)
    assert not is_running(int(file.read_text(encoding="utf-8")))
    assert threading.enumerate() == [threading.main_thread()]


def test_a_process_that_is_not_up_in_time_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(sharing, "_START", "import time; time.sleep(600)")
    began = time.monotonic()
    assert shared(abs, [-1, -2], 2) == [1, 2]
    assert time.monotonic() - began < 300.0


def test_few_values_are_not_worth_a_process(monkeypatch):
    monkeypatch.setattr(sharing, "thread_count", lambda _: 8)
    assert [processes_for(n) for n in (0, 1_999_999, 2_000_000, 10**9)] == [1, 1, 2, 3]
    monkeypatch.setattr(sharing, "thread_count", lambda _: 1)
    assert processes_for(10**9) == 1


def test_the_other_process_serves_until_its_pipe_closes():
    given = io.BytesIO(b"".join(pickle.dumps(what) for what in (abs, -5, -6)))
    back = io.BytesIO()
    sharing.serve(given, back)
    assert back.getvalue() == b"".join(
        pickle.dumps(what, pickle.HIGHEST_PROTOCOL) for what in (True, 5, 6)
    )
