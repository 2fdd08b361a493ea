"""The player in a browser: what flashes waits for a click; a dream lies over its source; figures are explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.studio.browsing import check_access, expect, pick
from tests.studio.dreams import write_dream, write_strobe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.studio.browsing import Served

IS_ONE_FRAME = """() => {
  const [dream, source] = ['dream', 'source'].map((name) => document.getElementById(`player-${name}`));
  return !dream.seeking && !source.seeking && Math.abs(dream.currentTime - source.currentTime) < 1 / 12;
}"""


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_what_flashes_waits_and_a_calm_dream_is_compared_and_measured(
    browser: Browser, served: Served, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    write_dream(served.folder / "calm.mp4", served.folder / "clip.mp4")
    write_strobe(served.folder / "strobe.mp4")
    write_strobe(served.folder / "strobe.gif")
    # Its script is brought in from outside, which the page's policy forbids.
    context = browser.new_context(
        viewport={"width": width, "height": 780},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(served.link)
    page.locator("[data-view=renders]").click()
    dream, note = page.locator("#player-dream"), page.locator("#player-note")

    page.get_by_role("button", name="Play strobe.mp4").click()
    expect(note).to_contain_text("flashes more than three times a second")
    expect(dream).to_have_js_property("paused", True)
    expect(dream).to_have_js_property("currentTime", 0)
    expect(page.locator("#player-compare")).to_be_hidden()
    check_access(axe, page, width)
    page.locator("#player-play").click()
    expect(dream).to_have_js_property("paused", False)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Play strobe.gif").click()
    expect(note).to_contain_text("flashes more than three times a second")
    assert "/frame?" in str(dream.get_attribute("src"))
    page.locator("#player-play").click()
    assert str(dream.get_attribute("src")).endswith("/content")
    page.locator("#player-close").click()

    page.get_by_role("button", name="Play calm.mp4").click()
    expect(dream).to_have_js_property("paused", False)
    expect(note).to_have_text("")
    compare_and_measure(page)
    check_access(axe, page, width)
    context.close()


def compare_and_measure(page: Page) -> None:
    dream, source = page.locator("#player-dream"), page.locator("#player-source")
    page.locator("#player-compare").focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    assert "inset" in dream.evaluate("video => video.style.clipPath")
    expect(source).to_have_js_property("paused", False)
    assert source.evaluate("video => video.muted")
    page.get_by_role("button", name="Sound off").click()
    assert dream.evaluate("video => video.muted")
    page.locator("#player-play").click()
    expect(source).to_have_js_property("paused", True)
    page.locator("#player-seek").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_function(IS_ONE_FRAME)
    assert dream.evaluate("video => video.currentTime") == pytest.approx(3.5 / 12, abs=0.02)
    page.keyboard.press("End")
    page.wait_for_function(IS_ONE_FRAME)
    left = dream.evaluate("video => video.duration - video.currentTime")
    assert left == pytest.approx(0.5 / 12, abs=0.02)
    page.get_by_role("button", name="Steadiness report").click()
    expect(page.locator("#player-figures div")).to_have_count(6)
    expect(page.locator("#player-figures div").first).to_contain_text("Flicker")
    expect(page.locator("#player-scope")).to_contain_text("dreamvid measure clip.mp4 calm.mp4 --plot")


def test_a_moving_preview_that_flashes_waits_for_a_press(page: Page, served: Served) -> None:
    (served.folder / "clip.mp4").unlink()
    write_strobe(served.folder / "clip.mp4", dreamed=False)
    page.reload()
    pick(page, "clip.mp4")
    page.get_by_role("button", name="Play 2 s").click()
    expect(page.locator("#state")).to_contain_text("flashes more than three times a second")
    expect(page.locator("#moving")).to_be_hidden()
    page.get_by_role("button", name="Play it nevertheless").click()
    expect(page.locator("#moving")).to_have_js_property("paused", False)
    page.get_by_role("button", name="Back to the still").click()
    expect(page.locator("#moving")).to_be_hidden()


def test_a_moving_preview_that_was_not_searched_to_its_end_waits_for_a_press(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamvid.studio.moving_routes._PATIENCE", 0)
    pick(page, "clip.mp4")
    page.get_by_role("button", name="Play 2 s").click()
    expect(page.locator("#state")).to_contain_text("no time to look for flashes")
    expect(page.locator("#moving")).to_be_hidden()
    page.get_by_role("button", name="Play it nevertheless").click()
    expect(page.locator("#moving")).to_have_js_property("paused", False)
