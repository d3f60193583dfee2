"""docs/contract.md names the tests that prove each rule; this keeps the names true."""

import re
from pathlib import Path
from typing import Final

import langchain_localllm
from langchain_localllm.registry import RUNTIMES

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
STANDARD: Final = Path(langchain_localllm.__file__).with_name("testing")
CONTRACT: Final = ROOT / "tests/integration_tests/contract"
RULES: Final = range(1, 19)


def names_in(*folders: Path) -> set[str]:
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return {
        name
        for file in files
        for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    }


def test_contract_page_each_rule_has_tests_that_exist() -> None:
    there = names_in(STANDARD, ROOT / "tests")
    proofs = re.findall(r"^\| (\d+) \| (`test_.*) \|$", PAGE, re.MULTILINE)
    assert [int(rule) for rule, _ in proofs] == list(RULES)
    for _, names in proofs:
        assert set(re.findall(r"`(\w+)`", names)) <= there


def test_contract_page_each_test_of_the_contract_proves_a_rule() -> None:
    assert {name for name in names_in(STANDARD, CONTRACT) if "OVERRIDE" not in name} <= set(
        re.findall(r"`(test_\w+)`", PAGE)
    )


def test_contract_page_each_rule_says_to_what_it_applies() -> None:
    rules = re.findall(r"^\| (\d+)\. .* \|(.*)\|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
    assert [int(rule) for rule, *_ in rules] == list(RULES)
    assert all("".join(kinds).strip() for _, *kinds in rules)


def test_contract_page_lists_what_engines_lack() -> None:
    source = (CONTRACT / "engines.py").read_text(encoding="utf-8")
    lacks = re.findall(r'"test_\w+": (["\'])(.*)\1', source)
    assert lacks
    for _, reason in lacks:
        assert f"| {reason} |" in PAGE
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) <= {
        kinds["text"] for kinds in RUNTIMES.values()
    }
