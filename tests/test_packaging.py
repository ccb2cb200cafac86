"""What a user installs is whole: wheel, source archive and editable install hold the same things.

Everything is built and installed offline, with the build backend and the libraries of the
environment that runs the tests.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import qiqa
from qiqa.io import definitions

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("phantoms", "protocols")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed"),
]

PROBE = """
import json, qiqa
from qiqa.io import definitions
found = {}
loads = {"phantoms": definitions.load_phantom, "protocols": definitions.load_protocol}
for kind, load in loads.items():
    found[kind] = {name: load(name).sha256 for name in definitions.names(kind)}
print(json.dumps({"file": qiqa.__file__, **found}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the source tree and from settings that could reach into it."""
    dropped = ("PYTHONPATH", "QIQA_PATH", "PIP_REQUIRE_VIRTUALENV")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=env | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        timeout=120,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(python: str | Path, *arguments: str | Path, cwd: Path) -> str:
    return run(sys.executable, "-m", "pip", "--python", python, *arguments, cwd=cwd)


def new_environment(folder: Path) -> Path:
    """Make an environment that holds nothing but sees this one's libraries; return its python."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # Last by name, so that what is installed in the new environment is found first.
    Path(site.strip(), "zz_libraries.pth").write_text("\n".join(sorted(here)), encoding="utf-8")
    return python


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Build wheel and source archive once."""
    folder = tmp_path_factory.mktemp("dist")
    build = "import sys; from hatchling import build as b; b.build_sdist(sys.argv[1]); "
    run(sys.executable, "-c", build + "b.build_wheel(sys.argv[1])", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist) -> Iterator[zipfile.ZipFile]:
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def own_files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_wheel_carries_every_definition(wheel, kind):
    prefix = f"qiqa/_data/{kind}/"
    packed = {name.removeprefix(prefix) for name in wheel.namelist() if name.startswith(prefix)}
    assert packed == own_files(ROOT / kind)
    assert any(name.endswith(".toml") for name in packed)
    for name in packed:
        assert wheel.read(prefix + name) == (ROOT / kind / name).read_bytes()


def test_the_wheel_is_the_package_and_nothing_else(wheel):
    inside = {name for name in wheel.namelist() if not name.endswith("/")}
    info = f"qiqa-{qiqa.__version__}.dist-info/"
    code = {n for n in inside if not n.startswith(("qiqa/_data/", info))}
    assert code == {f"qiqa/{name}" for name in own_files(ROOT / "qiqa")}
    assert "qiqa/py.typed" in code
    assert {f"{info}licenses/LICENSE", f"{info}licenses/NOTICE"} <= inside
    assert "qiqa = qiqa.cli:main" in wheel.read(f"{info}entry_points.txt").decode("utf-8")


def test_the_source_archive_can_be_built_and_tested_from(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    expected = {"pyproject.toml", "README.md", "LICENSE", "NOTICE", "CHANGELOG.md", "CITATION.cff"}
    assert expected <= inside
    for folder in ("qiqa", "tests", *KINDS):
        assert {f"{folder}/{name}" for name in own_files(ROOT / folder)} <= inside


def installed(what: list[str | Path], folder: Path) -> dict:
    """Install into a fresh environment and return what it finds, and from where."""
    python = new_environment(folder)
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet")
    # The libraries that are lent may hold qiqa too; --ignore-installed leaves that one alone.
    pip(python, "install", *offline, "--ignore-installed", *what, cwd=folder)
    return json.loads(run(python, "-c", PROBE, cwd=folder))


def sha256_of(path: Path) -> str:
    """Return the hash of a definition: that of its file, or of it and the one that it extends."""
    if "extends" in tomllib.loads(path.read_text(encoding="utf-8")):
        return definitions.load_protocol(str(path)).sha256
    return hashlib.sha256(path.read_bytes()).hexdigest()


def definitions_in_the_tree() -> dict[str, dict[str, str]]:
    return {
        kind: {path.stem: sha256_of(path) for path in (ROOT / kind).glob("*.toml")}
        for kind in KINDS
    }


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_installed_from_an_archive_it_finds_every_definition(dist, tmp_path, pattern):
    (archive,) = dist.glob(pattern)
    found = installed([archive], tmp_path / "env")
    assert Path(found.pop("file")).resolve().is_relative_to((tmp_path / "env").resolve())
    assert found == definitions_in_the_tree()


def test_installed_for_editing_it_finds_every_definition(tmp_path):
    if importlib.util.find_spec("editables") is None and not os.environ.get("CI"):
        pytest.skip("editables is not installed; it comes with the extra `test`")
    found = installed(["--editable", ROOT], tmp_path / "env")
    assert Path(found.pop("file")).resolve().is_relative_to(ROOT / "qiqa")
    assert found == definitions_in_the_tree()


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert qiqa.__version__ == project["version"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: \"?([\d.]+)", citation, re.MULTILINE)[1] == project["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{project['version']}]" in changes
