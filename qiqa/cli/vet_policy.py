"""`qiqa vet policy`: the default policy to start from, or whether a policy is right."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.arguments import Parser
from qiqa.cli.console import one_line, say, write_text
from qiqa.core.errors import UsageError

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = ""
EPILOG = """
examples:
  qiqa vet policy --owner "J. Kask" --purpose "segmentation on T1" -o policy.toml
  qiqa vet policy --check policy.toml

Decide before you look: a policy that is changed after results were seen says so on the data card.
Exit status: 0 done, 1 the policy is wrong.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    owner: str = ""
    purpose: str = ""
    name: str = ""
    output: Path | None = None
    check: Path | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    start = parser.add_argument_group("a policy to start from")
    start.add_argument("--owner", default="", metavar="NAME", help="who answers for it")
    start.add_argument("--purpose", default="", metavar="TEXT", help="what the data are for")
    start.add_argument("--name", default="", metavar="TEXT", help="what it is called")
    start.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: print it")
    other = parser.add_argument_group("a policy that is there")
    other.add_argument("--check", type=Path, metavar="FILE", help="say whether it can be used")


def command(options: Options) -> int:
    """Print the default policy with the names given, or check one."""
    from qiqa.io.policy_file import read_policy, started_policy
    from qiqa.workflows.vet_checks import known_checks

    if options.check is not None:
        policy = read_policy(options.check, known_checks())
        words = f"{len(policy.rules)} rules of {policy.owner}, decided on {policy.decided_on}"
        say(one_line(f"{options.check}: {words}"))
        return status.PASS
    today = dt.datetime.now().date()
    text = started_policy(options.owner, options.purpose, options.name, today)
    if not options.owner:
        say("nobody answers for this policy yet: give --owner NAME", to_error=True)
    if options.output is None:
        say(text.rstrip("\n"))
        return status.PASS
    if options.output.exists():
        raise UsageError(
            "is there already: a policy is not replaced",
            where=str(options.output),
            hint="choose another name, or delete it first",
        )
    write_text(text, str(options.output))
    say(f"policy: {options.output.resolve()}")
    return status.PASS
