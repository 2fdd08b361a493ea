"""Gradients of whole pictures: tiles join without a seam, and every pixel gets its share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dreamvid.engine.ascent import gradient
from dreamvid.engine.objectives import BoundObjective
from dreamvid.engine.runtime import tf
from dreamvid.engine.tiling import Grid, TilePlan
from dreamvid.image.resize import resize
from dreamvid.objective import Objective, layer, neuron
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.engine.network import Network
    from dreamvid.types import RGB


def slope(
    network: Network,
    objective: Objective,
    picture: RGB,
    tile: Any,
    shift: tuple[int, int] = (0, 0),
    *,
    variety: float = 0.0,
) -> tuple[NDArray[np.float32], TilePlan]:
    """Return the gradient at a picture shifted by ``shift``, and the plan that it was taken by."""
    bound = BoundObjective.bind(objective, network, {})
    extractor = network.extractor(bound.outputs)
    plan = TilePlan.build(
        Size(*picture.shape[:2]),
        stride=extractor.stride,
        receptive_field=extractor.receptive_field,
        margin=extractor.margin,
        fixed_size=extractor.fixed_size,
        tile=tile,
        budget=10**6,
        jitter=max(shift),
    )
    assert all(asked <= reach for asked, reach in zip(shift, plan.reach, strict=True))
    found = gradient(
        tf.constant(picture),
        tf.constant(shift),
        tf.constant(bound.weights),
        Grid.unpack(Grid.of(plan).pack()),
        variety=tf.constant(variety),
        extractor=extractor,
        objective=bound,
    )
    return found.numpy(), plan


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def near_seams(plan: TilePlan, reach: int) -> NDArray[np.bool_]:
    """Return where a picture's pixels lie within ``reach`` px of a seam between tiles."""
    distances = []
    for axis in (plan.vertical, plan.horizontal):
        seams = np.arange(1, axis.count) * axis.tile - 0.5
        distances.append(np.abs(np.arange(axis.length)[:, None] - seams).min(1, initial=axis.length))
    near: NDArray[np.bool_] = (distances[0][:, None] < reach) | (distances[1][None, :] < reach)
    return near


@pytest.mark.parametrize("name", ["mixed4", "mixed5"])
def test_tiles_join_without_a_seam(dreamnet: Network, photo: RGB, name: str) -> None:
    picture = resize(photo, Size(640, 640)).clip(0, 1)
    whole, _ = slope(dreamnet, layer(name), picture, "off")
    tiled, plan = slope(dreamnet, layer(name), picture, 160)
    assert plan.vertical.count > 1
    assert plan.horizontal.count > 1
    inner = np.zeros(picture.shape[:2], bool)  # the picture's own border has no outside when untiled
    inner[96:-96, 96:-96] = True
    seams = near_seams(plan, 16)
    assert cosine(tiled[inner], whole[inner]) > 0.999
    at_seams, elsewhere = (
        np.square(tiled[where]).sum() / np.square(whole[where]).sum()
        for where in (inner & seams, inner & ~seams)
    )
    assert at_seams / elsewhere == pytest.approx(1.0, abs=0.02)


def test_tiles_with_variety_nearly_join_without_a_seam(dreamnet: Network, photo: RGB) -> None:
    picture = resize(photo, Size(640, 640)).clip(0, 1)
    whole, _ = slope(dreamnet, layer("mixed5"), picture, "off", variety=1.0)
    tiled, plan = slope(dreamnet, layer("mixed5"), picture, 160, variety=1.0)
    inner = np.zeros(picture.shape[:2], bool)
    inner[96:-96, 96:-96] = True
    seams = near_seams(plan, 16)
    assert cosine(tiled[inner], whole[inner]) > 0.97
    at_seams, elsewhere = (
        np.square(tiled[where]).sum() / np.square(whole[where]).sum()
        for where in (inner & seams, inner & ~seams)
    )
    assert at_seams / elsewhere == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("tile", ["off", 64, 200])
@pytest.mark.parametrize("network", ["toy", "borderless_toy"])
def test_every_pixel_of_700_x_500_gets_gradient(
    request: pytest.FixtureRequest, network: str, tile: Any, photo: RGB
) -> None:
    picture = resize(photo, Size(500, 700)).clip(0, 1)
    found, _ = slope(request.getfixturevalue(network), layer("mid", reduce="mean"), picture, tile, (3, 5))
    strength = np.abs(found).sum(-1)
    assert (strength > 0).mean() > 0.999
    for axis in (0, 1):
        line = strength.mean(axis)
        assert line.min() > 0.2 * np.median(line)


@pytest.mark.parametrize("shift", [(0, 0), (3, 1), (2, 4)])
@pytest.mark.parametrize("tile", ["off", 64])
def test_a_neuron_stays_at_its_place_under_shifts_and_tiles(
    toy: Network, photo: RGB, shift: tuple[int, int], tile: Any
) -> None:
    found, _ = slope(toy, neuron("low", 2, x=0.25, y=0.75), photo, tile, shift)
    strength = np.abs(found).sum(-1)
    rows, columns = np.nonzero(strength)
    assert len(rows)
    assert np.abs(rows - 0.75 * 192).max() <= 4
    assert np.abs(columns - 0.25 * 256).max() <= 4


def test_shifts_by_whole_strides_change_nothing_inside(toy: Network, photo: RGB) -> None:
    still, _ = slope(toy, layer("deep"), photo, "off")
    shifted, _ = slope(toy, layer("deep"), photo, "off", (4, 4))
    assert np.allclose(shifted[40:-40, 40:-40], still[40:-40, 40:-40], rtol=1e-4, atol=1e-9)
    assert not np.allclose(shifted[:8], still[:8], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("tile", ["off", 64])
def test_a_border_never_sees_the_one_across(toy: Network, photo: RGB, tile: Any) -> None:
    other = photo.copy()
    other[-20:] = 1.0 - other[-20:]
    here, _ = slope(toy, layer("deep"), photo, tile, (4, 0))
    there, _ = slope(toy, layer("deep"), other, tile, (4, 0))
    assert np.allclose(here[:40], there[:40], rtol=1e-4, atol=1e-9)
    assert not np.allclose(here[-20:], there[-20:], rtol=1e-2, atol=1e-9)


@pytest.mark.parametrize("size", [Size(1, 1), Size(1, 90), Size(90, 1), Size(3, 2), Size(17, 33)])
@pytest.mark.parametrize("network", ["toy", "borderless_toy"])
def test_tiny_pictures_have_finite_gradients(
    request: pytest.FixtureRequest, network: str, size: Size, photo: RGB
) -> None:
    found, _ = slope(
        request.getfixturevalue(network), layer("deep"), photo[: size[0], : size[1]], "auto", (2, 3)
    )
    assert found.shape == (*size, 3)
    assert np.isfinite(found).all()
