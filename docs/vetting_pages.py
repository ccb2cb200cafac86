"""Write docs/vetting/reason-codes.md from the checks and the default policy; a test holds it.

python docs/vetting_pages.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qiqa.core.vet_words import sentence
from qiqa.core.vetting import Check, Reason, VetPolicy
from qiqa.io.policy_file import default_policy_text, parse_policy
from qiqa.workflows.vet_checks import known_checks

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "vetting" / "reason-codes.md"
HEAD = """# Reason codes of vetting

Every code that a check may say, from the checks themselves (made by `docs/vetting_pages.py`).
A code never changes its meaning. The default is what the [policy](policy.md) that comes with qiqa
asks for when a value is above its limit; a code without a rule is shown on the card and changes
nothing. What becomes of it all: [outputs](outputs.md).
"""


def main() -> None:
    """Write the page."""
    checks = known_checks()
    policy = parse_policy(default_policy_text().encode(), checks, "default.toml")
    PAGE.write_text(page(checks, policy), encoding="utf-8", newline="\n")


def page(checks: Sequence[Check], policy: VetPolicy) -> str:
    """Return the page as Markdown."""
    parts = [HEAD]
    for check in checks:
        own = DOCS / "vetting" / f"{check.name}.md"
        name = f"[{check.name}]({own.name})" if own.exists() else f"`{check.name}`"
        title = sentence(check.title).removesuffix(".")
        parts.append(f"## {title}\n\nCheck {name}, looks at: {check.needs.value}.\n")
        parts.append("| code | value | severity | default | meaning |\n|---|---|---|---|---|")
        parts += [row(reason, policy) for reason in check.reasons]
        parts.append("")
    return "\n".join(parts).rstrip("\n") + "\n"


def row(reason: Reason, policy: VetPolicy) -> str:
    """Return one line of a table."""
    rule = policy.rules.get(reason.code)
    default = "shown only" if rule is None else f"above {rule.limit:g}: {rule.action.value}"
    cells = (
        f"`{reason.code}`",
        reason.unit or "count or yes",
        reason.severity.value,
        default,
        f"{sentence(reason.title)} {sentence(reason.meaning)}",
    )
    # a bar would end the cell
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
