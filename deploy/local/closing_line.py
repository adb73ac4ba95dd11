"""The closing line of a test run made of several: `412 passed, 0 failed, 1 skipped`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def closing_line(*results: Path) -> str:
    """The sum over every pytest report (`*.xml`) in these folders; an error in a fixture is a failure."""
    run = failed = skipped = 0
    for report in sorted(path for folder in results for path in folder.glob("*.xml")):
        for suite in ET.parse(report).iter("testsuite"):  # noqa: S314 - because pytest wrote it a moment ago
            run += int(suite.get("tests", "0"))
            failed += int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
            skipped += int(suite.get("skipped", "0"))
    line = f"{run - failed - skipped} passed, {failed} failed"
    return f"{line}, {skipped} skipped" if skipped else line


if __name__ == "__main__":
    sys.stdout.write(closing_line(*map(Path, sys.argv[1:])) + "\n")
