"""Looking into a network in a browser: from a unit's picture to an objective and its dream."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dreamvid.studio import atlases
from tests.studio.browsing import asked, check_access, expect, last, pick

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.studio.browsing import Served

pytestmark = pytest.mark.e2e


def test_a_unit_is_chosen_by_its_picture_and_dreamed(
    browser: Browser, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures are made by the real command, small and in few steps, of the first layer of the real network."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    monkeypatch.setattr(atlases, "PICTURES", ("--size", "16", "--steps", "1"))
    # The script of axe is brought in from outside, which the page's policy forbids.
    context = browser.new_context(viewport={"width": 1280, "height": 860}, bypass_csp=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(served.link)
    pick(page, "photo.png")
    page.fill("#first-objective", "stem_1#3")
    page.press("#first-objective", "Enter")
    asked(page, served, 2)

    page.locator("[data-view=network]").press("Enter")
    expect(page.locator("#layer-name")).to_have_text("stem_1", timeout=120_000)
    expect(page.locator("#layers [aria-pressed=true]")).to_contain_text("32 channels · in your look")
    expect(page.locator(".tile img")).to_have_count(32, timeout=120_000)
    expect(page.locator(".tile img").first).to_have_js_property("naturalWidth", 16)
    expect(page.get_by_role("button", name="stem_1 #3", exact=True)).to_have_attribute("aria-pressed", "true")
    check_access(axe, page, 1280)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 780})
    check_access(axe, page, 390)

    page.locator(".tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#first-objective")).to_have_value("stem_1#1")
    expect(page.locator("#picture")).to_be_focused()
    asked(page, served, 3)
    assert str(last(served).objective) == "stem_1#1"
    page.locator("#undo").click()
    asked(page, served, 4)
    assert str(last(served).objective) == "stem_1#3"

    page.locator("[data-view=network]").click()
    expect(page.locator("#layers [aria-pressed=true]")).to_contain_text("stem_1")
    page.locator("#adds").check()
    page.get_by_role("button", name="stem_1 #5", exact=True).click()
    asked(page, served, 5)
    assert str(last(served).objective) == "stem_1#3, stem_1#5"

    page.locator("[data-view=network]").click()
    page.reload()
    page.locator("#layers button", has_text="classes").click()
    expect(page.locator(".tile")).to_have_count(48)
    expect(page.locator("#atlas-page option").first).to_have_text(re.compile(r"^0.47 · .+ … .+"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#atlas-state")).to_contain_text("Stopped")
    page.locator("#all-layers").check()
    page.locator("#layers button[data-name=stem_1]").click()
    expect(page.locator(".tile img")).to_have_count(32, timeout=5_000)  # they are kept
    context.close()
    assert faults == []
