"""The list of real scans is well formed, the scans are the ones listed, and can be fetched."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import os
import re
import subprocess
import sys
import threading
import tomllib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPT = HERE / "fetch_real_data.py"
LICENSES = {"Apache-2.0", "Artistic-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT"}
FILES = {
    "scans/A/1.dcm": b"first",
    "scans/A/2 with blank.dcm": b"second",
    "scans/B/old.dcm": b"in the older commit only",
}


def manifest() -> dict:
    return tomllib.loads((HERE / "real_data.toml").read_text(encoding="utf-8"))


def test_manifest_is_well_formed():
    data = manifest()
    assert data["schema"] == "qiqa.real_data/1"
    folders = [entry["folder"] for entry in data["set"]]
    assert len(set(folders)) == len(folders)
    for entry in data["set"]:
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", entry["repository"])
        assert entry["commits"]
        assert all(re.fullmatch(r"[0-9a-f]{8,40}", commit) for commit in entry["commits"])
        # One full hash at least: an abbreviated one may become ambiguous.
        assert any(len(commit) == 40 for commit in entry["commits"])
        assert entry["license"] in LICENSES
        assert set(entry.get("unlisted", [])) <= set(entry["sha256"])
        for name, digest in entry["sha256"].items():
            assert re.fullmatch(r"[0-9a-f]{64}", digest), name
            assert ".." not in Path(name).parts
            # Names that Windows cannot store would make the set useless there.
            assert not re.search(r'[<>:"|?*\\]', name), name


@pytest.mark.parametrize("folder", [entry["folder"] for entry in manifest()["set"]])
def test_scans_are_the_listed_ones(real_data, folder):
    assert real_data(folder).is_dir()


def test_the_fixture_refuses_what_is_missing_changed_or_unlisted(tmp_path):
    spec = importlib.util.spec_from_file_location("qiqa_conftest", HERE / "conftest.py")
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    name = "phantoms/acr_large/GE_Signa_1.5T_Sagittal_Localizer/0.dcm"
    with pytest.raises(ValueError, match="is missing"):
        conftest.check_real_data(tmp_path, name)
    other = tmp_path / "other" / name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"not the scan")
    with pytest.raises(ValueError, match="has SHA-256"):
        conftest.check_real_data(tmp_path / "other", name)
    with pytest.raises(ValueError, match="not listed"):
        conftest.check_real_data(tmp_path, "phantoms/acr_large/GE_Signa_1.5T_Sag")


@pytest.fixture
def origin(tmp_path) -> Iterator[tuple[str, list[str]]]:
    """Run a web server on the loopback that serves two commits of a small repository."""
    served = tmp_path / "served" / "someone" / "scans"
    for name, body in FILES.items():
        commit = "b" * 40 if "old" in name else "a" * 40
        path = served / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, directory=str(tmp_path / "served"), **kwargs)

        def do_GET(self) -> None:
            asked.append(urllib.parse.unquote(self.path))
            super().do_GET()

        def log_message(self, *args) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def write_manifest(path: Path, files: dict[str, bytes]) -> Path:
    lines = [
        '[[set]]\nname = "small"\ndescription = "small"\nfolder = "phantoms/small"',
        'repository = "https://github.com/someone/scans"\npath = "scans"\nlicense = "MIT"',
        f'commits = ["{"a" * 40}", "{"b" * 40}"]\n[set.sha256]',
    ]
    for name, body in files.items():
        relative = name.removeprefix("scans/")
        lines.append(f'"{relative}" = "{hashlib.sha256(body).hexdigest()}"')
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(folder: Path, url: str, manifest_path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(folder), "--base-url", url]
    return subprocess.run(
        [*command, "--manifest", str(manifest_path)],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )


def test_fetches_verifies_and_resumes(tmp_path, origin):
    url, asked = origin
    listing = write_manifest(tmp_path / "small.toml", FILES)
    folder = tmp_path / "data"

    first = run(folder, url, listing)
    assert first.returncode == 0, first.stderr
    assert "0 kept, 3 fetched, 0 failed" in first.stdout
    got = {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }
    assert got == {f"phantoms/small/{n.removeprefix('scans/')}": body for n, body in FILES.items()}

    kept = folder / "phantoms" / "small" / "A" / "1.dcm"
    changed_ns = kept.stat().st_mtime_ns
    (folder / "phantoms" / "small" / "A" / "2 with blank.dcm").write_bytes(b"cut off")
    asked.clear()
    second = run(folder, url, listing)
    assert second.returncode == 0, second.stderr
    assert "2 kept, 1 fetched, 0 failed" in second.stdout
    assert asked == [f"/someone/scans/{'a' * 40}/scans/A/2 with blank.dcm"]
    assert kept.stat().st_mtime_ns == changed_ns


def test_a_wrong_or_absent_file_fails_and_leaves_nothing(tmp_path, origin):
    url, _ = origin
    listing = write_manifest(
        tmp_path / "small.toml", {"scans/A/1.dcm": b"something else", "scans/A/9.dcm": b"not there"}
    )
    result = run(tmp_path / "data", url, listing)
    assert result.returncode == 1
    assert "0 kept, 0 fetched, 2 failed" in result.stdout
    assert "SHA-256 is" in result.stderr
    assert "HTTP 404" in result.stderr
    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file()]


def test_a_list_that_leaves_the_folder_is_refused(tmp_path, origin):
    url, asked = origin
    listing = write_manifest(tmp_path / "small.toml", {"../../../outside": b"x"})
    result = run(tmp_path / "data", url, listing)
    assert result.returncode == 1
    assert "would leave the folder" in result.stderr
    assert asked == []


def test_other_addresses_than_http_are_refused(tmp_path):
    listing = write_manifest(tmp_path / "small.toml", FILES)
    result = run(tmp_path / "data", tmp_path.as_uri(), listing)
    assert result.returncode == 2
    assert "is not an http or https address" in result.stderr
