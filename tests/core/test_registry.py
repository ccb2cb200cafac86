"""Members are found by file name, without importing any."""

import sys

import pytest

from qiqa.core.errors import UsageError
from qiqa.core.registry import Registry, _entry_points


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package with two members, one private file and one that breaks when imported."""
    folder = tmp_path / "some_members"
    folder.mkdir()
    for name, text in {
        "__init__": "",
        "ghosting": "VALUE = 3",
        "uniformity": "raise RuntimeError('imported')",
        "_shared": "",
    }.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    _entry_points.cache_clear()  # read once a process; the tests announce different ones
    yield "some_members"
    _entry_points.cache_clear()
    for name in [m for m in sys.modules if m.startswith("some_members")]:
        del sys.modules[name]


def test_names_without_import(package):
    assert Registry(package).names() == ("ghosting", "uniformity")
    assert Registry(package, exclude=("ghosting",)).names() == ("uniformity",)
    assert "some_members.uniformity" not in sys.modules


def test_load(package):
    assert Registry(package).load("ghosting").VALUE == 3
    with pytest.raises(UsageError, match="did you mean 'ghosting'"):
        Registry(package).load("ghostin")
    with pytest.raises(UsageError, match="there are ghosting, uniformity"):
        Registry(package).load("_shared")


def test_package_that_does_not_exist_has_no_members():
    assert Registry("no_such_package_here").names() == ()


def test_foreign_member_by_entry_point(package, tmp_path):
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text(
        f"[{package}]\nforeign = other_module\nwrong = other_module:VALUE\n", encoding="utf-8"
    )
    (tmp_path / "other_module.py").write_text("VALUE = 4", encoding="utf-8")
    _entry_points.cache_clear()
    registry = Registry(package)
    assert registry.names() == ("foreign", "ghosting", "uniformity", "wrong")
    assert registry.load("foreign").VALUE == 4
    with pytest.raises(UsageError, match="must name a module"):
        registry.load("wrong")
    del sys.modules["other_module"]
    _entry_points.cache_clear()
