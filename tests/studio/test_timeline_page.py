"""The timeline in a browser: what changes over time is drawn by hand, and is the YAML of a preset."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.cli.main import main
from dreamvid.config.preset import Preset
from dreamvid.pipelines.landscape import write_wind
from tests.studio.browsing import asked, check_access, dreamed, expect, last, pick
from tests.studio.conftest import write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.studio.browsing import Served

STRENGTH = "[data-path='look.strength']"


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of four seconds, of 12 frames each."""
    return write_clip(tmp_path_factory.mktemp("longer") / "long.mp4", frames=48)


@pytest.fixture
def folder(tmp_path: Path, material: Path, longer: Path) -> Path:
    """The folder that the studio shows: a clip, and a photograph."""
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copyfile(longer, folder / "clip.mp4")
    shutil.copyfile(material / "photo.png", folder / "photo.png")
    return folder


def open_timeline(page: Page, name: str = "clip.mp4") -> None:
    pick(page, name)
    page.click("#timeline-toggle")
    expect(page.locator(".tick").first).to_be_visible()


def point(lane: Locator, seconds: float, height: float = 0.5, *, of: float = 4.0) -> tuple[float, float]:
    """Return where a time is on a lane."""
    box = lane.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * seconds / of, box["y"] + box["height"] * height


def double_click(page: Page, lane: Locator, seconds: float, height: float = 0.5) -> None:
    page.mouse.dblclick(*point(lane, seconds, height))


def drag(page: Page, element: Locator, across: float, down: float = 0) -> None:
    box = element.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across / 2, y + down / 2, steps=3)
    page.mouse.move(x + across, y + down, steps=3)
    page.mouse.up()


def second(page: Page, *, of: float = 4.0) -> float:
    """Return the width of a second, in px."""
    box = page.locator("#timeline-ruler").bounding_box()
    assert box is not None
    return box["width"] / of


def move_playhead(page: Page, seconds: float) -> None:
    page.mouse.click(*point(page.locator("#timeline-ruler"), seconds))


def shows(page: Page, text: str) -> None:
    expect(page.locator("#timeline-text")).to_have_value(text)


def use_text(page: Page, text: str) -> None:
    if page.get_attribute("#share", "open") is None:
        page.locator("#share > summary").click()
    page.fill("#yaml", text)
    page.click("#use-text")
    expect(page.locator("#use-text")).to_be_disabled()


def text_of(page: Page) -> str:
    """Return the look's text, once it holds what changes over time."""
    if page.get_attribute("#share", "open") is None:
        page.locator("#share > summary").click()
    page.wait_for_timeout(500)
    return page.input_value("#yaml")


@pytest.mark.engine  # the preset is checked against its network
def test_keyframes_are_drawn_by_mouse_and_are_the_text_of_the_look(
    page: Page, served: Served, tmp_path: Path
) -> None:
    pick(page, "clip.mp4")
    page.get_by_role("button", name="Change Strength over time").first.click()
    lane = page.locator(f"{STRENGTH} .lane")
    expect(lane.locator(".key")).to_have_count(1)
    shows(page, "{0s: 1}")
    double_click(page, lane, 2, height=0.95)
    shows(page, "{0s: 1, 2s: 0}")
    double_click(page, lane, 3)
    page.fill("#timeline-key-value", "0.5")
    page.keyboard.press("Enter")
    shows(page, "{0s: 1, 2s: 0, 3s: 0.5}")
    drag(
        page,
        lane.locator(".key").nth(1),
        -second(page) / 2,
        -300,
    )
    shows(page, "{0s: 1, 1.5s: 1, 3s: 0.5}")
    page.select_option("#timeline-key-ease", "bounce")
    page.select_option("#timeline-row-ease", "in-out")
    shows(page, "{0s: 1, 1.5s: {value: 1, ease: bounce}, 3s: 0.5, ease: in-out}")
    page.fill("#timeline-key-value", "0.25")
    page.fill("#timeline-key-time", "end")
    page.keyboard.press("Enter")
    shows(page, "{0s: 1, end: {value: 0.25, ease: bounce}, 3s: 0.5, ease: in-out}")
    (tmp_path / "look.yaml").write_text(text_of(page))
    with pytest.raises(SystemExit) as checked:
        main(["presets", "check", str(tmp_path / "look.yaml")])
    assert checked.value.code == 0
    drawn = Preset.load(tmp_path / "look.yaml").look.strength
    assert (
        drawn
        == Preset.build(
            {
                "look": {
                    "strength": {
                        "0s": 1,
                        "end": {"value": 0.25, "ease": "bounce"},
                        "3s": 0.5,
                        "ease": "in-out",
                    }
                }
            }
        ).look.strength
    )
    dreamed(page)
    page.wait_for_timeout(300)
    dreamed(page)
    assert last(served).look.strength == drawn
    for _ in range(2):
        page.click("#undo")
    shows(page, "{0s: 1, 1.5s: {value: 1, ease: bounce}, 3s: 0.5, ease: in-out}")
    for _ in range(3):
        page.click("#undo")
    shows(page, "{0s: 1, 2s: 0, 3s: 0.5}")
    page.click("#redo")
    shows(page, "{0s: 1, 1.5s: 1, 3s: 0.5}")


def test_keyframes_are_made_with_the_keyboard_alone(page: Page) -> None:
    open_timeline(page)
    page.focus("#timeline-add")
    page.select_option("#timeline-add", "look.strength")
    key = page.locator(f"{STRENGTH} .key")
    expect(key).to_be_focused()
    for name in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(name)
    shows(page, "{1.167s: 0.89}")
    expect(key).to_have_attribute("aria-label", "Strength, keyframe 1 of 1: 0.89 at 1.167s")
    page.locator("#scrub").press("End")
    add = page.get_by_role("button", name="Add a keyframe of Strength at the playhead")
    add.focus()
    page.keyboard.press("Enter")
    expect(key).to_have_count(2)
    shows(page, "{1.167s: 0.89, 3.917s: 0.89}")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    shows(page, "{0.917s: 0.89, 1.167s: 0.89}")
    expect(key.first).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    shows(page, "{1.167s: 0.89, 1.25s: 0.89}")  # over the one that is in the way
    page.keyboard.press("Enter")
    expect(page.locator("#timeline-key-time")).to_be_focused()
    page.fill("#timeline-key-time", "1.167")
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_have_text("There is a keyframe at 1.167s already.")
    shows(page, "{1.167s: 0.89, 1.25s: 0.89}")
    page.fill("#timeline-key-time", "2")
    page.keyboard.press("Enter")
    shows(page, "{1.167s: 0.89, 2s: 0.89}")
    page.keyboard.press("Escape")
    expect(key.last).to_be_focused()
    page.keyboard.press("Delete")
    shows(page, "{1.167s: 0.89}")
    page.keyboard.press("Delete")
    expect(page.locator(STRENGTH)).to_have_count(0)
    expect(page.locator("#first-look-strength-number")).to_have_value("0.89")
    page.keyboard.press("Control+z")
    expect(key).to_have_count(1)


def test_an_expression_is_a_curve_and_a_text_with_its_mistake(page: Page) -> None:
    open_timeline(page)
    use_text(page, "tempo: 120\nlook: {strength: 0.5 + 0.5*sine(b/4)}\n")
    path = page.locator(f"{STRENGTH} path")
    expect(path).to_have_count(1)
    assert len(str(path.get_attribute("d")).split("L")) == 300
    page.locator(f"{STRENGTH} .name").click()
    page.fill("#timeline-text", "0.5 + 0.5*sinus(b/4)")
    page.keyboard.press("Enter")
    mistake = page.locator("#timeline-text-mistake")
    expect(mistake).to_contain_text("no such function as 'sinus'")
    expect(page.locator(f"{STRENGTH} .mistake")).to_contain_text("no such function as 'sinus'")
    page.get_by_role("button", name="Add a keyframe of Strength at the playhead").click()
    expect(page.locator("#message")).to_contain_text("is an expression here")
    page.fill("#timeline-text", "0.5 + 0.9*sine(b/4)")
    page.keyboard.press("Enter")
    expect(mistake).to_have_text("")
    expect(page.locator("#timeline-state")).to_contain_text("it is held at 1")
    page.fill("#timeline-text", "{0b: 0.2, 1bar: {value: 1, ease: [0.2, 0, 0.1, 1]}}")
    page.keyboard.press("Enter")
    key = page.locator(f"{STRENGTH} .key")
    expect(key).to_have_count(2)
    key.last.focus()
    page.keyboard.press("ArrowLeft")
    shows(page, "{0b: 0.2, 0.938bar: {value: 1, ease: [0.2, 0, 0.1, 1]}}")
    expect(page.locator("#timeline-key-curve")).to_have_value("bezier(0.2, 0, 0.1, 1)")
    page.click("#timeline-row-stop")
    expect(page.locator(STRENGTH)).to_have_count(0)


def test_a_journey_goes_through_objectives(page: Page, served: Served) -> None:
    open_timeline(page)
    page.select_option("#timeline-add", "objective")
    row = page.locator("[data-path=objective]")
    expect(row.locator(".key")).to_be_focused()
    page.fill("#timeline-key-value", "mixed2")
    page.keyboard.press("Enter")
    double_click(page, row.locator(".lane"), 3)
    shows(page, "{0s: mixed2, 3s: mixed2}")
    page.fill("#timeline-key-value", "mixed4#35, mixed3:0.5")
    page.keyboard.press("Enter")
    shows(page, '{0s: mixed2, 3s: "mixed4#35, mixed3:0.5"}')
    drag(page, row.locator(".key").last, -second(page))
    shows(page, '{0s: mixed2, 2s: "mixed4#35, mixed3:0.5"}')
    expect(row.locator(".area")).to_have_count(3)
    asked(page, served, 2)
    page.wait_for_timeout(300)
    dreamed(page)
    wanted = {"0s": "mixed2", "2s": "mixed4#35, mixed3:0.5"}
    assert last(served).objective == Preset.build({"objective": wanted}).objective
    use_text(page, "objective: {cycle: [mixed1, mixed2], every: 1s}\n")
    expect(row.locator(".key")).to_have_count(0)
    expect(row.locator(".area")).to_have_count(2)
    page.fill("#timeline-text", "{mixed1: 1, mixed3: {0s: 0, end: 2}}")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert "mixed3:\n    0s: 0\n    end: 2" in text_of(page)


def test_scenes_are_cut_moved_and_faded(page: Page, served: Served) -> None:
    open_timeline(page)
    page.click("#timeline-scene-add")
    expect(page.locator("#message")).to_contain_text("Move the playhead")
    move_playhead(page, 2)
    page.click("#timeline-scene-add")
    expect(page.locator(".scene")).to_have_count(2)
    page.fill("#timeline-scene-objective", "mixed1")
    page.keyboard.press("Enter")
    border, fade = page.locator(".border"), page.locator(".fade")
    expect(fade).to_have_attribute("aria-valuetext", "Cross-fade of 1 s")
    drag(page, fade, -second(page) / 2)
    expect(fade).to_have_attribute("aria-valuetext", "Cross-fade of 0.5 s")
    drag(page, border, second(page) / 4)
    expect(border).to_have_attribute("aria-valuenow", "2.250")
    border.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#timeline-scene-start")).to_have_value("2.417s")
    page.select_option("#timeline-where", label="scene 2")
    page.select_option("#timeline-add", "look.strength")
    expect(page.locator("#timeline-row-name")).to_have_text("Strength in scene 2")
    expect(page.locator(f"{STRENGTH} .still")).to_have_count(1)
    double_click(page, page.locator(f"{STRENGTH} .lane"), 3.5, height=0.95)
    shows(page, "{0s: 1, 1.083s: 0}")
    assert page.evaluate("document.querySelectorAll('.border').length") == 1
    scenes = [
        {"start": "0s"},
        {
            "start": "2.417s",
            "transition": "0.5",
            "objective": "mixed1",
            "look": {"strength": {"0s": 1, "1.083s": 0}},
        },
    ]
    page.wait_for_timeout(300)
    dreamed(page)
    assert last(served).scenes == Preset.build({"scenes": scenes}).scenes
    page.locator(".scene").last.click()
    page.select_option("#timeline-scene-preset", "fauve")
    expect(page.locator("#timeline-scene-objective")).to_have_value("mixed0")
    page.click("#timeline-scene-delete")
    expect(page.locator("#timeline-scenes")).to_be_hidden()
    page.wait_for_timeout(300)
    dreamed(page)
    assert last(served).scenes == ()


def test_sound_beats_and_shots_lie_under_the_rows(page: Page, served: Served) -> None:
    open_timeline(page)
    expect(page.locator(".wave")).to_have_count(1, timeout=60_000)
    expect(page.locator(".shot")).to_have_count(1, timeout=60_000)
    expect(page.locator("#timeline-beat")).to_contain_text("beat")
    assert len(list((served.folder / ".dreamvid-studio/analysis").glob("*.json"))) == 2
    move_playhead(page, 1)
    expect(page.locator("#clock")).to_contain_text("0:01.0")
    page.locator("#timeline-zoom").fill("8")
    assert page.evaluate("document.getElementById('timeline-lanes').scrollWidth") > 5000


def test_a_video_without_sound_and_a_still_have_no_more_than_they_have(page: Page, served: Served) -> None:
    write_clip(served.folder / "silent.mp4", sound=False)
    page.reload()
    expect(page.locator(".file")).to_have_count(3)
    open_timeline(page, "silent.mp4")
    expect(page.locator(".shot")).to_have_count(1, timeout=60_000)
    expect(page.locator("#timeline-sound")).to_be_hidden()
    pick(page, "photo.png")
    expect(page.locator("#timeline")).to_be_hidden()


def test_a_trip_without_a_clip_follows_its_music(page: Page, served: Served) -> None:
    write_wind(served.folder / "wind.wav", 3.0)
    page.reload()
    expect(page.locator(".file")).to_have_count(2)
    page.click("#no-source")
    dreamed(page)
    page.click("#timeline-toggle")
    use_text(page, "trip: {duration: 4, music: wind.wav}\ncamera: {zoom: 1 + rms}\n")
    expect(page.locator(".wave")).to_have_count(1, timeout=60_000)
    expect(page.locator("#timeline-shots")).to_be_hidden()
    page.wait_for_function(
        """() => {
            const curve = document.querySelector("[data-path='camera.zoom'] path")?.getAttribute("d") ?? "";
            return new Set(curve.slice(1).split("L").map((point) => point.split(" ")[1])).size > 20;
        }"""
    )


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark"), (1280, "light")])
def test_no_part_of_it_is_inaccessible_or_wider_than_the_window(
    browser: Browser, served: Served, scheme: Any, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(served.link)
    open_timeline(page)
    check_access(axe, page, width)
    use_text(
        page,
        "objective: {0s: mixed2, end: mixed3}\nlook: {strength: 0.5 + 0.9*sin(t)}\nascent: {steps: {0s: 3, 2s: 9}}\n"
        "scenes:\n- {start: 0s}\n- {start: 2s, transition: 1, look: {strength: {0s: 0, end: 1}}}\n",
    )
    page.locator("[data-path='ascent.steps'] .key").first.focus()
    expect(page.locator(".shot")).to_have_count(1, timeout=60_000)
    check_access(axe, page, width)
    page.locator(".scene").last.click()
    check_access(axe, page, width)
    page.locator(f"{STRENGTH} .name").click()
    page.fill("#timeline-text", "nope(")
    page.keyboard.press("Enter")
    expect(page.locator("#timeline-text-mistake")).not_to_have_text("")
    check_access(axe, page, width)
    context.close()
