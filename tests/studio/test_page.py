"""The page in a browser: looks are found, brought back and rendered, by hand, keyboard and phone."""

from __future__ import annotations

import http.server
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from dreamvid.config.preset import Preset
from dreamvid.media.still.reader import read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.provenance import KEY, settings_json
from tests.studio.browsing import asked, check_access, dreamed, expect, last, pick

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.studio.browsing import Served


def test_the_token_leaves_the_address_and_the_page_comes_again_without_it(page: Page, served: Served) -> None:
    assert page.url == f"{served.address}/#look"
    page.reload()
    expect(page.locator(".file")).to_have_count(2)
    page.context.clear_cookies()
    page.reload()
    expect(page.locator("#closed")).to_contain_text("open the link")


def test_a_look_is_found_by_preset_dial_and_undo(page: Page, served: Served) -> None:
    pick(page, "clip.mp4")
    assert page.get_attribute("#dreamed", "alt") == "The dream at 0:00.0"
    page.locator("[data-name=palace]").click()
    asked(page, served, 2)
    assert str(last(served).objective).startswith("mixed3")
    assert page.input_value("#first-objective") == "mixed3, class:triumphal arch:0.4"
    page.fill("#first-ascent-steps-number", "5")
    asked(page, served, 3)
    assert last(served).ascent.steps == 5
    page.locator("#first-look-strength").press("Home")
    asked(page, served, 4)
    assert last(served).look.strength == 0
    for count, steps in ((5, 5), (6, 12), (7, 7)):
        page.click("#undo")
        asked(page, served, count)
        assert last(served).ascent.steps == steps
    page.click("#redo")
    asked(page, served, 8)
    assert last(served).ascent.steps == 12
    page.get_by_role("button", name="Reset Steps").first.click()
    asked(page, served, 9)
    assert last(served).ascent.steps == 7


def test_the_last_dream_stays_until_the_next_and_the_newest_wins(page: Page, served: Served) -> None:
    pick(page, "clip.mp4")
    before = page.get_attribute("#dreamed", "src")
    go_on = threading.Event()
    served.worker.wait = lambda: go_on.wait(20)
    page.fill("#first-ascent-steps-number", "8")
    expect(page.locator("#state")).to_have_text("dreaming…")
    assert page.get_attribute("#dreamed", "src") == before
    assert page.is_visible("#dreamed")
    for steps in range(9, 20):
        page.fill("#first-ascent-steps-number", str(steps))
        page.wait_for_timeout(150 if steps % 5 == 0 else 10)
    go_on.set()
    expect(page.locator("#dreamed")).not_to_have_attribute("src", str(before))
    asked(page, served, 3)
    assert [request.preset.ascent.steps for request in served.worker.requests] == [7, 8, 19]


def test_a_value_that_does_not_fit_is_said_beneath_its_dial(page: Page, served: Served) -> None:
    pick(page, "clip.mp4")
    page.fill("#first-octaves-count-number", "99")
    expect(page.locator("#first-octaves-count-mistake")).to_have_text("must be from 1 to 16, not '99'")
    assert page.is_visible("#dreamed")
    page.fill("#first-octaves-count-number", "3")
    expect(page.locator("#first-octaves-count-mistake")).to_have_text("")
    asked(page, served, 2)
    assert last(served).octaves.count == 3


def test_a_dial_changes_over_time(page: Page, served: Served) -> None:
    pick(page, "clip.mp4")
    page.get_by_role("button", name="Change Strength over time").first.click()
    page.keyboard.type("{0s: 0.2, end: 1}")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    asked(page, served, 2)
    assert set(last(served).schedules()) == {"look.strength"}
    page.locator("[data-name=fever]").click()
    expect(page.locator("#first-look-strength-text")).to_have_value("0.75+0.25*cos(tau*t/4)")
    page.get_by_role("button", name="Change Strength over time").first.click()
    expect(page.locator("#first-look-strength-number")).to_have_value("1")


def test_the_scrubber_shows_another_time_and_the_slider_compares(page: Page, served: Served) -> None:
    pick(page, "clip.mp4")
    page.locator("#scrub").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    asked(page, served, 2)
    expect(page.locator("#dreamed")).to_have_attribute("alt", "The dream at 0:00.2")
    assert float(served.worker.requests[-1].time) == pytest.approx(2 / 12, abs=1e-3)
    page.keyboard.press("End")
    asked(page, served, 3)
    assert float(served.worker.requests[-1].time) == pytest.approx(5 / 12, abs=1e-6)
    page.locator("#compare").focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    share = int(page.input_value("#compare"))
    assert share > 0
    assert "inset" in page.locator("#dreamed").evaluate("image => image.style.clipPath")


def test_two_seconds_move_until_a_dial_does(page: Page, served: Served) -> None:
    pick(page, "clip.mp4")
    (served.folder / "moving.hold").touch()
    page.get_by_role("button", name="Play 2 s").click()
    expect(page.locator("#state")).to_have_text("moving preview: 1 of 4 frames")
    assert page.is_visible("#dreamed")
    (served.folder / "moving.hold").unlink()
    expect(page.locator("#moving")).to_be_visible()
    expect(page.locator("#moving")).to_have_js_property("paused", False)
    page.fill("#first-ascent-steps-number", "8")
    expect(page.locator("#moving")).to_be_hidden()
    expect(page.get_by_role("button", name="Play 2 s")).to_be_enabled()
    asked(page, served, 2)
    page.click("#no-source")
    expect(page.locator("#move")).to_be_disabled()


def test_from_nothing_a_trip_is_made(page: Page, served: Served) -> None:
    page.click("#no-source")
    dreamed(page)
    assert last(served).pipeline == "zoom"
    assert page.get_attribute("#no-source", "aria-pressed") == "true"
    expect(page.locator("[data-name=spiral]")).to_be_visible()
    assert page.locator("[data-name=palace]").count() == 0
    assert page.inner_text("#render") == "Render the trip"


def test_what_is_dropped_becomes_the_source(page: Page, served: Served, tmp_path: Path) -> None:
    shutil.copyfile(served.folder / "photo.png", tmp_path / "new one.png")
    page.set_input_files("#add-files", tmp_path / "new one.png")
    expect(page.locator(".file")).to_have_count(3)
    dreamed(page)
    assert page.get_attribute(".file:has-text('new one.png')", "aria-pressed") == "true"
    assert (last(served).pipeline, served.worker.requests[-1].source.name) == ("image", "new one.png")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    page.set_input_files("#add-files", tmp_path / "bad.mp4")
    expect(page.locator("#message")).to_contain_text("bad.mp4")


def test_every_dial_comes_back_from_a_dropped_dream(page: Page, served: Served, tmp_path: Path) -> None:
    source = served.folder / "photo.png"
    preset = Preset.build({"objective": "mixed4#35", "octaves": 3, "run": {"seed": 77}})
    text = settings_json(preset, source=source, resolved={"precision": "float32"}, files={})
    write_still(tmp_path / "old.lovely.png", read_still(source), metadata={KEY: text}, overwrite=True)
    page.set_input_files("#add-files", tmp_path / "old.lovely.png")
    expect(page.locator("#message")).to_contain_text("The look and seed of old.lovely.png are back.")
    dreamed(page)
    request = served.worker.requests[-1]
    assert (request.source.name, request.preset.run.seed, str(request.preset.objective)) == (
        "photo.png",
        77,
        "mixed4#35",
    )
    assert page.input_value("#first-octaves-count-number") == "3"
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator("#first-octaves-count-number")).to_have_value("5")


def test_the_look_is_edited_as_text_with_its_mistakes(
    page: Page, served: Served, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    pick(page, "clip.mp4")
    page.locator("[data-name=relief]").click()
    page.locator("#share > summary").click()
    expect(page.locator("#command")).to_contain_text("dreamvid video clip.mp4 --objective mixed1")
    page.fill("#yaml", "objective: mixed2\noctaves: 40\n")
    expect(page.locator("#mistakes button")).to_have_text(
        "2:1: octaves.count: must be from 1 to 16, not '40'"
    )
    page.locator("#mistakes button").click()
    assert page.evaluate("document.getElementById('yaml').selectionStart") == 18
    page.fill("#yaml", "objective: mixed2\noctaves: 4\n")
    expect(page.locator("#yaml-state")).to_have_text("Good.")
    page.click("#use-text")
    expect(page.locator("#first-octaves-count-number")).to_have_value("4")
    expect(page.locator("#command")).to_have_text("dreamvid video clip.mp4 --objective mixed2 --octaves 4")
    page.click("#copy-command")
    expect(page.locator("#message")).to_contain_text("is copied")
    assert page.evaluate("navigator.clipboard.readText()").endswith("--octaves 4")
    with page.expect_download() as download:
        page.click("#save-text")
    assert Preset.load(download.value.path().rename(served.folder.parent / "saved.yaml")).octaves.count == 4


def test_values_of_two_settings_are_compared_on_a_sheet(page: Page, served: Served) -> None:
    pick(page, "photo.png")
    page.locator("#sheet > summary").click()
    page.fill("#sheet-x-values", "3; 99999; 9")
    page.select_option("#sheet-y", "objective")
    page.fill("#sheet-y-values", "mixed2; class:monarch, mixed0:0.3")
    page.click("#sheet-make")
    expect(page.locator("#sheet-state")).to_have_text("6 pictures; a click takes one over.")
    assert page.locator("#sheet-table th").all_inner_texts() == [
        *("steps 3", "steps 99999", "steps 9"),
        *("objective mixed2", "objective class:monarch, mixed0:0.3"),
    ]
    assert page.locator("#sheet-table img").count() == 4
    assert "must be from 1 to 10000, not" in page.locator("#sheet-table .mistake").first.inner_text()
    sheet = served.worker.requests[1:]
    assert [(request.preset.ascent.steps, str(request.preset.objective)) for request in sheet] == [
        (3, "mixed2"),
        (9, "mixed2"),
        (3, "class:monarch, mixed0:0.3"),
        (9, "class:monarch, mixed0:0.3"),
    ]
    page.get_by_role("button", name="Take over steps 9, objective class:monarch, mixed0:0.3").click()
    expect(page.locator("#sheet-view")).to_be_hidden()
    expect(page.locator("#first-objective")).to_have_value("class:monarch, mixed0:0.3")
    expect(page.locator("#first-ascent-steps-number")).to_have_value("9")
    page.click("#undo")
    expect(page.locator("#first-ascent-steps-number")).to_have_value("7")


def test_a_render_is_queued_followed_and_played(page: Page, served: Served) -> None:
    (served.folder / "clip.palace.mp4.hold").touch()
    pick(page, "clip.mp4")
    page.locator("[data-name=palace]").click()
    page.click("#render")
    expect(page.locator("#busy")).to_have_text("1")
    page.get_by_role("button", name="Show").click()
    job = page.locator(".job")
    expect(job).to_contain_text("rendering · 1 of 4 frames")
    assert job.locator("progress").evaluate("bar => [bar.value, bar.max]") == [1, 4]
    (served.folder / "clip.palace.mp4.hold").unlink()
    expect(job).to_contain_text("finished")
    expect(page.locator("#busy")).to_be_hidden()
    play = job.get_by_role("button", name="Play clip.palace.mp4")
    play.click()
    expect(page.locator("#player video")).to_be_visible()
    assert page.inner_text("#player-title") == "clip.palace.mp4"
    page.keyboard.press("Escape")
    expect(page.locator("#player")).to_be_hidden()
    page.get_by_role("button", name="Take off the list").click()
    expect(job).to_have_count(0)
    assert (served.folder / "clip.palace.mp4").is_file()


def test_the_keyboard_reaches_everything(page: Page, served: Served) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    pick(page, "clip.mp4")
    page.locator("h1").click()
    reached: set[str] = set()
    for _ in range(70):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    for part in (
        "undo",
        "theme",
        "file",
        "no-source",
        "compare",
        "scrub",
        "longest",
        "preset",
        "pipeline",
        "first-objective",
        "first-ascent-steps",
        "render",
        "quality",
    ):
        assert part in reached, part
    page.fill("#first-ascent-steps-number", "9")
    asked(page, served, 2)
    page.locator("#scrub").focus()
    page.keyboard.press("Control+z")
    asked(page, served, 3)
    assert last(served).ascent.steps == 7


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_nothing_is_inaccessible_or_wider_than_the_window(
    browser: Browser, served: Served, scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # Its script is brought in from outside, which the page's policy forbids.
    context = browser.new_context(
        viewport={"width": width, "height": 780},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    )
    page = context.new_page()
    (served.folder / "clip.dream.mp4.hold").touch()
    page.goto(served.link)
    pick(page, "clip.mp4")
    page.fill("#first-octaves-count-number", "99")
    page.locator("#all > summary").click()
    page.locator("#groups summary").first.click()
    page.locator("#sheet > summary").click()
    page.click("#sheet-make")
    expect(page.locator("#sheet-state")).to_contain_text("4 pictures")
    check_access(axe, page, width)
    page.keyboard.press("Escape")
    page.locator("#share > summary").click()
    page.fill("#yaml", "octaves: 40")
    expect(page.locator("#mistakes button")).to_have_count(1)
    check_access(axe, page, width)
    page.fill("#first-octaves-count-number", "3")
    page.click("#render")
    page.locator("[data-view=renders]").click()
    expect(page.locator(".job")).to_contain_text("1 of 4 frames")
    check_access(axe, page, width)
    (served.folder / "clip.dream.mp4.hold").unlink()
    expect(page.locator(".job")).to_contain_text("finished")
    page.get_by_role("button", name="Play clip.dream.mp4").first.click()
    check_access(axe, page, width)
    context.close()


FOREIGN = b"""<!doctype html><title>another page</title><script>
async function attack(address) {
  const body = JSON.stringify({values: {pipeline: "zoom"}});
  const results = [];
  for (const mode of ["no-cors", "cors"]) {
    const options = {mode, credentials: "include"};
    const sent = await fetch(address + "/api/jobs", {method: "POST", body, ...options}).catch(() => null);
    results.push(sent === null ? "refused" : sent.type);
    const read = await fetch(address + "/api/files", options).then(r => r.text()).catch(() => "");
    results.push(read);
  }
  return results;
}
</script>"""


def test_a_page_of_another_origin_starts_and_reads_nothing(page: Page, served: Served) -> None:
    """Another port of this machine is the same site, so that the browser sends it the cookie."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(FOREIGN)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        foreign = page.context.new_page()
        foreign.goto(f"http://127.0.0.1:{server.server_port}/")
        results = foreign.evaluate("address => attack(address)", served.address)
        server.shutdown()
    assert not any("clip.mp4" in result for result in results)
    assert served.jobs.jobs() == []
