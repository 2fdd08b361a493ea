"""Settings meet the engine: what is dreamed where nothing is named, and guide images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from dreamvid.config.preset import Preset
from dreamvid.config.settings import ModelSettings
from dreamvid.config.visualization import VisualizationSettings
from dreamvid.errors import ObjectiveError, SettingsError
from dreamvid.objective import guide
from dreamvid.pipelines.build import best_objective, build_dreamer, build_visualizer, read_guides
from dreamvid.pipelines.options import RunOptions

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.engine.network import Network


def network(*depths: int) -> Network:
    """Return a network of one layer at each of these depths, named after it."""
    from dreamvid.engine.network import LayerInfo, Network

    layers = tuple(LayerInfo(f"d{d}", "Conv2D", 8, 1, d, (None, None, None, 8)) for d in depths)
    return Network("mine.keras", layers, (), 3, None, cast("Any", None))


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("depths", "name"), [((1, 2, 3, 4, 5, 6), "d4"), ((1,), "d1"), ((0, 1), "d0"), ((2,), "d2")]
)
def test_a_network_of_ones_own_is_dreamed_about_two_thirds_down(depths: tuple[int, ...], name: str) -> None:
    assert str(best_objective(network(*depths))) == name


@pytest.mark.e2e
def test_a_network_without_a_layer_that_holds_a_picture_wants_an_objective() -> None:
    with pytest.raises(ObjectiveError, match="--objective"):
        best_objective(network())


@pytest.mark.parametrize("name", ["gone.png", "text.png", "folder"])
def test_a_guide_image_that_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(SettingsError, match=rf"guide image: .*{name}"):
        read_guides(guide(tmp_path / name, "mixed3"))


@pytest.mark.e2e
def test_stills_alone_are_accentuated_and_videos_say_so(caplog: pytest.LogCaptureFixture) -> None:
    preset = Preset.build({"ascent": {"accentuate": True}, "run": {"precision": "float32"}})
    assert type(build_dreamer(preset, RunOptions(), still=True).dreamer).__name__ == "AccentuationEngine"
    assert not caplog.records
    assert type(build_dreamer(preset, RunOptions()).dreamer).__name__ == "DreamEngine"
    assert "ascent.accentuate is for stills" in caplog.text


@pytest.mark.e2e
def test_a_class_of_the_embedded_network_is_made_visible() -> None:
    settings = VisualizationSettings(size=64, steps=24)
    visualizer = build_visualizer(ModelSettings(), "logits", settings, RunOptions(), precision="float32")
    (made,) = visualizer.visualize([5])
    assert made.reason == ""
    assert made.score > made.start_score + 5.0
