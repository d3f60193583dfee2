"""The page in a real browser: asking, stopping, citations, adding files, other tabs, restarts,
accessibility."""

import os
import re
import shutil
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.integration_tests.ui.conftest import HTML, MANY, PATIENCE, Running, Tab, served

expect.set_options(timeout=PATIENCE)


def opened(tab: Tab, running: Running) -> Page:
    tab.page.goto(running.address)
    expect(tab.page.locator("#empty-text")).to_contain_text("ready")
    expect(tab.page.locator("#job")).to_be_hidden()
    return tab.page


def ask(page: Page, question: str) -> None:
    page.fill("#question", question)
    page.keyboard.press("Enter")


def test_page_answer_streams_and_its_citation_opens_the_passage(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    tab.shoot("empty")
    running.speaker.gate.clear()
    ask(page, "Is the boat blue? gated")
    expect(page.locator(".answer")).to_have_text("The first half.")  # while the model waits
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "true")
    tab.shoot("streaming")
    running.speaker.gate.set()
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".answer")).to_contain_text("The boat is blue 1. It flies.")
    expect(page.locator(".below")).to_contain_text("stand-in.gguf")
    expect(page.get_by_role("img", name="No passage supports this sentence")).to_have_count(2)
    expect(page.locator("summary").nth(0)).to_have_text("2 sentences without support")
    expect(page.locator("summary").nth(1)).to_have_text("1 invalid citation")
    page.locator(".cite").click()
    expect(page.locator("#viewer mark")).to_have_text("The boat is blue.")
    expect(page.locator("#viewer")).to_contain_text("Boats > Small ones")
    expect(page.locator("#viewer-title")).to_have_text("notes/boats.md")
    tab.shoot("citation")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".cite")).to_be_focused()
    ask(page, "Does it leak?")
    expect(page.locator(".answer[aria-busy=false]")).to_have_count(2)
    page.reload()  # the conversation is on disk
    expect(page.locator(".turn")).to_have_count(2)
    page.locator(".turn").first.locator(".source").first.click()
    expect(page.locator("#viewer mark")).to_have_text("The boat is blue.")


def test_page_stop_ends_the_model_and_keeps_what_it_said(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    running.speaker.ended.clear()
    ask(page, "Is the boat endless?")
    expect(page.locator(".answer")).to_contain_text("0 and 1 and")
    assert not running.speaker.ended.is_set()
    page.click("#stop")
    assert running.speaker.ended.wait(PATIENCE / 1000)
    expect(page.locator(".below")).to_contain_text("Stopped")
    expect(page.locator("#send")).to_be_visible()
    tab.shoot("stopped")
    ask(page, "Is the boat blue?")  # in the same conversation
    expect(page.locator(".answer[aria-busy=false]")).to_have_count(2)
    page.reload()
    expect(page.locator(".answer").first).to_contain_text("0 and 1 and")
    expect(page.locator(".below").first).to_contain_text("Stopped")


def test_page_html_in_an_answer_and_in_a_document_stays_text(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    ask(page, "Is the boat html?")
    expect(page.locator(".answer[aria-busy=false]")).to_contain_text(HTML.replace(" [1].", ""))
    assert page.locator(".answer img, .answer b, .answer script").count() == 0
    page.fill("#filter", "leak")
    expect(page.locator("#documents .name")).to_have_text(["leak.md"])
    page.locator("#documents button.row-main").click()
    expect(page.locator("#viewer-body")).to_contain_text(
        "<img src=http://leak.invalid/x onerror=alert(3)>"
    )
    assert page.locator("#viewer-body img").count() == 0
    ask(page, "<i>boat</i> **blue**")
    expect(page.locator(".asked").last).to_have_text("<i>boat</i> **blue**")
    tab.shoot("html")


def test_page_code_of_an_answer_stays_as_it_is(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    ask(page, "What is the color of the boat in Python?")
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".answer pre")).to_have_text("   boats[1].color", use_inner_text=True)
    expect(page.locator(".answer p code")).to_have_text("boats[1]")
    expect(page.locator(".cite")).to_have_count(1)
    expect(page.get_by_role("img", name="No passage supports this sentence")).to_have_count(2)


def test_page_dropped_and_chosen_files_are_indexed_and_can_be_removed(
    tab: Tab, running: Running, tmp_path: Path
) -> None:
    page = opened(tab, running)
    (tmp_path / "lamps" / "deep").mkdir(parents=True)
    (tmp_path / "lamps" / "deep" / "green-lamp.md").write_text(
        "The lamp is green.", encoding="utf-8"
    )
    (tmp_path / "lamps" / ".hidden.md").write_text("The lamp is hidden.", encoding="utf-8")
    (tmp_path / "red-lamp.md").write_text("The lamp is red.", encoding="utf-8")
    shutil.copy(
        Path(__file__).parents[3] / "docs/handbook/safety.pdf", tmp_path / "safety-lamp.pdf"
    )
    (tmp_path / "blob-lamp.bin").write_bytes(bytes(range(256)) * 4)
    drop(page, tmp_path / "lamps", tmp_path / "red-lamp.md")
    page.fill("#filter", "lamp")
    expect(page.locator("#documents .name")).to_have_text(["green-lamp.md", "red-lamp.md"])
    with page.expect_file_chooser() as chooser:
        page.click("#add-files")
    chooser.value.set_files([tmp_path / "safety-lamp.pdf", tmp_path / "blob-lamp.bin"])
    expect(page.locator("#documents .name")).to_have_text(
        ["blob-lamp.bin", "green-lamp.md", "red-lamp.md", "safety-lamp.pdf"]
    )
    expect(page.locator("#documents .problem")).to_contain_text("Left out")
    page.locator("#documents button.row-main", has_text="safety-lamp").click()
    expect(page.locator("#viewer img")).to_have_attribute("src", re.compile("^blob:"))
    expect(page.locator("#viewer img")).to_have_js_property("naturalWidth", 1100)
    expect(page.locator("#viewer-body")).to_contain_text("ring the brass bell")
    tab.shoot("documents")
    page.get_by_label("Remove red-lamp.md").click()
    page.click("#confirm-yes")
    expect(page.locator("#documents .name")).to_have_text(
        ["blob-lamp.bin", "green-lamp.md", "safety-lamp.pdf"]
    )
    assert not (running.library.uploads.folder / "red-lamp.md").exists()
    assert (running.library.uploads.folder / "lamps" / "deep" / "green-lamp.md").exists()


def test_page_indexing_is_watched_in_a_page_that_had_no_documents(
    tab: Tab, empty: Running, tmp_path: Path
) -> None:
    page = tab.page
    page.goto(empty.address)
    expect(page.locator("#empty-add button").first).to_be_visible()
    expect(page.locator("#counts")).to_have_text("No documents yet.")
    tab.shoot("first-run")
    (tmp_path / "lamps").mkdir()
    for number in range(3):
        (tmp_path / "lamps" / f"lamp-{number}.md").write_text(
            f"Lamp {number} is green.", encoding="utf-8"
        )
    empty.indexing.clear()
    drop(page, tmp_path / "lamps")
    expect(page.locator("#job")).to_be_visible()
    expect(page.locator("#job-text")).to_contain_text(re.compile(r"Indexing: \d of 3 files"))
    expect(page.get_by_role("progressbar", name=re.compile("Indexing"))).to_be_visible()
    tab.shoot("indexing")
    empty.indexing.set()
    expect(page.locator("#job")).to_be_hidden()
    expect(page.locator("#counts")).to_have_text("3 files, 3 passages")
    expect(page.locator("#documents .name")).to_have_text(
        [f"lamp-{number}.md" for number in range(3)]
    )
    ask(page, "Is lamp 2 green?")
    expect(page.locator(".answer[aria-busy=false]")).to_be_visible()


def test_page_links_that_lead_out_of_a_folder_are_named(
    tab: Tab, empty: Running, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "boats.md").write_text("The boat is blue.", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("The password is swordfish.", encoding="utf-8")
    (tmp_path / "notes" / "link.txt").symlink_to(tmp_path / "secret.txt")
    empty.library.start([tmp_path / "notes"])
    page = opened(tab, empty)
    expect(page.locator("#fault")).to_contain_text("links that lead out of your folders")
    expect(page.locator("#fault")).to_contain_text("link.txt")
    expect(page.locator("#documents .name")).to_have_text(["boats.md"])
    page.get_by_role("button", name="Close", exact=True).first.click()
    expect(page.locator("#fault")).to_be_hidden()


def test_page_models_of_this_machine_are_chosen_with_what_fit_says(
    tab: Tab, empty: Running, tmp_path: Path
) -> None:
    (tmp_path / "boats.md").write_text("The boat is blue. Lamp 1 is green.", encoding="utf-8")
    empty.library.start([tmp_path / "boats.md"])
    page = opened(tab, empty)
    page.click("#open-models")
    answers, search = (
        page.get_by_role("radiogroup", name="Answers"),
        page.get_by_role("radiogroup", name="Search"),
    )
    expect(answers.locator(".choice", has_text="tiny-chat.gguf")).to_contain_text("It runs here")
    expect(answers.get_by_role("radio", name=re.compile("stand-in.gguf"))).to_be_checked()
    tab.shoot("models")
    answers.locator(".choice", has_text="tiny-chat.gguf").click()
    expect(page.locator("#models")).to_be_hidden()
    expect(page.locator("#model-name")).to_have_text("tiny-chat.gguf")
    page.click("#open-models")
    search.locator(".choice", has_text="tiny-embed.gguf").click()
    expect(page.locator("#confirm-text")).to_contain_text("The index is rebuilt")
    page.click("#confirm-no")
    expect(search.get_by_role("radio", name=re.compile("stand-in-embed.gguf"))).to_be_checked()
    empty.indexing.clear()
    search.locator(".choice", has_text="tiny-embed.gguf").click()
    page.click("#confirm-yes")
    expect(page.locator("#job")).to_be_visible()
    empty.indexing.set()
    expect(page.locator("#job")).to_be_hidden()
    assert empty.library.embeddings.short_name == "tiny-embed.gguf"
    ask(page, "Is the boat blue?")
    expect(page.locator(".answer[aria-busy=false]")).to_contain_text("The boat is blue")


PASSAGE = {
    "source": "notes/boats.md",
    "page": None,
    "heading": "Boats",
    "line": 1,
    "passage": "It leaks.",
    "id": "",
}
TURN = {
    "question": "Is the boat blue?",
    "answer": "It has 3 masts. [?] It flies [9].",
    "model": "stand-in.gguf",
    "citations": [],
    "passages": [PASSAGE],
    "omitted": [PASSAGE, PASSAGE],
    "invalid_citations": [{"marker": 9, "reason": "There is no sentence 9."}],
    "unsupported": [{"text": "It has 3 masts.", "missing": ["3"]}],
    "timings": {"total": 2.5},
    "tokens": {"completion": 21},
    "tokens_per_second": 10.0,
    "status": "done",
    "finish_reason": "length",
    "refused": False,
    "fault": "",
}


def test_page_omitted_passages_invalid_citations_and_cuts_are_shown(
    tab: Tab, running: Running
) -> None:
    key = running.history.begin("Is the boat blue?")
    running.history.add(key, TURN)
    page = tab.page
    page.goto(f"{running.address}#{key}")
    expect(page.locator(".below")).to_contain_text("10 tokens per second")
    expect(page.locator(".below")).to_contain_text("Cut: the answer reached its longest length")
    expect(page.locator(".below")).to_contain_text("No passage supports this answer")
    expected = [
        "1 sentence without support",
        "1 invalid citation",
        "1 passage given",
        "2 passages omitted: the model's context",
    ]
    expect(page.locator("summary")).to_contain_text(expected)
    for summary in page.locator("summary").all():
        summary.click()
    expect(page.locator("details").first).to_contain_text("The passages do not contain 3.")
    expect(page.locator("details").nth(1)).to_contain_text("There is no sentence 9.")
    check_accessible(page)
    tab.shoot("omitted")
    page.get_by_label("Delete the conversation: Is the boat blue?").first.click()
    page.click("#confirm-yes")
    expect(page.locator("#empty")).to_be_visible()
    assert key not in [each["id"] for each in running.history.list()]


def test_page_keyboard_alone_asks_stops_and_opens_a_citation(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    running.speaker.ended.clear()
    page.keyboard.type("Is the boat endless?")  # the question has the focus at first
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("0 and 1 and")
    page.keyboard.press("Tab")
    expect(page.locator("#stop")).to_be_focused()
    page.keyboard.press("Enter")
    assert running.speaker.ended.wait(PATIENCE / 1000)
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("Is the boat blue?")
    page.dispatch_event("#question", "keydown", {"key": "Enter", "keyCode": 229})
    expect(page.locator("#question")).to_have_value("Is the boat blue?")  # a word in Safari ended
    page.keyboard.press("Enter")
    expect(page.locator(".answer[aria-busy=false]")).to_have_count(2)
    cited = page.locator(".cite").last
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if cited.evaluate("node => node === document.activeElement"):
            break
    expect(cited).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#viewer mark")).to_have_text("The boat is blue.")
    page.keyboard.press("Escape")
    expect(cited).to_be_focused()


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders of the disk on the page, as a person does."""
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
        if kind == "dragOver":
            expect(page.locator("#drop")).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()


def test_page_five_hundred_documents_are_listed_and_found(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    expect(page.locator("#documents .row")).to_have_count(100)
    expect(page.locator("#documents .problem", has_text="broken.pdf")).to_contain_text("Left out")
    page.click("#more-documents")
    expect(page.locator("#documents .row")).to_have_count(200)
    page.fill("#filter", f"note-{MANY - 1}")
    expect(page.locator("#documents .name")).to_have_text([f"note-{MANY - 1}.txt"])
    expect(page.locator("#more-documents")).to_be_hidden()


def test_page_two_tabs_ask_at_once_and_share_the_history(tab: Tab, running: Running) -> None:
    one = opened(tab, running)
    two = one.context.new_page()
    two.goto(running.address)
    running.speaker.gate.clear()
    ask(one, "Is the boat blue? gated one")
    expect(one.locator(".answer")).to_have_text("The first half.")
    ask(two, "Is the boat blue? two")
    expect(two.locator(".answer[aria-busy=false]")).to_contain_text("The boat is blue")
    expect(one.locator(".answer[aria-busy=true]")).to_have_text("The first half.")
    running.speaker.gate.set()
    expect(one.locator(".answer[aria-busy=false]")).to_contain_text("The boat is blue")
    for words in ("gated one", "blue? two"):
        expect(one.locator("#conversations .name", has_text=words).first).to_be_visible()
    one.locator("#conversations .row.current .icon-button").click()
    one.click("#confirm-yes")
    expect(one.locator("#conversations .name", has_text="gated one")).to_have_count(0)
    expect(one.locator("#empty")).to_be_visible()


def test_page_restart_of_the_server_is_noticed_and_survived(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    running.stop()
    expect(page.locator("#connection")).to_contain_text("connection to localllm is lost")
    ask(page, "Is the boat blue?")
    expect(page.locator(".fault")).to_contain_text("connection to localllm was lost")
    tab.shoot("lost")
    running.start()
    expect(page.locator("#connection")).to_be_hidden()
    ask(page, "Is the boat blue?")
    expect(page.locator(".answer").last).to_contain_text("The boat is blue")
    running.stop()
    running.start("another-token")
    expect(page.locator("#connection")).to_contain_text("started again")
    running.stop()
    running.start()


def test_page_command_shows_the_handbook_with_the_tiny_models(tab: Tab, tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parents[3] / "docs/handbook", tmp_path / "handbook")
    with served("ui", "handbook", "--no-open", cwd=tmp_path) as address:
        page = tab.page
        page.goto(address)
        expect(page.locator("#empty-text")).to_contain_text("6 documents are ready")
        for count, question in enumerate(("Who is the warden?", "Who is the nearest doctor?"), 1):
            ask(page, question)
            expect(page.locator(".below")).to_have_count(count)
        expect(page.locator(".answer").first).to_contain_text("Odalys Fenn is the warden.")
        expect(page.locator(".below").first).to_contain_text("tokens per second")
        page.locator(".sources .source").nth(1).click()
        expect(page.locator("#viewer img")).to_have_js_property("naturalWidth", 1100)
        expect(page.locator("#viewer mark")).to_have_text(
            "The nearest doctor is Helga Brannick in Port Ansty."
        )
        tab.shoot("ui")
        page.click("#theme")
        page.locator(".cite").first.click()
        expect(page.locator("#viewer mark")).to_have_text("Odalys Fenn is the warden.")
        tab.shoot("ui-dark")
        page.click("#theme")
        page.click("#open-models")
        expect(page.locator(".choice", has_text="tiny-chat.gguf")).to_contain_text("It runs here")
        tab.shoot("ui-models")
        page.click("#close-models")
        page.click("#close-viewer")
        page.set_viewport_size({"width": 390, "height": 720})
        tab.shoot("ui-phone")


def test_page_wrong_token_opens_nothing(tab: Tab, running: Running) -> None:
    response = tab.page.goto(running.address + "x")
    assert response
    assert response.status == 401
    expect(tab.page.locator("main")).to_contain_text("Open the whole address")
    assert tab.page.locator("#question").count() == 0
    check_accessible(tab.page)
    tab.shoot("wrong-token")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_people_with_assistive_technology_can_use_it(
    browser: Browser, running: Running, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = Tab(context.new_page(), Path(os.environ.get("UI_PICTURES") or tmp_path))
    page = opened(tab, running)
    look = f"{scheme}-{width}"
    check_accessible(page)
    tab.shoot(f"empty-{look}")
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    running.speaker.gate.clear()
    ask(page, "Is the boat gated?")
    expect(page.locator(".answer")).to_contain_text("The first half.")
    check_accessible(page)
    running.speaker.gate.set()
    expect(page.locator(".answer[aria-busy=false]")).to_be_visible()
    check_accessible(page)
    tab.shoot(f"answer-{look}")
    page.locator(".sources .source").first.click()
    expect(page.locator("#viewer mark")).to_be_visible()
    check_accessible(page)
    tab.shoot(f"viewer-{look}")
    page.keyboard.press("Escape")
    if width < 760:
        page.click("#menu")
        expect(page.locator("#sidebar")).to_be_visible()
        check_accessible(page)
        tab.shoot(f"menu-{look}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#delete-all")
    check_accessible(page)
    tab.shoot(f"confirm-{look}")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    if width < 760:
        page.keyboard.press("Escape")
        expect(page.locator("#sidebar")).to_be_hidden()
    page.click("#open-models")
    expect(page.locator(".choice").first).to_contain_text("stand-in.gguf")
    check_accessible(page)
    tab.shoot(f"models-{look}")
    page.click("#close-models")
    context.set_offline(True)
    expect(page.locator("#connection")).to_be_visible()
    check_accessible(page)
    tab.shoot(f"lost-{look}")
    context.close()


def check_accessible(page: Page) -> None:
    found = [
        each
        for each in Axe().run(page).response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
    assert not found, [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
