"""Ctrl-C at the worst moments: inside a constructor, inside a destructor, and not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")

START = """
import os, signal, sys, time
{before}
from qiqa.cli.interruption import prepare_for_interruption
prepare_for_interruption()
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
class Half:
    def __init__(self):
        {constructor}
        self.whole = True
    def __del__(self):
        {destructor}
try:
    half = Half()
    del half
    for _ in range(100):
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted")
else:
    print("ran to its end")
"""


def run(constructor: str, destructor: str, before: str = "") -> subprocess.CompletedProcess[str]:
    script = START.format(constructor=constructor, destructor=destructor, before=before)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_half_built_object_says_nothing():
    done = run("interrupt()", "self.whole")
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_an_interruption_inside_a_destructor_is_not_lost():
    done = run("pass", "interrupt()")
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_a_failing_destructor_is_told_when_nobody_interrupted():
    done = run("pass", "self.missing")
    assert done.stdout == "ran to its end\n"
    assert "AttributeError" in done.stderr


def test_a_handler_of_somebody_else_stays():
    before = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    done = run("interrupt()", "pass", before)
    assert (done.stdout, done.stderr) == ("ran to its end\n", "")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


HANDED_BACK = """
import os, signal, time
from qiqa.cli.interruption import prepare_for_interruption
prepare_for_interruption()
def _numba_unpickle():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.001)
try:
    try:
        _numba_unpickle()
    except BaseException:
        pass  # as numba does
    for _ in range(100):
        time.sleep(0.01)
except KeyboardInterrupt:
    print("interrupted")
else:
    print("ran to its end")
"""


def test_an_interruption_where_numba_hands_an_array_back_is_not_lost():
    done = subprocess.run(
        [sys.executable, "-c", HANDED_BACK], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    from numba.core import serialize

    assert callable(serialize._numba_unpickle)  # its name is what is looked for


ECHO = """
import os, signal, sys, time
from qiqa.cli import app, main
def dispatch(given):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    except BaseException:
        pass  # dropped, as by a compiler that is called back
    raise RuntimeError("no compiled object yet")
app._dispatch = dispatch
main()
"""


def test_a_failure_that_an_interruption_left_behind_is_an_interruption():
    done = subprocess.run(
        [sys.executable, "-c", ECHO], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "interrupted; nothing half done was kept\n"
