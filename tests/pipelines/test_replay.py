"""A dream once more from its embedded settings: the same frames, and no trust in what is embedded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.errors import ReadError
from dreamvid.media.input.source import open_source
from dreamvid.media.still.reader import Still, read_still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines.image import dream_images
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.replay import read_recipe, replay
from dreamvid.pipelines.video import dream_file

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.pipelines.result import RunResult


def dream(clip: Path, preset: Preset, name: str) -> Path:
    output = clip.with_name(name)
    dream_file(clip, output, preset, RunOptions(device="cpu"))
    return output


def again(dreamed: Path, source: Path | None = None, **changes: object) -> RunResult:
    return replay(dreamed, source, None, changes, RunOptions(device="cpu"))


def same_frames(one: Path, two: Path) -> bool:
    pairs = zip(open_source(one), open_source(two), strict=True)
    return all(np.array_equal(a.rgb, b.rgb) and a.pts == b.pts for a, b in pairs)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name", ["dream.mkv", "dream.mp4", "dream.mov", "dream.gif", "dream.apng", "dream.webp", "folder"]
)
def test_a_dream_is_rendered_again_to_the_same_frames(clip: Path, quick: Preset, name: str) -> None:
    looks: dict[str, Any] = {
        "objective": {"0s": "mixed2", "end": "mixed4"},
        "look.strength": "0.5 + 0.5*p",
        "look.keep_color": "lab",
        "input.start": "1/3",
        "scenes": [{}, {"start": "3f", "transition": "0.25", "look": {"blend": "screen"}}],
    }
    dreamed = dream(clip, quick.override(looks), name)
    outcome = again(dreamed)
    assert outcome.output == dreamed.with_name(
        f"dream.again{dreamed.suffix}" if dreamed.suffix else "folder-again"
    )
    assert same_frames(dreamed, outcome.output)


@pytest.mark.e2e
def test_a_still_is_dreamed_again_with_its_guide_and_its_mask(clip: Path, quick: Preset) -> None:
    first = next(iter(open_source(clip))).rgb
    source, guide, mask = (clip.with_name(name) for name in ("a.png", "guide.png", "mask.png"))
    for path, picture in ((source, first), (guide, first[::-1]), (mask, np.tri(48, 80, dtype=np.float32))):
        rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1)
        write_still(path, Still(np.ascontiguousarray(rgb)), overwrite=False)
    preset = quick.override({"objective": f"mixed3, guide:{guide}@mixed4:0.5", "mask": {"source": str(mask)}})
    output = clip.with_name("a.dream.png")
    list(dream_images([source], output, preset, RunOptions()))
    assert str(clip.parent) not in json.dumps(read_recipe(output).settings)
    assert np.array_equal(read_still(again(output).output).rgb, read_still(output).rgb)
    mask.unlink()
    with pytest.raises(ReadError, match=r"mask\.png"):
        again(output)


@pytest.mark.e2e
def test_a_source_is_found_by_its_content_where_its_name_has_changed(clip: Path, quick: Preset) -> None:
    dreamed = dream(clip, quick, "dream.mkv")
    moved = clip.rename(clip.with_name("renamed.mp4"))
    assert again(dreamed).source == moved


@pytest.mark.e2e
def test_a_changed_source_is_refused_and_a_given_one_is_remarked_on(
    clip: Path, quick: Preset, caplog: pytest.LogCaptureFixture
) -> None:
    dreamed = dream(clip, quick, "dream.mkv")
    other = clip.with_name("other.mp4")
    other.write_bytes(clip.read_bytes() + b"\0" * 8)
    clip.write_bytes(other.read_bytes())
    with pytest.raises(ReadError, match="has changed"):
        again(dreamed)
    assert again(dreamed, other).frames == 10
    assert any("other.mp4 is not what" in text for text in caplog.messages)


@pytest.mark.e2e
def test_settings_can_be_overruled(clip: Path, quick: Preset) -> None:
    dreamed = dream(clip, quick, "dream.mkv")
    outcome = again(dreamed, None, **{"run.seed": 5, "output.width": 40})
    assert outcome.size.width == 40


@pytest.mark.parametrize("bad", ["{", "[]", "{}", '{"version": 1, "settings": 3}', "9" * 100])
def test_damaged_settings_are_one_line(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "dream.png"
    write_still(path, Still(np.zeros((16, 16, 3), np.float32)), metadata={"dreamvid": bad}, overwrite=False)
    with pytest.raises(ReadError, match="damaged"):
        again(path)


def test_what_dreamvid_did_not_make_is_refused(clip: Path) -> None:
    with pytest.raises(ReadError, match="no settings"):
        again(clip)


def test_embedded_paths_are_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere" / "secret.h5"
    secret.parent.mkdir()
    secret.write_text("secret", encoding="utf-8")
    made = {"name": "a.png", "fingerprint": "0"}
    settings = {
        "model": {"name": str(secret), "weights": str(secret)},
        "mask": {"source": str(secret)},
        "objective": f"guide:{secret}@mixed3",
    }
    text = json.dumps(
        {
            "version": "1",
            "settings": settings,
            "resolved": {},
            "source": {"name": "../../a.png", "fingerprint": "0"},
            "files": {"weights": {"name": str(secret), "fingerprint": "0"}, "model": made},
        }
    )
    path = tmp_path / "dream.png"
    write_still(path, Still(np.zeros((16, 16, 3), np.float32)), metadata={"dreamvid": text}, overwrite=False)
    recipe = read_recipe(path)
    assert str(tmp_path) not in json.dumps(recipe.settings)
    assert recipe.source is not None
    assert recipe.source.name == "a.png"
    assert {Path(file.name).name == file.name for file in recipe.files.values()} == {True}
    with pytest.raises(ReadError, match=r"a\.png"):
        again(path)
