"""Write docs/standard-tests.md: which standard tests of LangChain pass on which chat model.

The results come from a test report:

python -m pytest tests/integration_tests/standard/test_chat.py --junit-xml=report.xml
python tools/standard_table.py report.xml
"""

import re
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from typing import Final

_PAGE: Final = Path(__file__).parents[1] / "docs" / "standard-tests.md"
_HEAD: Final = """\
# LangChain's standard tests

`ChatModelIntegrationTests` of langchain-tests, on the real engines with the tiny chat model at
temperature 0. `tools/standard_table.py` writes this page from the report of a test run.

"""
_SUITE: Final = "tests.integration_tests.standard.test_chat."


def outcome(case: ET.Element) -> str:
    """Yes, no, or a note's text."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "no"
    if (skipped := case.find("skipped")) is None:
        return "yes"
    reason = (skipped.get("message") or "").rstrip(".")
    return f"too weak: {reason}" if skipped.get("type") == "pytest.xfail" else "not run"


def main(report: str) -> None:
    """Read the report and write the page."""
    rows: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it a moment ago
        if case.get("classname", "").startswith(_SUITE):
            name = re.sub(r"\[.*", "", case.get("name", ""))
            rows[name][case.get("classname", "").removeprefix(f"{_SUITE}Test")].add(outcome(case))
    classes = sorted({name for row in rows.values() for name in row})
    notes: list[str] = []
    lines = [
        "| test | " + " | ".join(f"`{name}`" for name in classes) + " |",
        "|---" * (len(classes) + 1) + "|",
    ]
    lines += [
        f"| `{test}` | " + " | ".join(_cell(row[name], notes) for name in classes) + " |"
        for test, row in sorted(rows.items())
    ]
    explained = [f"{number}. {note}." for number, note in enumerate(notes, 1)]
    text = "\n".join(
        [
            *lines,
            "",
            "Not run: the reason is in `.ci/allowed_skips.txt`. The numbers explain what failed:",
            "",
            *explained,
        ]
    )
    _PAGE.write_text(_HEAD + text + "\n", encoding="utf-8")


def _cell(outcomes: set[str], notes: list[str]) -> str:
    weak = sorted(each.partition(": ")[2] for each in outcomes if ": " in each)
    notes += [note for note in weak if note not in notes]
    words = sorted(each for each in outcomes if ": " not in each)
    return " and ".join([*words, *(f"no ({notes.index(note) + 1})" for note in weak)]) or "not run"


if __name__ == "__main__":
    main(*sys.argv[1:])
