"""Print the commands of a README block, found by the comment `<!-- run: NAME -->` above it."""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def block(name: str) -> str:
    """The text of the fenced block behind a mark."""
    pattern = rf"<!-- run: {re.escape(name)} -->\n```\w*\n(.*?)```"
    found = re.findall(pattern, README.read_text(encoding="utf-8"), flags=re.DOTALL)
    if len(found) != 1:
        raise SystemExit(f"README.md: {len(found)} blocks marked {name!r}, expected one")
    return str(found[0])


if __name__ == "__main__":
    print(block(sys.argv[1]))
