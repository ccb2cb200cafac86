"""Get the public scans that tests read, into a folder laid out as QIQA_REAL_DATA.

    python tests/fetch_real_data.py FOLDER            everything (about 60 MB)
    python tests/fetch_real_data.py FOLDER --set acr_large
    python tests/fetch_real_data.py --list

Then run the tests with the environment variable QIQA_REAL_DATA set to that folder. Every file is
checked against the SHA-256 in tests/real_data.toml before it gets its name, so the command may be
stopped and repeated at any time; a file that is already right is left alone. Needs Python 3.11
and nothing else. The scans are not part of this project; each keeps the license of its origin.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import hashlib
import http.client
import os
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = Path(__file__).with_name("real_data.toml")
RAW = "https://raw.githubusercontent.com"
ATTEMPTS = 3
TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file: where it goes, what it must be, and where it may be had."""

    target: Path
    sha256: str
    urls: tuple[str, ...]


class FetchError(Exception):
    """A file could not be had; the message says from where and why."""


def items(entry: dict[str, Any], root: Path, base_url: str) -> Iterator[Item]:
    """Yield the files of one set of the manifest."""
    repository = urllib.parse.urlsplit(entry["repository"]).path.strip("/")
    for name, sha256 in entry["sha256"].items():
        inside = PurePosixPath(entry["path"]) / name
        local = PurePosixPath(entry["folder"]) / name
        if local.is_absolute() or ".." in local.parts:
            raise FetchError(f"{local} would leave the folder; {MANIFEST.name} is wrong")
        quoted = urllib.parse.quote(inside.as_posix())
        urls = tuple(f"{base_url}/{repository}/{commit}/{quoted}" for commit in entry["commits"])
        yield Item(target=root.joinpath(*local.parts), sha256=sha256, urls=urls)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str) -> bytes:
    """Return the body at `url`; a passing fault is tried again, a refusal is not."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - see main
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code != 429:
                raise FetchError(f"{url}: HTTP {error.code}") from error
            reason = f"HTTP {error.code}"
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
        if attempt < ATTEMPTS:
            time.sleep(2.0**attempt / 2)
    raise FetchError(f"{url}: {reason}, {ATTEMPTS} times")


def fetch(item: Item) -> str:
    """Make one file right and return what was done: `kept` or `fetched`.

    Raises
    ------
    FetchError
        If no origin serves the file with the right hash; a file on disk is then left as it was.
    """
    if item.target.is_file() and _sha256(item.target) == item.sha256:
        return "kept"
    reasons = []
    for url in item.urls:
        try:
            body = _download(url)
        except FetchError as error:
            reasons.append(str(error))
            continue
        found = hashlib.sha256(body).hexdigest()
        if found != item.sha256:
            reasons.append(f"{url}: SHA-256 is {found}, not {item.sha256}")
            continue
        item.target.parent.mkdir(parents=True, exist_ok=True)
        partial = item.target.with_name(f"{item.target.name}.{os.getpid()}.part")
        try:
            partial.write_bytes(body)
            partial.replace(item.target)
        finally:
            partial.unlink(missing_ok=True)
        return "fetched"
    raise FetchError("\n    ".join([f"{item.target}", *reasons]))


def _fetch_all(wanted: list[Item], workers: int) -> dict[str, int]:
    """Fetch all items, telling of progress, and return how many ended in which way."""
    counts = {"kept": 0, "fetched": 0, "failed": 0}
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(fetch, item) for item in wanted]
        for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
            try:
                counts[future.result()] += 1
            except (FetchError, OSError) as error:
                counts["failed"] += 1
                print(f"  failed: {error}", file=sys.stderr)
            if done % 100 == 0:
                print(f"  {done} of {len(wanted)}")
    return counts


def _arguments(names: list[str], argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="where to put the scans")
    parser.add_argument("--set", action="append", choices=names, help="only this set; repeatable")
    parser.add_argument("--base-url", default=RAW, help="mirror laid out like %(default)s")
    parser.add_argument("--workers", type=int, default=8, help="downloads at a time (%(default)s)")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="show the sets and stop")
    given = parser.parse_args(argv)
    if urllib.parse.urlsplit(given.base_url).scheme not in ("http", "https"):
        parser.error(f"--base-url {given.base_url!r} is not an http or https address")
    if given.folder is None and not given.list:
        parser.error("FOLDER is missing")
    return given


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 when every file asked for is there and right."""
    sets = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["set"]
    given = _arguments([entry["name"] for entry in sets], argv)
    if given.manifest != MANIFEST:
        sets = tomllib.loads(given.manifest.read_text(encoding="utf-8"))["set"]
    chosen = [entry for entry in sets if not given.set or entry["name"] in given.set]
    for entry in [entry for entry in chosen if entry.get("renamed")]:
        print(f"{entry['name']}: left out, its origin has other file names; see {MANIFEST.name}")
        chosen.remove(entry)
    for entry in chosen:
        print(
            f"{entry['name']}: {len(entry['sha256'])} files, {entry['description']}; "
            f"{entry['license']}, {entry['repository']}"
        )
    if given.list:
        return 0
    base_url = given.base_url.rstrip("/")
    try:
        wanted = [item for entry in chosen for item in items(entry, given.folder, base_url)]
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    counts = _fetch_all(wanted, given.workers)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
