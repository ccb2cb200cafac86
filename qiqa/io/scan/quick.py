"""Headers of ordinary files read fast: one pass of a compiled loop over the first bytes.

Whatever is not ordinary (deflated, gzip, no preamble, multi-frame, malformed) is left to the
reader of `qiqa.io.dicomfile`, which is the judge of what a file is.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError
from qiqa.io.dicomfile import BIG_ENDIAN, DEFLATED, UNCOMPRESSED
from qiqa.io.elements import PIXEL_DATA, Element, Syntax, Truncated, is_vr, split
from qiqa.io.elements import Pixels as Span
from qiqa.io.header import Header
from qiqa.io.scan.attributes import SEQUENCES
from qiqa.io.scan.record import Nested, Pixels, Record, nested_tags, wanted_tags
from qiqa.io.scan.values import Raw, letters
from qiqa.io.tags import TAGS
from qiqa.kernels.dicom_elements import (
    CUT,
    ODD,
    PIXELS,
    elements,
    long_head,
    nested_ones,
    wanted_ones,
)
from qiqa.kernels.dicom_frames import frame_ones

__all__ = ["FIRST_READ", "Quick", "quick_record", "quick_rest"]

FIRST_READ = 64 << 10
"""Bytes; longer headers are read on."""
_LONGEST = 16 << 20
_ROOM = 4096
"""Elements of one header."""
_CHARSET, _SYNTAX = TAGS["SpecificCharacterSet"][0], TAGS["TransferSyntaxUID"][0]
_CLASS, _SERIES = TAGS["SOPClassUID"][0], TAGS["SeriesInstanceUID"][0]
_FRAMES = TAGS["PerFrameFunctionalGroupsSequence"][0]
_UN = int.from_bytes(b"UN", "big")
_WITH_HEAD = frozenset((_FRAMES, *(TAGS[keyword][0] for keyword in SEQUENCES)))


@functools.lru_cache(maxsize=256)
def _charset(raw: Raw | None, little: bool) -> str:
    """Return the codec that a header declares."""
    if raw is None:
        return Header({}).charset
    element = Element(letters(raw[1]), memoryview(raw[2]), Syntax(little=little))
    return Header({_CHARSET: element}).with_charset().charset


@dataclasses.dataclass(slots=True)
class Quick:
    """Room for the elements of one header, used again from file to file."""

    wanted: NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.array(sorted({*wanted_tags(), _FRAMES}), np.int64)
    )
    nested: NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.array(sorted(nested_tags()), np.int64)
    )
    tags: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.empty(_ROOM, np.int64))
    vrs: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.empty(_ROOM, np.int64))
    starts: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.empty(_ROOM, np.int64))
    sizes: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.empty(_ROOM, np.int64))
    chosen: NDArray[np.int64] = dataclasses.field(default_factory=lambda: np.empty(_ROOM, np.int64))
    runs: NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.empty((3, _ROOM), np.int64)
    )

    inside: NDArray[np.int64] = dataclasses.field(
        default_factory=lambda: np.empty((5, _ROOM), np.int64)
    )

    def walk(self, data: bytes | memoryview, start: int, syntax: Syntax) -> tuple[int, int, int]:
        """List the elements from `start` on; see `qiqa.kernels.dicom_elements.elements`."""
        view = np.frombuffer(data, np.uint8)
        n, status, at = elements(
            view, start, len(data), syntax.explicit, syntax.little,
            self.tags, self.vrs, self.starts, self.sizes,
        )  # fmt: skip
        return int(n), int(status), int(at)

    def split(
        self, data: memoryview, start: int, end: int, syntax: Syntax
    ) -> tuple[dict[int, Element], int, Span | None]:
        """Do what `qiqa.io.elements.split` does; sequences stay bytes until they are asked for.

        What the loop finds odd is left to that one.

        Raises
        ------
        Malformed
            As it does.
        """
        n, status, at = self.walk(data[:end], start, syntax)
        if status == CUT:
            raise Truncated("the bytes end inside an element")
        if status == ODD:
            return split(data, start, end, syntax)
        pixels = None
        if status == PIXELS:
            size = int(self.sizes[n - 1])
            pixels = Span(int(self.tags[n - 1]), at, None if size < 0 else size)
        rows = np.stack((self.tags[:n], self.vrs[:n], self.starts[:n], self.sizes[:n])).T.tolist()
        implicit = Syntax(explicit=False, little=syntax.little)
        found: dict[int, Element] = {}
        for index, (tag, vr, begin, size) in enumerate(rows if pixels is None else rows[:-1]):
            if size >= 0:
                here = implicit if vr == _UN else syntax
                found[tag] = Element(letters(vr), data[begin : begin + size], here)
                continue
            stop = at
            if index + 1 < n:  # it ends where the next element begins
                _, following, place, _ = rows[index + 1]
                stop = place - _head_size(following, syntax)
            unknown = syntax.explicit and bytes(data[begin - 8 : begin - 6]) == b"UN"
            found[tag] = Element("SQ", data[begin:stop], implicit if unknown else syntax)
        return found, at, pixels

    def frames(self, groups: Element, name: str) -> tuple[list[dict[int, Raw]], int]:
        """Return what the groups of each frame say, and how many bytes those of the first take.

        Raises
        ------
        ReadError
            If the groups are no sequence of items.
        """
        if isinstance(groups.value, tuple):
            raise ReadError(f"groups of frames beside more than {_ROOM} elements", where=name)
        data, syntax, room = np.frombuffer(groups.value, np.uint8), groups.syntax, _ROOM
        while True:
            found = np.empty((6, room), np.int64)
            count, n_frames, first = frame_ones(
                data, 0, data.size, syntax.explicit, syntax.little, self.wanted, found
            )
            if count <= room:
                break
            room = int(count)
        if count < 0:
            raise ReadError("malformed DICOM: the groups of frames are no items", where=name)
        frames: list[dict[int, Raw]] = [{} for _ in range(n_frames)]
        rows = found[:, :count].T.tolist()
        # what stands deeper says it of the frame more exactly
        for frame, _, tag, vr, begin, size in sorted(rows, key=lambda row: row[1]):
            frames[frame][tag] = (tag, vr, bytes(groups.value[begin : begin + size]))
        return frames, int(first)

    def persons(self, data: bytes, n: int, end: int, syntax: Syntax) -> tuple[Nested, ...]:
        """Return what sequences hold of persons, after `walk` has listed n elements up to `end`."""
        count = nested_ones(
            np.frombuffer(data, np.uint8), self.tags, self.vrs, self.starts, self.sizes,
            n, end, syntax.explicit, syntax.little, self.nested, self.inside,
        )  # fmt: skip
        if not count:
            return ()
        found = {
            (top, (tag, vr, data[start : start + size])): None
            for top, tag, vr, start, size in self.inside[:, :count].T.tolist()
        }
        return tuple(found)


def quick_record(file: IO[bytes], size: int, head: bytes, quick: Quick) -> Record | None:
    """Return what an ordinary file holds, or None where the other reader has to look.

    Parameters
    ----------
    file
        Open behind the bytes of `head`; read on where the header is longer.
    size
        Bytes of the file.
    head
        Its first bytes.
    quick
        Working memory.
    """
    if not _ordinary(head):
        return None
    while True:
        walked = _walked(head, quick)
        if walked is None or walked.status != CUT or len(head) >= size:
            break
        needed = min(size, max(walked.at + FIRST_READ, 2 * len(head)))
        more = file.read(needed - len(head)) if needed <= _LONGEST else b""
        if not more:
            return None
        head += more
    if walked is None or walked.status == ODD:
        return None
    return _record(head, size, quick, walked)


def quick_rest(head: bytes, size: int, quick: Quick) -> Record | None:
    """Return what stands before the damage in the first bytes of a file; None where nothing does.

    Parameters
    ----------
    head, size, quick
        As `quick_record` takes them.
    """
    walked = _walked(head, quick) if _ordinary(head) else None
    return None if walked is None else _record(head, size, quick, walked)


class _Walked(NamedTuple):
    """How far the elements were listed."""

    n: int
    status: int
    at: int
    syntax: Syntax
    declared: str


def _ordinary(head: bytes) -> bool:
    return head[128:134] == b"DICM\x02\x00" and is_vr(head[136:138])


def _walked(head: bytes, quick: Quick) -> _Walked | None:
    """List the elements, meta group included; None where the data set is packed or absent."""
    syntax = Syntax()
    n, status, at = quick.walk(head, 132, syntax)
    tags = quick.tags[:n].tolist()
    first = next((i for i, tag in enumerate(tags) if tag >> 16 != 0x0002), n)
    if first == 0:
        return None
    declared = _declared(head, quick, tags[:first])
    begin = int(quick.starts[first - 1] + quick.sizes[first - 1])
    if declared == DEFLATED or begin + 8 > len(head):
        return None
    actual = Syntax(is_vr(head[begin + 4 : begin + 6]), declared != BIG_ENDIAN)
    if actual != syntax:
        n, status, at = quick.walk(head, begin, actual)
    return _Walked(n, status, at, actual, declared)


def _declared(head: bytes, quick: Quick, meta: list[int]) -> str:
    """Return the transfer syntax stated in the meta group; empty where none is."""
    if _SYNTAX not in meta:
        return ""
    index = meta.index(_SYNTAX)
    start, length = int(quick.starts[index]), int(quick.sizes[index])
    return head[start : start + length].decode("ascii", "replace").strip("\x00 ")


def _record(head: bytes, size: int, quick: Quick, walked: _Walked) -> Record | None:
    n, status, at, syntax, declared = walked
    end = len(head) if status == CUT else at
    found, private = _taken(head, quick, walked, end)
    if found is None or (_CLASS not in found and _SERIES not in found):
        return None
    place = None
    if status == PIXELS:
        place = Pixels(at, int(quick.sizes[n - 1]), int(quick.tags[n - 1]) != PIXEL_DATA)
    return Record(
        size=size,
        transfer_syntax=declared,
        syntax=syntax,
        charset=_charset(found.get(_CHARSET), syntax.little),
        found=found,
        pixels=place,
        available=None if place is None else size - place.offset,
        plain=not declared or declared in UNCOMPRESSED,
        nested=quick.persons(head, n, end, syntax),
        private=private,
        data=head,
        wrong=("truncated", "the file ends inside its header") if status == CUT else None,
    )


def _head_size(vr: int, syntax: Syntax) -> int:
    """Return the bytes before the value of an element."""
    return 12 if syntax.explicit and long_head(vr) else 8


def _taken(
    head: bytes, quick: Quick, walked: _Walked, end: int
) -> tuple[dict[int, Raw] | None, tuple[tuple[int, int, int], ...]]:
    """Return the wanted elements, and where private ones are; None for groups of frames."""
    n = walked.n
    count, n_runs = wanted_ones(
        quick.tags, quick.starts, n, end, quick.wanted, quick.chosen, quick.runs
    )
    chosen = quick.chosen[:count]
    found: dict[int, Raw] = {}
    for tag, vr, start, size in zip(
        quick.tags[chosen].tolist(), quick.vrs[chosen].tolist(),
        quick.starts[chosen].tolist(), quick.sizes[chosen].tolist(), strict=True,
    ):  # fmt: skip
        if tag in _WITH_HEAD:
            if tag == _FRAMES:
                return None, ()
            found[tag] = (tag, vr, _sequence(head, quick, walked, start))
        elif size >= 0:
            found[tag] = (tag, vr, head[start : start + size])
    runs = quick.runs[:, :n_runs].T.tolist() if n_runs else []
    return found, tuple((tag, begin, stop) for tag, begin, stop in runs)


def _sequence(head: bytes, quick: Quick, walked: _Walked, start: int) -> bytes:
    """Return the bytes of a sequence with its head; it ends where the next element begins."""
    index = int(np.searchsorted(quick.starts[: walked.n], start))
    before = _head_size(int(quick.vrs[index]), walked.syntax)
    if index + 1 == walked.n:
        return head[start - before :]
    after = _head_size(int(quick.vrs[index + 1]), walked.syntax)
    return head[start - before : int(quick.starts[index + 1]) - after]
