"""On a terminal: questions, progress, colors. A pseudo-terminal plays the person."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")
ROOT = Path(__file__).resolve().parents[2]


def talk(home, *arguments, answers=(), timeout_s=90, env=None):
    """Run a command on a terminal of its own, answering questions; return status and screen.

    `answers` are (text to wait for, text to type) in order.
    """
    master, slave = pty.openpty()

    def own_the_terminal():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches it as a signal

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **(env or {})}
    running = subprocess.Popen(
        [sys.executable, "-m", "qiqa", *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=home,
        env=environment,
        start_new_session=True,
        preexec_fn=own_the_terminal,  # noqa: PLW1509 - no threads here
    )
    os.close(slave)
    waiting, screen, start = list(answers), "", time.monotonic()
    seen = 0
    while time.monotonic() - start < timeout_s:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                data = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            screen += data.decode("utf-8", "replace")
        while waiting and waiting[0][0] in screen[seen:]:
            text, typed = waiting.pop(0)
            seen = screen.index(text, seen) + len(text)
            os.write(master, typed.encode("utf-8"))
    os.close(master)
    return running.wait(timeout=10), screen


def test_asking(home, exam):
    questions = [
        ("Serial number of the phantom: ", "J 4711\n"),
        ("Your initials: ", "AB\n"),
        ("Temperature of the phantom or room [degC]: ", "warm\n"),  # refused, asked again
        ("'warm' is not a number", ""),
        ("[degC]: ", "21,5\n"),
        ("(yes / no / not checked): ", "yes\n"),
        ("Transmitter gain", "\n"),  # left open
        ("Visual checklist", "\n"),
        ("What was found: ", "\x04"),  # Ctrl-D: the rest is left open
    ]
    code, screen = talk(
        home, "qc", exam / "localizer", "--ask", "--no-store", "--json", "r.json",
        answers=questions,
    )  # fmt: skip
    assert code == 5
    entered = json.loads((home / "r.json").read_text(encoding="utf-8"))["entries"]
    assert entered == {
        "phantom_unit": "J 4711",
        "initials": "AB",
        "temperature": "21.5",
        "table_position": "yes",
    }
    assert "to be entered: Visual checklist" in re.sub(r"\x1b\[[\d;]*[mK]", "", screen)


def test_interrupting_the_questions(home, exam):
    code, screen = talk(home, "qc", exam, "--ask", answers=[("Serial number", "\x03")])
    assert code == 130
    assert "interrupted" in screen
    assert "Traceback" not in screen
    assert list(home.iterdir()) == []


def test_progress_and_colors_are_for_terminals(home, exam):
    code, screen = talk(home, "qc", exam / "localizer", "--no-store")
    assert code == 5
    assert "reading headers" in screen
    assert "measuring localizer" in screen
    assert re.search(r"\x1b\[[\d;]*32[\d;]*mPass", screen)
    # the last thing on the line of progress is its removal
    assert screen.rindex("measuring") < screen.rindex("\r\x1b[K") < screen.index(" NOT EVALUATED ")


def test_no_color_where_none_is_wanted(home, exam):
    _, screen = talk(home, "qc", exam / "localizer", "--no-store", env={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[\d;]*3[0-7][\d;]*m", screen)


def test_asking_needs_a_terminal(process, exam):
    ran = process("qc", exam, "--ask", stdin=subprocess.DEVNULL)
    assert ran.code == 2
    assert "--ask needs a terminal" in ran.err
    assert "--enter FILE" in ran.err
