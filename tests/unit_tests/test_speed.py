"""docs/speed.md is made of what was measured, and hides no loss."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks import _speed_rows as rows
from benchmarks._speed_page import BEGIN, DOCS, END, Ratio, measured, ratios, write_page
from benchmarks._speed_process import Isolated, SubjectError, peak_memory

OURS, OTHER = rows.LLAMAFILE, rows.CHAT_OPENAI
SAME: Final[dict[str, list[float]]] = {
    "stream": [40.0, 50.0, 60.0],
    "batch": [90.0, 90.0, 90.0],
    "first": [100.0, 100.0, 100.0],
    "prompt": [300.0, 300.0, 300.0],
    "memory": [120.0],
}


def run(ours: dict[str, list[float]], **more: Any) -> dict[str, Any]:
    model = {
        "model": "SmolLM2 135M",
        "megabytes": 98.4,
        "threads": 2,
        "server_memory": 400.0,
        "subjects": {OURS: {**SAME, **ours}, OTHER: SAME},
        "failed": {rows.CHAT_LLAMA: "ModuleNotFoundError: No module named 'langchain_llama_cpp'"},
    }
    return {
        "command": "make speed",
        "date": "2026-11-29",
        "machine": "a CPU, 2 cores, 25 GB",
        "load": 0.1,
        "versions": {"Python": "3.11.7", "xllamacpp": "2026.10.11549"},
        "models": [{**model, **more}],
    }


def page(results: dict[str, Any]) -> str:
    return "\n\n".join(measured(results))


def test_ratio_of_a_round_compares_values_of_the_same_round() -> None:
    found = ratios(run({"stream": [80.0, 50.0, 30.0]})["models"][0])
    stream = next(each for each in found if each.metric == "stream")
    assert stream.rounds == (2.0, 1.0, 0.5)
    assert str(stream) == "1.00 (0.50 to 2.00)"


@pytest.mark.parametrize("metric", ["first", "memory"])
def test_ratio_of_a_time_or_memory_is_above_one_if_ours_is_less(metric: str) -> None:
    halves = [each / 2 for each in SAME[metric]]
    found = {each.metric: each for each in ratios(run({metric: halves})["models"][0])}
    assert found[metric].median == 2.0


@pytest.mark.parametrize(
    ("rounds", "lost", "unclear"),
    [
        ((1.0, 1.1), False, False),
        ((0.97, 1.02), False, False),
        ((0.9, 0.94), True, False),
        ((0.97, 0.98, 0.99), True, False),
        ((0.97,), False, False),
        ((0.8, 0.9, 1.1), False, True),
    ],
)
def test_is_lost_means_below_one_in_every_round(
    rounds: tuple[float, ...], lost: bool, unclear: bool
) -> None:
    ratio = Ratio(OURS, OTHER, "stream", rounds)
    assert (ratio.is_lost, ratio.is_open) == (lost, unclear)


def test_page_names_command_date_machine_versions_and_what_was_not_measured() -> None:
    text = page({"quiet": run({})})
    for part in (
        "`make speed`",
        "2026-11-29",
        "a CPU, 2 cores",
        "xllamacpp 2026.10.11549",
        "3 rounds",
    ):
        assert part in text
    assert f"- {rows.CHAT_LLAMA}: ModuleNotFoundError" in text
    assert "nowhere in this run" in text


@pytest.mark.parametrize(("load", "provisional"), [(0.1, False), (5.0, True)])
def test_page_says_that_a_run_on_a_busy_machine_is_provisional(
    load: float, provisional: bool
) -> None:
    run_beside = {**run({}), "load": load}
    assert ("provisional" in page({"quiet": run_beside})) is provisional
    assert "provisional" not in page({"busy": run_beside})


def test_page_lists_a_loss_without_explanation_as_not_explained() -> None:
    text = page({"quiet": run({"batch": [45.0, 45.0, 45.0]})})
    assert f"{OURS} / {OTHER}, batch of 8: 0.50 (0.50 to 0.50): not explained yet." in text


def test_page_lists_what_the_rounds_do_not_decide_by_itself() -> None:
    text = page({"quiet": run({"batch": [45.0, 45.0, 99.0]})})
    assert "nowhere in this run" in text
    assert text.endswith(
        f"decide them:\n\n- SmolLM2 135M, {OURS} / {OTHER}, batch of 8: 0.50 (0.50 to 1.10)"
    )


def test_page_lists_no_loss_of_an_engine_by_itself() -> None:
    subjects = {
        rows.XLLAMACPP: {**SAME, "prompt": [30.0, 30.0, 30.0]},
        rows.LLAMA_CPP_PYTHON: SAME,
    }
    text = page({"quiet": run({}, subjects=subjects)})
    assert f"| {rows.XLLAMACPP} / {rows.LLAMA_CPP_PYTHON} |" in text
    assert "nowhere in this run" in text


def test_page_gives_the_reason_of_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rows.WHY, (OURS, "*", "batch"), "it waits.")
    assert "0.50 (0.50 to 0.50): it waits." in page({"quiet": run({"batch": [45.0, 45.0, 45.0]})})


def test_every_explanation_belongs_to_a_comparison() -> None:
    pairs = {*rows.COMPARISONS, *((ours, "*") for ours, _ in rows.COMPARISONS)}
    assert {(ours, other) for ours, other, _ in rows.WHY} <= pairs
    assert {metric for *_, metric in rows.WHY} <= set(rows.METRICS)


def test_every_comparison_names_subjects_that_are_measured() -> None:
    groups = (
        rows.IN_PROCESS,
        rows.SERVED,
        rows.OLLAMA_SERVED,
        rows.GPT4ALL_ENGINE,
        rows.EMBEDDINGS,
    )
    names = {name for group in groups for name in group}
    assert {name for pair in rows.COMPARISONS for name in pair} == names


def test_write_page_replaces_only_what_is_between_the_markers(tmp_path: Path) -> None:
    (tmp_path / "speed.md").write_text(
        f"# Before\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8"
    )
    write_page({"quiet": run({}), "busy": run({})}, tmp_path)
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert text.startswith(f"# Before\n\n{BEGIN}\n\n### On idle cores")
    assert "### With all cores busy" in text
    assert text.endswith(f"\n\n{END}\n\nafter\n")
    assert "old" not in text


def test_picture_is_an_svg_with_every_comparison_inside_its_frame(tmp_path: Path) -> None:
    (tmp_path / "speed.md").write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    write_page({"quiet": run({"stream": [400.0, 50.0, 1.0]})}, tmp_path)
    picture = ET.fromstring((tmp_path / "speed-quiet.svg").read_text(encoding="utf-8"))  # noqa: S314 - ours
    words = [each.text or "" for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{OURS} / {OTHER}" in words
    width, height = map(float, picture.attrib["viewBox"].split()[2:])
    dots = list(picture.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(dots) == 4  # two of the legend, two of the comparison
    assert all(0 < float(dot.attrib["cx"]) < width for dot in dots)
    assert all(0 < float(dot.attrib["cy"]) < height for dot in dots)


def test_published_page_is_what_its_results_give(tmp_path: Path) -> None:
    published = (DOCS / "speed.md").read_text(encoding="utf-8")
    (tmp_path / "speed.md").write_text(published, encoding="utf-8")
    write_page(json.loads((DOCS / "speed.json").read_text(encoding="utf-8")), tmp_path)
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == published


class Fragile:
    """What a subject can do in its process."""

    def peak(self) -> float:
        return peak_memory()

    def fail(self) -> None:
        raise ValueError("no such model")

    def crash(self) -> None:
        raise SystemExit(3)


def test_isolated_reports_memory_of_its_own_process() -> None:
    subject = Isolated(Fragile)
    assert 5 < subject.call("peak") < 2000
    subject.end()


@pytest.mark.parametrize(
    ("method", "reason"), [("fail", "ValueError: no such model"), ("crash", "ended with status 3")]
)
def test_isolated_gives_the_reason_of_a_failure(method: str, reason: str) -> None:
    with pytest.raises(SubjectError, match=reason):
        Isolated(Fragile).call(method)
