"""Write docs/phantoms/*.md from the definitions; a test holds the pages against them.

python docs/phantom_pages.py          # all pages
python docs/phantom_pages.py NAME     # one, to standard output
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from qiqa.core.arrangement import Arrangement
from qiqa.core.certificate import Certificate
from qiqa.io.definitions import load_phantom

PAGES = ("nist_system", "qiba_diffusion")


def main() -> None:
    """Write the pages, or print the one that is named."""
    if len(sys.argv) > 1:
        sys.stdout.write(page(sys.argv[1]))
        return
    for name in PAGES:
        target = Path(__file__).parent / "phantoms" / f"{name}.md"
        target.write_text(page(name), encoding="utf-8", newline="\n")


def page(name: str) -> str:
    """Return the page of one phantom."""
    phantom = load_phantom(name)
    if not isinstance(phantom, Arrangement):
        raise TypeError(f"{name} is no arrangement")
    return "\n".join(_lines(phantom)) + "\n"


def _lines(phantom: Arrangement) -> Iterator[str]:
    yield f"# {phantom.name}"
    yield ""
    yield f"Made from `phantoms/{phantom.id}.toml` by `docs/phantom_pages.py`."
    yield "What a value is at a temperature: [certified values](../decisions/certified-values.md)."
    yield ""
    yield f"Frame: {phantom.frame}"
    yield ""
    yield f"Source: {phantom.source}"
    yield ""
    yield "## Groups"
    yield ""
    yield "| group | what | inserts | inside mm | outside mm | order |"
    yield "|---|---|---|---|---|---|"
    for g in phantom.group:
        ways = [f"{q} falls" for q in g.falling] + [f"{q} rises" for q in g.rising]
        yield (
            f"| {g.name} | {g.title} | {len(g.labels)} | {g.inner_diameter_mm:g} "
            f"| {g.outer_diameter_mm:g} | {', '.join(ways)} |"
        )
    for g in phantom.group:
        if not g.fiducials:
            yield from _centers(phantom, g.name)
    if phantom.batch:
        yield from ("", "## Batches", "", "| batch | serial numbers | note |", "|---|---|---|")
        yield from (f"| {b.name} | {b.span} | {b.note or ''} |" for b in phantom.batch)
    yield ""
    yield "## Certificates"
    for table in phantom.certificate:
        yield from _certificate(phantom, table)


def _centers(phantom: Arrangement, name: str) -> Iterator[str]:
    group = phantom.find_group(name)
    yield from ("", f"### Centers of {name}", "", "| insert | x mm | y mm | z mm | content |")
    yield "|---|---|---|---|---|"
    for label, (x, y, z), content in zip(
        group.labels, group.centers_mm, group.contents, strict=True
    ):
        yield f"| {label} | {x:.2f} | {y:.2f} | {z:.2f} | {content:g} |"


def _certificate(phantom: Arrangement, table: Certificate) -> Iterator[str]:
    factor, unit = (1e6, "µm²/s") if table.unit == "mm²/s" else (1.0, table.unit)
    k = f"k = {table.coverage_factor:g}" if table.uncertainty else "none printed"
    yield from ("", f"### {table.group}: {table.describe()}, {unit}", "")
    yield f"- {table.confidence}: {table.source}"
    yield f"- uncertainty: {k}; {table.uncertainty_kind}"
    if table.added_uncertainty_percent:
        yield (
            f"- added: {table.added_uncertainty_percent:g} % of the value: "
            f"{table.added_uncertainty_reason}"
        )
    if table.carry_degc:
        change = ", ".join(f"{c:g}" for c in table.percent_per_degc)
        yield (
            f"- carried by up to {table.carry_degc:g} °C with {change} %/°C, "
            f"each ± {table.percent_per_degc_uncertainty:g} %/°C"
        )
    if table.percent_per_t:
        yield (
            f"- another field than {table.measured_at_t:g} T: {abs(table.percent_per_t):g} % "
            "a tesla counts as uncertainty"
        )
    if table.unreliable:
        yield f"- no verdict: {', '.join(table.unreliable)}"
    if table.note:
        yield f"- note: {table.note}"
    columns = [f"{t:g} °C" for t in table.temperature_degc] or ["any temperature"]
    yield from ("", f"| insert | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|")
    labels = table.inserts or phantom.find_group(table.group).labels
    if len(table.value) == 1:
        labels = (f"all of {table.group}",)
    for row, label in enumerate(labels):
        cells = [f"{v * factor:.7g}" for v in table.value[row]]
        if table.uncertainty:
            printed = [f"{u * factor:.7g}" for u in table.uncertainty[row]]
            cells = [f"{v} ± {u}" for v, u in zip(cells, printed, strict=True)]
        yield f"| {label} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
