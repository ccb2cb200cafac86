"""One sheet of a calibration workbook: a row for each solution and temperature."""

from __future__ import annotations

import dataclasses
import math
import re

from qiqa.core.errors import DefinitionError
from qiqa.io.workbook import Cell, Sheet

__all__ = ["Solutions", "read_solutions"]

_HEADING_ROWS = 12
"""Among how many rows the headings are looked for; they are documented in row 4."""
_UNCERTAIN = re.compile(r"uncert|±|\+/-|^u[ _(]|\bsd\b|std")
_UNITS = {
    "t1": {"ms": 1.0, "s": 1000.0},
    "adc": {
        "um2/s": 1e-6, "µm2/s": 1e-6, "μm2/s": 1e-6, "mm2/s": 1.0,
        "10-3mm2/s": 1e-3, "x10-3mm2/s": 1e-3, "10-6mm2/s": 1e-6, "x10-6mm2/s": 1e-6,
    },
}  # fmt: skip
"""Unit as written in a heading -> factor to ms or mm²/s."""
_ALLOWED = {
    "temperature": (0.0, 40.0, "°C"),
    "concentration": (0.0, 100.0, "mM or %"),
    "t1": (0.1, 10_000.0, "ms"),
    "t2": (0.1, 10_000.0, "ms"),
    "adc": (2e-5, 4e-3, "mm²/s"),
}
"""Lowest and highest value that can be true, in our units; beyond, the unit is another."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Column:
    at: int
    factor: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Solutions:
    """What a sheet says."""

    columns: dict[str, _Column]
    quantities: tuple[str, ...]
    temperatures: tuple[float, ...]
    numbers: dict[tuple[float, float, str], tuple[float, int]]
    """(concentration, temperature, column) -> value in our unit, and its row."""
    texts: tuple[str, ...]
    """Title and remarks."""

    @property
    def concentrations(self) -> list[float]:
        """Concentrations, rising."""
        return sorted({key[0] for key in self.numbers})

    def row(self, concentration: float, name: str) -> tuple[float, ...]:
        """Return the values of one solution over temperature."""
        return tuple(self.numbers[concentration, t, name][0] for t in self.temperatures)

    def place(self, concentration: float, degc: float, name: str) -> tuple[int, int]:
        """Return row and column of a value."""
        return self.numbers[concentration, degc, name][1], self.columns[name].at


def read_solutions(sheet: Sheet, quantities: tuple[str, ...]) -> Solutions:
    """Return the values of a sheet.

    Parameters
    ----------
    sheet
        Its cells.
    quantities
        Which it must hold: `t1` and `t2`, or `adc`.

    Raises
    ------
    DefinitionError
        Naming sheet, cell, value and what is allowed.
    """
    heading = _heading_row(sheet)
    columns = _columns(sheet, heading, quantities)
    numbers: dict[tuple[float, float, str], tuple[float, int]] = {}
    texts = [c for row in sheet.rows[:heading] for c in row if isinstance(c, str)]
    concentration, ended = 0.0, False
    for row in range(heading + 1, len(sheet.rows)):
        if _is_remark(sheet, row, columns):
            texts += [c for c in sheet.rows[row] if isinstance(c, str)]
            ended = ended or bool(numbers)
            continue
        at = columns["temperature"].at
        if ended:
            message = f"{sheet.cell(row, at)!r} stands below the remarks that end the table"
            raise DefinitionError(message, where=sheet.address(row, at))
        degc = _number(sheet, row, columns["temperature"], "temperature")
        if "concentration" in columns and (
            sheet.cell(row, columns["concentration"].at) is not None or not numbers
        ):  # merged over the temperatures of one solution, only the first cell has it
            concentration = _number(sheet, row, columns["concentration"], "concentration")
        _take(sheet, row, columns, (concentration, degc), numbers)
    return _whole(sheet, columns, quantities, numbers, tuple(texts))


def _heading_row(sheet: Sheet) -> int:
    for row in range(min(_HEADING_ROWS, len(sheet.rows))):
        if any(isinstance(c, str) and c.lower().startswith("temp") for c in sheet.rows[row]):
            return row
    raise DefinitionError(
        f"no heading 'Temperature (C)' in the first {_HEADING_ROWS} rows; it is due in row 4",
        where=f"sheet {sheet.name!r}",
        hint="give the maker's workbook as it came",
    )


def _columns(sheet: Sheet, heading: int, quantities: tuple[str, ...]) -> dict[str, _Column]:
    """Return where each column is, by its heading."""
    found: dict[str, _Column] = {}
    for at, cell in enumerate(sheet.rows[heading]):
        name = _named(cell, quantities) if isinstance(cell, str) else None
        if name is None:
            continue
        if name in found:
            message = f"{cell!r} is a second column for {name}"
            raise DefinitionError(message, where=sheet.address(heading, at))
        quantity = name.removeprefix("u ")
        if quantity in quantities:
            found[name] = _Column(at, _factor(sheet, heading, at, quantity))
        else:
            found[name] = _Column(at, 1.0)
    missing = [name for name in quantities if name not in found]
    if missing:
        headings = [c for c in sheet.rows[heading] if c is not None]
        due = "ADC (um^2/s)" if missing[0] == "adc" else f"{missing[0].upper()} (ms)"
        message = f"no column {due!r} among {headings}"
        raise DefinitionError(message, where=f"sheet {sheet.name!r}, row {heading + 1}")
    return found


def _named(cell: str, quantities: tuple[str, ...]) -> str | None:
    """Return what a heading names.

    >>> _named("T1 uncertainty (ms)", ("t1", "t2")), _named("Concentration (mM)", ("t1", "t2"))
    ('u t1', 'concentration')
    """
    text = cell.lower()
    if text.startswith("temp"):
        return "temperature"
    if "conc" in text:
        return "concentration"
    for quantity in quantities:
        if re.search(rf"(?<![a-z0-9]){quantity}(?![0-9])", text):
            return f"u {quantity}" if _UNCERTAIN.search(text) else quantity
    return None


def _factor(sheet: Sheet, row: int, column: int, quantity: str) -> float:
    """Return what turns a number of a column into our unit."""
    cell = str(sheet.cell(row, column))
    units = _UNITS["adc" if quantity == "adc" else "t1"]
    for inside in re.findall(r"[(\[]([^)\]]*)[)\]]", cell.lower()):
        unit = re.sub(r"[\s^*]|(?<=/s)ec", "", inside.replace("²", "2"))
        if unit in units:
            return units[unit]
    message = f"{cell!r} has no unit that is known; allowed: {', '.join(units)} in brackets"
    raise DefinitionError(message, where=sheet.address(row, column))


def _is_remark(sheet: Sheet, row: int, columns: dict[str, _Column]) -> bool:
    """Say whether a row is empty or holds words instead of values."""
    cells = [sheet.cell(row, c.at) for name, c in columns.items() if name != "concentration"]
    return not any(_as_number(c) is not None for c in cells)


def _as_number(cell: Cell) -> float | None:
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            return None
    return cell


def _number(sheet: Sheet, row: int, column: _Column, name: str) -> float:
    cell = sheet.cell(row, column.at)
    value = _as_number(cell)
    quantity = name.removeprefix("u ")
    low, high, unit = _ALLOWED[quantity]
    low = 0.0 if name != quantity else low
    if value is None or not math.isfinite(value) or not low <= value * column.factor <= high:
        shown = "an empty cell" if cell is None else repr(cell)
        scale = f" (this column times {column.factor:g})" if column.factor != 1 else ""
        raise DefinitionError(
            f"{shown} is not a {name.replace('u ', 'uncertainty of ')}; "
            f"allowed: {low:g} to {high:g} {unit}{scale}",
            where=sheet.address(row, column.at),
        )
    # 12 digits: what a factor adds behind them is not in the workbook
    return float(f"{value * column.factor:.12g}")


def _take(
    sheet: Sheet,
    row: int,
    columns: dict[str, _Column],
    key: tuple[float, float],
    numbers: dict[tuple[float, float, str], tuple[float, int]],
) -> None:
    """Add the values of one row; the same solution may stand twice if it says the same."""
    for name, column in columns.items():
        if name in ("temperature", "concentration"):
            continue
        value = _number(sheet, row, column, name)
        before = numbers.setdefault((*key, name), (value, row))
        if before[0] != value:
            raise DefinitionError(
                f"{value:g} contradicts {before[0]:g} in row {before[1] + 1} for the same "
                f"concentration {key[0]:g} and {key[1]:g} °C",
                where=sheet.address(row, column.at),
            )


def _whole(
    sheet: Sheet,
    columns: dict[str, _Column],
    quantities: tuple[str, ...],
    numbers: dict[tuple[float, float, str], tuple[float, int]],
    texts: tuple[str, ...],
) -> Solutions:
    """Return the values if every solution has every temperature."""
    degc = tuple(sorted({key[1] for key in numbers}))
    if not degc:
        raise DefinitionError("no row has a number", where=f"sheet {sheet.name!r}")
    for concentration in sorted({key[0] for key in numbers}):
        lost = [t for t in degc if (concentration, t, quantities[0]) not in numbers]
        if lost:
            message = (
                f"concentration {concentration:g} has no row for {lost[0]:g} °C, others have; "
                f"allowed: every solution at {', '.join(f'{t:g}' for t in degc)} °C"
            )
            raise DefinitionError(message, where=f"sheet {sheet.name!r}")
    return Solutions(
        columns=columns,
        quantities=quantities,
        temperatures=degc,
        numbers=numbers,
        texts=texts,
    )
