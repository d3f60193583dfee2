"""The page in a real browser: asking, stopping, citations, adding files, other tabs, restarts, accessibility."""

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


def test_an_answer_streams_and_its_citation_opens_the_passage(tab: Tab, running: Running) -> None:
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
    expect(page.locator("summary").first).to_have_text("1 citation rejected")
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


def test_stop_ends_the_model_and_keeps_what_it_said(tab: Tab, running: Running) -> None:
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


def test_html_in_an_answer_and_in_a_document_stays_text(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    ask(page, "Is the boat html?")
    expect(page.locator(".answer[aria-busy=false]")).to_contain_text(HTML.replace(" [1].", ""))
    assert page.locator(".answer img, .answer b, .answer script").count() == 0
    page.fill("#filter", "leak")
    expect(page.locator("#documents .name")).to_have_text(["leak.md"])
    page.locator("#documents button.row-main").click()
    expect(page.locator("#viewer-body")).to_contain_text("<img src=http://leak.invalid/x onerror=alert(3)>")
    assert page.locator("#viewer-body img").count() == 0
    ask(page, "<i>boat</i> **blue**")
    expect(page.locator(".asked").last).to_have_text("<i>boat</i> **blue**")
    tab.shoot("html")


def test_dropped_and_chosen_files_are_indexed_and_can_be_removed(tab: Tab, running: Running, tmp_path: Path) -> None:
    page = opened(tab, running)
    (tmp_path / "lamps" / "deep").mkdir(parents=True)
    (tmp_path / "lamps" / "deep" / "green-lamp.md").write_text("The lamp is green.", encoding="utf-8")
    (tmp_path / "lamps" / ".hidden.md").write_text("The lamp is hidden.", encoding="utf-8")
    (tmp_path / "red-lamp.md").write_text("The lamp is red.", encoding="utf-8")
    shutil.copy(Path(__file__).parents[3] / "docs/handbook/safety.pdf", tmp_path / "safety-lamp.pdf")
    (tmp_path / "blob-lamp.bin").write_bytes(bytes(range(256)) * 4)
    drop(page, tmp_path / "lamps", tmp_path / "red-lamp.md")
    page.fill("#filter", "lamp")
    expect(page.locator("#documents .name")).to_have_text(["green-lamp.md", "red-lamp.md"])
    with page.expect_file_chooser() as chooser:
        page.click("#add-files")
    chooser.value.set_files([tmp_path / "safety-lamp.pdf", tmp_path / "blob-lamp.bin"])
    expect(page.locator("#documents .name")).to_have_text(["blob-lamp.bin", "green-lamp.md", "red-lamp.md", "safety-lamp.pdf"])
    expect(page.locator("#documents .problem")).to_contain_text("Left out")
    page.locator("#documents button.row-main", has_text="safety-lamp").click()
    expect(page.locator("#viewer img")).to_have_attribute("src", re.compile("^blob:"))
    expect(page.locator("#viewer img")).to_have_js_property("naturalWidth", 1100)
    expect(page.locator("#viewer-body")).to_contain_text("ring the brass bell")
    tab.shoot("documents")
    page.get_by_label("Remove red-lamp.md").click()
    page.click("#confirm-yes")
    expect(page.locator("#documents .name")).to_have_text(["blob-lamp.bin", "green-lamp.md", "safety-lamp.pdf"])
    assert not (running.library.uploads.folder / "red-lamp.md").exists()
    assert (running.library.uploads.folder / "lamps" / "deep" / "green-lamp.md").exists()


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders of the disk on the page, as a person does."""
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})
        if kind == "dragOver":
            expect(page.locator("#drop")).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()


def test_five_hundred_documents_are_listed_and_found(tab: Tab, running: Running) -> None:
    page = opened(tab, running)
    expect(page.locator("#documents .row")).to_have_count(100)
    expect(page.locator("#documents .problem", has_text="broken.pdf")).to_contain_text("Left out")
    page.click("#more-documents")
    expect(page.locator("#documents .row")).to_have_count(200)
    page.fill("#filter", f"note-{MANY - 1}")
    expect(page.locator("#documents .name")).to_have_text([f"note-{MANY - 1}.txt"])
    expect(page.locator("#more-documents")).to_be_hidden()


def test_two_tabs_ask_at_once_and_share_the_history(tab: Tab, running: Running) -> None:
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


def test_a_restart_of_the_server_is_noticed_and_survived(tab: Tab, running: Running) -> None:
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


def test_the_command_shows_the_handbook_with_the_tiny_models(tab: Tab, tmp_path: Path) -> None:
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
        expect(page.locator("#viewer mark")).to_have_text("The nearest doctor is Helga Brannick in Port Ansty.")
        tab.shoot("ui")
        page.click("#theme")
        page.locator(".cite").first.click()
        expect(page.locator("#viewer mark")).to_have_text("Odalys Fenn is the warden.")
        tab.shoot("ui-dark")
        page.click("#open-models")
        expect(page.locator(".choice", has_text="tiny-chat.gguf")).to_contain_text("It runs here")
        page.click("#close-models")


def test_a_wrong_token_opens_nothing(tab: Tab, running: Running) -> None:
    response = tab.page.goto(running.address + "x")
    assert response
    assert response.status == 401
    expect(tab.page.locator("main")).to_contain_text("Open the whole address")
    assert tab.page.locator("#question").count() == 0
    tab.shoot("wrong-token")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_people_with_assistive_technology_can_use_it(
    browser: Browser, running: Running, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = Tab(context.new_page(), tmp_path)
    page = opened(tab, running)
    check_accessible(page)
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    ask(page, "Is the boat blue?")
    expect(page.locator(".answer[aria-busy=false]")).to_be_visible()
    page.locator(".sources .source").first.click()
    expect(page.locator("#viewer mark")).to_be_visible()
    check_accessible(page)
    page.keyboard.press("Escape")
    if width < 760:
        page.click("#menu")
        expect(page.locator("#sidebar")).to_be_visible()
        check_accessible(page)
        page.keyboard.press("Escape")
        expect(page.locator("#sidebar")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#open-models")
    expect(page.locator(".choice").first).to_contain_text("stand-in.gguf")
    check_accessible(page)
    tab.shoot(f"models-{scheme}-{width}")
    context.close()


def check_accessible(page: Page) -> None:
    found = [each for each in Axe().run(page).response["violations"] if each["impact"] in {"serious", "critical"}]
    assert not found, [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
