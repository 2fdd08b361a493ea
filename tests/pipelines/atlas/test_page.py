"""The page of an atlas, in a browser: opened from the disk, searched, enlarged, copied from, and accessible."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from dreamvid.config.preset import Preset
from dreamvid.objective import parse
from dreamvid.pipelines.atlas.data import Atlas, Patch, Section, Tile
from dreamvid.pipelines.atlas.page import page_files, single_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

SCRIPT = "<script>alert(1)</script>"
DEAD = "no gradient in 4 attempts"


def picture(seed: int, size: int = 24) -> bytes:
    codes = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(codes).save(buffer, "webp")
    return buffer.getvalue()


def tile(layer: str, unit: int, *, reason: str = "", activation: float | None = None) -> Tile:
    patches = [Patch(picture(9, 16), "clip.mp4", 72.44, 3.0), Patch(picture(8, 16), SCRIPT, None, 2.0)]
    return Tile(
        unit,
        f"#{unit}",
        "",
        f"{layer}#{unit}",
        picture(unit),
        12.5,
        0.25,
        reason=reason,
        activation=activation,
        patches=tuple(patches) if activation is not None else (),
    )


def sample() -> Atlas:
    odd = f"my layer/1 {SCRIPT}"
    sections = (
        Section(
            "mixed4",
            "mixed4",
            "Concatenate, depth 34",
            480,
            tuple(
                tile("mixed4", unit, reason=DEAD if unit == 7 else "", activation=9.0 - unit)
                for unit in (0, 3, 7, 35)
            ),
        ),
        Section(odd, odd, "Conv2D, depth 35", 8, (tile(f"'{odd}'", 2, activation=1.0),)),
        Section(
            "logits",
            "classes",
            "",
            2,
            (Tile(1, "tabby", "tabby, tabby cat", "class:tabby", picture(5), 30.0, 1.0),),
            is_classes=True,
        ),
    )
    return Atlas(
        "mine.keras",
        24,
        24,
        sections,
        model={"name": "mine.keras", "input_range": "-1,1"},
        dream={"octaves.count": 2},
        examples=f"clip.mp4 {SCRIPT}",
        made_by="dreamvid",
    )


def write(folder: Path) -> Path:
    for name, data in page_files(sample()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / "index.html"


@pytest.fixture
def page(context: BrowserContext, tmp_path: Path) -> Iterator[Page]:
    """The page, open; nothing may be asked of a network, and no script may fail."""
    faults: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else faults.append(request.url),
    )
    opened.on("dialog", lambda dialog: faults.append(dialog.message))
    opened.goto(write(tmp_path).as_uri())
    yield opened
    assert faults == []


def visible_names(page: Page) -> list[str]:
    return [
        name.split("\n")[0].split(" ")[0] for name in page.locator(".tile:visible .name").all_inner_texts()
    ]


def test_every_picture_is_shown(page: Page) -> None:
    assert visible_names(page) == ["#0", "#3", "#7", "#35", "#2", "tabby"]
    for image in page.locator(".tile > img").all():
        image.scroll_into_view_if_needed()
        page.wait_for_function("image => image.complete", arg=image.element_handle())
        assert image.evaluate("image => image.naturalWidth") == 24
    assert "6 pictures of 2 layers and 1 class; 1 shows nothing, and says why" in page.inner_text("header")


def test_one_file_holds_everything(context: BrowserContext, tmp_path: Path) -> None:
    (tmp_path / "atlas.html").write_bytes(single_page(sample()))
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "atlas.html").as_uri() + "#mixed4/35")
    expect(page.locator("dialog")).to_be_visible()
    assert page.locator(".tile img").first.evaluate("image => image.naturalWidth") == 24
    assert [url for url in requests if not url.startswith("data:")] == [(tmp_path / "atlas.html").as_uri()]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tabby cat", ["tabby"]),
        ("mixed4", ["#0", "#3", "#7", "#35"]),
        ("3", ["#3"]),
        ("mixed4 #35", ["#35"]),
        ("mixed4#35", ["#35"]),
        ("layer/1", ["#2"]),
        ("class:", ["tabby"]),
        ("unicorn", []),
    ],
)
def test_search_finds_layers_classes_and_numbers(page: Page, text: str, names: list[str]) -> None:
    page.keyboard.press("/")
    page.keyboard.type(text)
    assert visible_names(page) == names
    assert page.inner_text("#found").startswith(f"{len(names)} of 6")
    assert page.locator("#nothing").is_visible() == (not names)


def test_a_unit_is_enlarged_with_all_that_is_known_of_it(page: Page) -> None:
    page.locator(".tile", has_text="#35").click()
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    assert page.url.endswith("#mixed4/35")
    text = dialog.inner_text()
    for part in ("mixed4 #35", "channel 35 of 480", "12.5, 0.25 at the start", "mixed4#35", "1:12.4", SCRIPT):
        assert part in text
    assert page.inner_text("#unit-command") == (
        "dreamvid image photo.jpg --model mine.keras --input-range=-1,1 --objective mixed4#35 "
        "--set octaves.count=2"
    )
    assert page.locator("#unit-image").evaluate("image => image.naturalWidth") == 24
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    page.wait_for_url("**#mixed4")
    page.wait_for_function("document.activeElement.getAttribute('href') === '#mixed4/35'")


def test_what_fires_a_unit_is_shown_beside_its_tile_with_the_time(page: Page) -> None:
    first = page.locator(".tile").first
    assert first.locator(".strip img").count() == 2
    assert first.locator(".when").inner_text() == "1:12.4"
    first.click()
    assert page.locator(".patches span").all_inner_texts() == ["1:12.4", SCRIPT]
    assert [
        image.evaluate("image => image.naturalWidth") for image in page.locator(".patches img").all()
    ] == [
        16,
        16,
    ]


def test_a_link_leads_to_a_unit(page: Page) -> None:
    for anchor, heading in (
        ("#class/1", "tabby"),
        ("#mixed4/3", "mixed4 #3"),
        ("#my layer%2F1 %3Cscript%3Ealert(1)%3C%2Fscript%3E/2", "my layer/1"),
    ):
        page.goto(page.url.partition("#")[0] + anchor)
        expect(page.locator("#unit-title")).to_contain_text(heading)
    page.goto(page.url.partition("#")[0] + "#mixed4")
    expect(page.locator("dialog")).not_to_be_visible()


def test_a_dead_tile_says_why(page: Page) -> None:
    dead = page.locator(".tile.dead")
    assert dead.locator(".why").inner_text() == "nothing found"
    dead.click()
    assert page.inner_text("#unit-reason") == DEAD


def test_objective_command_and_preset_can_be_taken_along(
    page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".tile", has_text="#2").click()
    page.get_by_role("button", name="Copy the objective").click()
    expect(page.locator("#unit-status")).to_have_text("The objective is copied.")
    objective = page.evaluate("navigator.clipboard.readText()")
    assert parse(objective).terms[0].channel == 2
    page.locator("summary").click()
    page.get_by_role("button", name="Copy the preset").click()
    expect(page.locator("#unit-status")).to_have_text("The preset is copied.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith("-2.yaml")
    download.value.save_as(tmp_path / "preset.yaml")
    text = (tmp_path / "preset.yaml").read_text(encoding="utf-8")
    assert text == page.evaluate("navigator.clipboard.readText()")
    preset = Preset.load(tmp_path / "preset.yaml")
    assert str(preset.objective) == objective
    assert (preset.model.name, preset.model.input_range) == ("mine.keras", "-1,1")
    assert preset.octaves.count == 2
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#unit-status")).to_have_text("The command is copied.")
    assert page.evaluate("navigator.clipboard.readText()").endswith(" --set octaves.count=2")


def test_the_keyboard_reaches_everything(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(".tile").first.focus()
    for key, name in (
        ("ArrowRight", "#3"),
        ("End", "#35"),
        ("Home", "#0"),
        ("ArrowDown", "#2"),
        ("ArrowDown", "tabby"),
        ("ArrowUp", "#2"),
    ):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.querySelector('.name').textContent") == name, key
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#unit-title")).to_have_text("mixed4 #35")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.getAttribute('href') === '#mixed4/35'")


def test_one_tile_of_each_layer_is_a_tab_stop(page: Page) -> None:
    assert page.locator(".tile[tabindex='0']").count() == 3


def test_units_are_ordered_by_activation(page: Page) -> None:
    page.select_option("#order", "activation")
    assert visible_names(page)[:4] == ["#0", "#3", "#7", "#35"]
    page.locator(".tile", has_text="#35").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == "#7"


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_inaccessible_or_wider_than_the_window(
    page: Page, context: BrowserContext, scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(18, 19, 22)") == (scheme == "dark")
    for place in ("", "#mixed4/35", "#mixed4/7"):
        page.goto(page.url.partition("#")[0] + place)
        result = axe.run(page)
        assert result.violations_count == 0, json.dumps(result.response["violations"], indent=1)[:4000]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert context.pages == [page]


def test_the_theme_is_switched_by_hand(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 245, 242)"


def test_without_scripts_all_pictures_are_there(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(write(tmp_path).as_uri())
    assert page.locator(".tile:visible").count() == 6
    assert not page.locator(".tools").is_visible()
    context.close()


def test_programs_read_what_is_known(tmp_path: Path) -> None:
    write(tmp_path)
    data = json.loads((tmp_path / "atlas.json").read_text(encoding="utf-8"))
    units = data["layers"][0]["units"]
    assert [unit["objective"] for unit in units] == ["mixed4#0", "mixed4#3", "mixed4#7", "mixed4#35"]
    assert units[2]["reason"] == DEAD
    assert units[0]["examples"][0]["seconds"] == 72.44
    for unit in units:
        assert (tmp_path / unit["file"]).read_bytes() == picture(unit["unit"])


def test_what_names_hold_is_never_markup() -> None:
    page = single_page(sample()).decode()
    assert SCRIPT not in page
    assert page.count("<script") == 2
