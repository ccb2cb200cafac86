"""Pieces of work: each is done once, whatever happens to the processes."""

from __future__ import annotations

import importlib
import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from qiqa.workflows.executing import Failed, Processes, _submitted


@pytest.fixture
def pieces(monkeypatch):
    """Return a module that the other processes import by its name, as they do with qiqa's."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("pieces_of_work")


def test_everything_is_done_once(pieces):
    got = list(Processes(2).run(pieces.square, iter(range(50))))
    assert sorted(got) == [(x, x * x) for x in range(50)]


def test_items_are_taken_as_they_are_needed(pieces):
    taken = []

    def items():
        for x in range(1000):
            taken.append(x)
            yield x

    work = Processes(2).run(pieces.square, items())
    next(work)
    assert len(taken) <= 20
    work.close()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_piece_that_kills_is_failed_and_the_others_stand(pieces):
    got = dict(Processes(2).run(pieces.mortal, range(30)))
    assert isinstance(got[7], Failed)
    assert {x: y for x, y in got.items() if x != 7} == {x: x for x in range(30) if x != 7}


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_piece_that_died_once_is_done(pieces, tmp_path):
    items = [(x, str(tmp_path / "flag")) for x in range(12)]
    got = list(Processes(2).run(pieces.once_mortal, items))
    assert sorted(x for _, x in got) == list(range(12))


def test_errors_of_the_work_are_raised(pieces):
    with pytest.raises(TypeError):
        list(Processes(1).run(pieces.square, ["a"]))


def test_a_piece_that_a_broken_pool_does_not_take_is_not_lost(pieces):
    class Broken:
        def submit(self, *_):
            raise BrokenProcessPool

    waiting: list[int] = []
    with pytest.raises(BrokenProcessPool):
        _submitted(Broken(), pieces.square, 7, waiting)
    assert waiting == [7]
