"""Commands whose next word is a command of its own: `qiqa trial`, `qiqa harmonize`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from qiqa.cli.arguments import Parser
from qiqa.core.errors import UsageError

__all__ = ["Options", "arguments", "asking", "listed"]

Commands = Mapping[str, tuple[str, str]]
"""Next word -> module, summary."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Nothing: the next word says what is wanted."""

    words: tuple[str, ...] | list[str] = ()


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="see below")


def listed(commands: Commands, examples: str) -> str:
    """Return what stands below the options: the commands, then examples."""
    names = "\n".join(f"  {name:11}{text}" for name, (_, text) in commands.items())
    return f"commands:\n{names}\n\nexamples:\n{examples}"


def asking(group: str, commands: Commands) -> Callable[[Options], int]:
    """Return what is done where the next word is missing or not known: it is asked for."""

    def command(options: Options) -> int:
        given = " ".join(options.words)
        raise UsageError(
            f"{given!r} is none of {', '.join(commands)}" if given else "a command is needed",
            where=f"qiqa {group}",
            hint=f"for instance qiqa {group} {next(iter(commands))} --help",
        )

    return command
