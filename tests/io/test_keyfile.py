"""A key is there whole or not at all."""

import os
import stat

import pytest

from qiqa.core.errors import OutputError
from qiqa.io import keyfile
from qiqa.io.keyfile import key_from, make_key


class Killed(BaseException):
    """Ends a process in the middle."""


def kill(*_, **__):
    raise Killed


@pytest.mark.parametrize("at", ["open", "fdopen", "fsync"])
def test_a_kill_while_it_is_made_leaves_no_half_of_it(tmp_path, monkeypatch, at):
    path = tmp_path / "patients.key"
    with monkeypatch.context() as patched:
        patched.setattr(keyfile.os, at, kill)
        with pytest.raises(Killed):
            make_key(path)
    assert not path.exists()
    assert make_key(path).secret == key_from(path).secret


def test_leftovers_do_not_matter(tmp_path):
    path = tmp_path / "patients.key"
    (tmp_path / ".patients.key.0123abcd.part").write_bytes(b"")
    assert make_key(path).secret == key_from(path).secret


def test_another_key_is_never_replaced(tmp_path):
    path = tmp_path / "patients.key"
    path.write_bytes(b"")
    with pytest.raises(OutputError, match="exists"):
        make_key(path)
    assert path.read_bytes() == b""
    assert [p.name for p in tmp_path.iterdir()] == ["patients.key"]


@pytest.mark.skipif(os.name == "nt", reason="modes say nothing there")
@pytest.mark.parametrize("links", [True, False])
def test_without_second_names_too(tmp_path, monkeypatch, links):
    path = tmp_path / "patients.key"
    if not links:

        def refuse(*_):
            raise PermissionError(1, "not permitted")

        monkeypatch.setattr(keyfile.os, "link", refuse)
    made = make_key(path)
    assert key_from(path).secret == made.secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    with pytest.raises(OutputError, match="exists"):
        make_key(path)
    assert key_from(path).secret == made.secret
