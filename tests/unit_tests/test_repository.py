"""The files around the code: workflows, hooks, metadata, word lists."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
WORKFLOWS: Final = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROJECT: Final[dict[str, Any]] = tomllib.loads(
    (ROOT / "pyproject.toml").read_text(encoding="utf-8")
)["project"]


def load(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_actions_are_pinned_by_commit_with_version_in_comment(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert action.startswith("./.github/") or re.fullmatch(
            r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action
        ), action


def test_workflows_pin_an_action_to_one_commit() -> None:
    used = {
        line
        for path in WORKFLOWS
        for line in re.findall(r"uses: ([^.].*)", path.read_text(encoding="utf-8"))
    }
    assert len(used) == len({line.partition("@")[0] for line in used}), used


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_permissions_are_read_only(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    wider = {
        name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job
    }
    assert wider == ({"publish": {"id-token": "write"}} if path.name == "release.yml" else {})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_checkout_keeps_no_credentials(path: Path) -> None:
    checkouts = [
        step for step in steps(load(path)) if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_workflows_run_make_targets_that_exist() -> None:
    targets = set(
        re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    called = [
        step["run"].split()[1]
        for path in WORKFLOWS
        for step in steps(load(path))
        if step.get("run", "").startswith("make ")
    ]
    assert called
    assert set(called) <= targets


def test_release_publishes_from_the_pypi_environment_after_the_tests() -> None:
    publish = load(ROOT / ".github/workflows/release.yml")["jobs"]["publish"]
    assert publish["environment"]["name"] == "pypi"
    assert {"test", "build"} <= set(publish["needs"])
    assert publish["steps"][-1]["with"]["attestations"] is True


def test_classifiers_name_pythons_that_ci_must_pass_on() -> None:
    unit = load(ROOT / ".github/workflows/ci.yml")["jobs"]["unit"]
    required = {
        python
        for python in unit["strategy"]["matrix"]["python"]
        if python not in unit["continue-on-error"]
    }
    named = {
        match[1]
        for line in PROJECT["classifiers"]
        if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    }
    assert named == required


def test_hooks_use_the_versions_of_the_constraints() -> None:
    constraints = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8").splitlines()
    config = load(ROOT / ".pre-commit-config.yaml")
    local = [hook for repo in config["repos"] if repo["repo"] == "local" for hook in repo["hooks"]]
    pinned = {version for hook in local for version in hook.get("additional_dependencies", [])}
    assert {version.partition("==")[0] for version in pinned} == {"ruff", "codespell"}
    assert pinned <= set(constraints)
    assert all(
        re.fullmatch("[0-9a-f]{40}", repo["rev"])
        for repo in config["repos"]
        if repo["repo"] != "local"
    )


def test_links_to_this_repository_lead_to_files() -> None:
    home = PROJECT["urls"]["Source"]
    raw = home.replace("https://github.com/", "https://raw.githubusercontent.com/")
    pages = [
        ROOT / "README.md",
        ROOT / "SECURITY.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/readme/*.md"),
    ]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(
            rf"(?:{re.escape(home)}/(?:blob|tree)|{re.escape(raw)})/main/([^)#\s\"?]+)", text
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A file of 3 thousand million numbers.", "thousand million"),
        ("It tells\nwhat is there.", "tells what"),
        ("Plain words.", ""),
        ("```text\nIt tells what is there.\n```", ""),
    ],
)
def test_phrases_are_found_in_prose_and_not_in_code(
    tmp_path: Path, line: str, expected: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text(line, encoding="utf-8")
    checker = ROOT / ".ci/check_phrases.py"
    done = subprocess.run(
        [sys.executable, checker, page], capture_output=True, text=True, check=False
    )
    assert (done.returncode, expected in done.stdout) == (int(bool(expected)), True), done.stderr
