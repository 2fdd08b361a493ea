"""Dreams of panoramas: they go around, and poles are like any other place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, OctaveSettings, RunSettings
from dreamvid.engine.ascent import gradient
from dreamvid.engine.dreamer import DreamEngine
from dreamvid.engine.objectives import BoundObjective
from dreamvid.engine.panorama import PanoramaEngine
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import Grid, TilePlan
from dreamvid.image.panorama import resize_panorama
from dreamvid.image.resize import resize
from dreamvid.objective import Objective, layer, neuron, parse
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


def slope(
    network: Network, objective: Objective, picture: RGB, tile: Any, shift: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """Return the gradient at a picture that goes around, rolled by ``shift``."""
    bound = BoundObjective.bind(objective, network, {})
    extractor = network.extractor(bound.outputs)
    plan = TilePlan.build(
        Size(*picture.shape[:2]),
        stride=extractor.stride,
        receptive_field=extractor.receptive_field,
        margin=extractor.margin,
        tile=tile,
        budget=10**6,
        jitter=max(shift),
        wraps=True,
    )
    found = gradient(
        tf.constant(picture),
        tf.constant(shift),
        tf.constant(bound.weights),
        Grid.unpack(Grid.of(plan).pack()),
        variety=tf.constant(0.0),
        extractor=extractor,
        objective=bound,
        wraps=True,
    )
    result: NDArray[np.float32] = found.numpy()
    return result


def make_engine(
    network: Network,
    kind: type[DreamEngine] = PanoramaEngine,
    *,
    objective: str = "deep",
    octaves: int = 1,
    **ascent: Any,
) -> DreamEngine:
    return kind(
        network,
        parse(objective),
        octaves=OctaveSettings(count=octaves),
        ascent=AscentSettings(**{"steps": 3, "step_size": 0.01, "jitter": 8, "precondition": 0.5} | ascent),
        run=RunSettings(),
    )


def seam(detail: RGB) -> float:
    """Return the difference over the seam as a multiple of that of the columns near it."""
    rolled = np.roll(detail, 16, axis=1)
    steps = np.square(np.diff(rolled, axis=1)).mean(axis=(0, 2))
    return float(np.sqrt(steps[15] / steps[:32].mean()))


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_tiles_go_around_as_an_untiled_picture_does(dreamnet: Network, photo: RGB) -> None:
    picture = np.clip(resize(photo, Size(192, 320)), 0, 1)
    whole, tiled = (slope(dreamnet, layer("mixed4"), picture, tile) for tile in ("off", 64))
    assert cosine(whole, tiled) > 0.999
    ends = (slice(64, -64), np.r_[:8, -8:0])  # a tiled picture has another border at its top and bottom
    assert cosine(whole[ends], tiled[ends]) > 0.99


@pytest.mark.parametrize("tile", ["off", 64])
def test_a_rolled_picture_has_a_rolled_gradient(toy: Network, photo: RGB, tile: Any) -> None:
    plain = slope(toy, layer("deep"), photo, tile)
    rolled = slope(toy, layer("deep"), np.roll(photo, 96, axis=1), tile)
    shifted = slope(toy, layer("deep"), photo, tile, (0, 96))
    for other in (np.roll(rolled, -96, axis=1), shifted):  # only windows lie elsewhere
        assert cosine(plain, other) > 0.995
        ends = np.r_[:8, -8:0]
        assert np.square(plain[:, ends]).sum() / np.square(other[:, ends]).sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("shift", [(0, 0), (0, 131)])
@pytest.mark.parametrize("tile", ["off", 64])
def test_a_neuron_at_the_seam_sees_both_ends(
    toy: Network, photo: RGB, tile: Any, shift: tuple[int, int]
) -> None:
    found = slope(toy, neuron("deep", 2, x=0.0, y=0.5), photo, tile, shift)
    columns = np.nonzero(np.abs(found).sum(axis=(0, 2)))[0]
    distances = np.minimum(columns, photo.shape[1] - columns)
    assert distances.max() <= 16
    assert columns.min() < 8
    assert columns.max() > photo.shape[1] - 8


def test_the_seam_of_a_dream_is_like_any_other_place(dreamnet: Network, photo: RGB) -> None:
    picture = np.ascontiguousarray(photo[:128])
    settings: dict[str, Any] = {"objective": "mixed4", "octaves": 3, "smoothing": 2.0, "laplacian": 2}
    around, flat = (
        make_engine(dreamnet, kind, **settings).dream(picture) - picture
        for kind in (PanoramaEngine, DreamEngine)
    )
    assert seam(around) <= 1.1
    assert seam(flat) > 2.0


def test_a_rolled_band_dreams_rolled(toy: Network, photo: RGB) -> None:
    engine = make_engine(toy, jitter=0)
    picture = np.ascontiguousarray(photo[:64])  # no poles
    rolled = np.roll(engine.dream(np.roll(picture, 64, axis=1)), -64, axis=1)
    assert cosine(engine.dream(picture) - picture, rolled - picture) > 0.98


def test_detail_is_even_on_the_sphere(toy: Network, photo: RGB) -> None:
    picture = np.full((128, 256, 3), 0.5, np.float32) + 0.05 * (photo[:128] - 0.5)
    detail = make_engine(toy, steps=6).dream(picture) - picture
    strength = np.sqrt(np.square(detail).mean(axis=(1, 2)))
    middle = strength[48:80].mean()
    assert np.all(strength[:24] > 0.4 * middle)
    assert np.all(strength[:24] < 2.0 * middle)
    # One row around the pole is one place: its detail hardly changes along the row.
    turns = np.square(np.diff(detail[0], axis=0)).mean() / np.square(detail[0] - detail[0].mean(0)).mean()
    assert turns < 0.1


def test_a_neuron_is_dreamed_at_its_place_and_nowhere_else(toy: Network, photo: RGB) -> None:
    picture = np.ascontiguousarray(photo[:128])
    detail = make_engine(toy, objective="deep#2@0.0/0.25", precondition=0.0).dream(picture) - picture
    rows, columns = np.nonzero(np.abs(detail).max(axis=-1) > 1e-4)
    assert np.abs(rows - 32).max() < 40
    assert np.minimum(columns, 256 - columns).max() < 40


def test_no_steps_give_the_source_and_its_detail(toy: Network, photo: RGB) -> None:
    detail = np.full_like(photo, 0.01)
    np.testing.assert_array_equal(
        make_engine(toy).dream(photo, detail=detail, steps=0), np.clip(photo + detail, 0, 1)
    )


def test_parts_that_move_across_the_seam_are_dreamed_in_one_box(toy: Network, photo: RGB) -> None:
    picture = np.clip(resize_panorama(photo, Size(128, 1024)), 0, 1)
    moving = np.zeros(picture.shape[:2], np.float32)
    moving[40:80, :24] = moving[40:80, -24:] = 3.0
    engine = make_engine(toy)
    dreamed = engine.dream(picture, step_map=moving, steps=3)
    changed = np.abs(dreamed - picture).max(axis=-1)
    assert not changed[moving == 0].any()
    assert (changed[moving > 0] > 0).mean() > 0.9
    assert seam((dreamed - picture)[48:72]) <= 1.1
