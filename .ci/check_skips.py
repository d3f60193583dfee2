"""Fails when a test was skipped that is not in the list of allowed skips.

    python .ci/check_skips.py JUNIT_XML ALLOWED_SKIPS

A skip that goes unnoticed is a test that never runs. A line of the list is the beginning of a
test's name as pytest's report gives it, and the reason after a `#`. Expected failures (xfail) state
their reason in the code and are not looked at.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(report: str, allowed: str) -> None:
    """Compare the report with the list."""
    names = [
        line.split("#")[0].strip()
        for line in Path(allowed).read_text(encoding="utf-8").splitlines()
    ]
    prefixes = tuple(name for name in names if name)
    unknown = [
        f"{name}: {skip.get('message')}"
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it a moment ago
        for skip in case.iter("skipped")
        if skip.get("type") != "pytest.xfail"
        and not (name := f"{case.get('classname')}.{case.get('name')}").startswith(prefixes)
    ]
    if unknown:
        sys.exit(
            "Skipped tests that .ci/allowed_skips.txt does not explain:\n" + "\n".join(unknown)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
