"""The page of ``satchel serve`` in a browser: type, click, drop a file, compare, give a token."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

import satchel
from cli_runs import write_model
from satchel.sealed.assembly import Contents
from servers import Served, serving
from small_models import LINEAR, NETWORK, make_contents

CHROMIUM = shutil.which("chromium") or shutil.which("chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

TEXT = "The old car and 東京都, a frobnicator 😀 card: <img src=x onerror=alert(1)>"
HOSTILE = "<script>document.title='taken'</script>"


def hostile(contents: Contents) -> Contents:
    """The same model with a label that is markup."""
    labels = (*contents.manifest.labels[:3], HOSTILE)
    card = f"# Card\n\n| a | b |\n|---|---|\n| {HOSTILE} | 2 |\n\n- one\n- two\n"
    manifest = msgspec.structs.replace(contents.manifest, labels=labels)
    return Contents(manifest=manifest, arrays=contents.arrays, terms=contents.terms, card=card)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    write_model(path / "first.satchel", make_contents((LINEAR, NETWORK)))
    write_model(path / "second.satchel", hostile(make_contents(task="multiple", seed=3)))
    return path


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder / "first.satchel", folder / "second.satchel") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """The page, open; no error of a script or of the policy may occur."""
    context = browser.new_context()
    found = context.new_page()
    faults: list[str] = []
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    found.goto(served.url)
    expect(found.locator("#model option")).to_have_count(2)
    yield found
    assert faults == []
    context.close()


def test_a_text_is_labelled_and_its_words_are_marked(page: Page, folder: Path) -> None:
    page.get_by_label("Text, or drop a file here").fill(TEXT)
    page.get_by_role("button", name="Label it").click()
    model = satchel.load(folder / "first.satchel")
    label = str(model.predict([TEXT])[0])
    expect(page.locator(".answer")).to_have_text(label)
    expect(page.locator(".meters").first).to_contain_text(label)
    assert page.locator(".quote").inner_text() == TEXT
    marked = page.locator("mark.for:not(p mark), mark.against:not(p mark)").all_inner_texts()
    assert "old" in marked
    assert "card:" in marked
    assert "frobnicator" in page.locator(".unknown-words").inner_text()
    strongest = model.explain(TEXT).tokens[0].text.lower()
    assert (
        strongest
        in page.locator(".words").first.inner_text() + page.locator(".words").last.inner_text()
    )
    expect(page.locator("[data-name=first]")).to_contain_text(re.compile("The last .*label"))


def test_two_models_side_by_side_and_nothing_hostile_runs(page: Page) -> None:
    page.get_by_label("Compare with").select_option("second")
    page.get_by_label("Text, or drop a file here").fill(TEXT)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".result")).to_have_count(2)
    boxes = [each.bounding_box() for each in page.locator(".result").all()]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    page.locator("[data-name=second] summary").click()
    expect(page.locator("[data-name=second] td").first).to_have_text(HOSTILE)
    assert page.title() == "Satchel: try a model"
    assert page.locator("img").count() == 0


def test_a_file_is_opened_and_dropped(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("the game and the team", "utf-8")
    page.locator("#file").set_input_files(file)
    expect(page.locator(".answer")).to_be_visible()
    assert page.locator("#text").input_value() == "the game and the team"
    drop = """(content) => {
        const data = new DataTransfer();
        data.items.add(new File([content], "dropped.txt"));
        document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
    }"""
    page.evaluate(drop, "graphics cards")
    expect(page.locator("#text")).to_have_value("graphics cards")
    expect(page.locator(".quote")).to_have_text("graphics cards")
    page.evaluate(drop, "a\0b")
    expect(page.locator("#status")).to_have_text("dropped.txt is not a text file.")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".result")).to_have_count(0)
    page.get_by_role("button", name="Label it").click()
    expect(page.locator("#status")).to_contain_text("Type or paste a text first")


def test_it_is_used_by_the_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the text")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.locator("#text").focus()
    page.keyboard.type("orbit")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_be_visible()
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, textarea')]"
        ".filter((one) => !one.labels.length).length"
    )
    assert unnamed == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_label("Compare with").select_option("second")
    page.get_by_label("Text, or drop a file here").fill(f"{TEXT} {'long' * 300}")
    page.get_by_role("button", name="Label it").click()
    expect(page.locator(".result")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_token_is_asked_for(browser: Browser, folder: Path) -> None:
    environment = {"SATCHEL_TOKEN": "s3cret"}
    with serving(folder / "first.satchel", environment=environment) as served:
        page = browser.new_page()
        page.goto(served.url)
        expect(page.locator("#status")).to_have_text("This server asks for its token.")
        page.get_by_label("Token of the server").fill("s3cret")
        page.locator("#text").fill("a car")
        page.get_by_role("button", name="Label it").click()
        expect(page.locator(".answer")).to_be_visible()
        page.close()


def test_the_policy_allows_only_files_of_the_page(served: Served) -> None:
    answer = served.ask("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = answer.body.decode()
    assert not re.search(r"<script>|style=|\son\w+=|https?://", text)
    for name in re.findall(r'(?:src|href)="([^"#]+)"', text):
        assert served.ask(f"/{name}").status == 200
    again = served.ask("/", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
