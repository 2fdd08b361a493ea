"""The dream of a picture: octaves, detail, shifts, and what never happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from dreamvid.config.settings import AscentSettings, ModelSettings, OctaveSettings, RunSettings
from dreamvid.engine import dreamer as dreamer_module
from dreamvid.engine.boxes import Box
from dreamvid.engine.dreamer import DreamEngine, clear_cache, jitter_shifts
from dreamvid.engine.network import load_network
from dreamvid.errors import EngineError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.objective import layer, parse
from dreamvid.types import Size

if TYPE_CHECKING:
    from dreamvid.engine.network import Network
    from dreamvid.types import RGB, Dreamer, StepMap


def make_engine(
    network: Network,
    objective: str = "deep",
    *,
    octaves: int = 3,
    tile: Any = "auto",
    seed: int = 0,
    xla: bool = False,
    precision: str = "float32",
    **ascent: Any,
) -> DreamEngine:
    return DreamEngine(
        network,
        parse(objective),
        octaves=OctaveSettings(count=octaves),
        ascent=AscentSettings(**{"steps": 3, "step_size": 0.01, "jitter": 8} | ascent),
        run=RunSettings(tile=tile, seed=seed),
        xla=xla,
        precision=precision,
    )


@pytest.fixture(scope="module")
def toy_engine(toy: Network) -> DreamEngine:
    return make_engine(toy)


@pytest.fixture(scope="module")
def borderless_engine(borderless_toy: Network) -> DreamEngine:
    return make_engine(borderless_toy)


@pytest.fixture(scope="module")
def dreamnet_engine(dreamnet: Network) -> DreamEngine:
    return make_engine(dreamnet, "mixed5")


def rms(values: RGB) -> float:
    return float(np.sqrt(np.square(values).mean()))


def test_the_default_look_is_strong_and_climbs(dreamnet: Network, photo: RGB) -> None:
    engine: Dreamer = DreamEngine(
        dreamnet,
        parse("mixed5"),
        octaves=OctaveSettings(),
        ascent=AscentSettings(),
        run=RunSettings(),
    )
    assert isinstance(engine, DreamEngine)
    dreamed = engine.dream(photo)
    assert rms(dreamed - photo) > 0.05
    assert engine.score(dreamed) > 2 * engine.score(photo)
    assert dreamed.dtype == np.float32
    assert dreamed.min() >= 0
    assert dreamed.max() <= 1


def test_one_trace_serves_all_frames_sizes_octaves_steps_and_weights(toy: Network, photo: RGB) -> None:
    engine = make_engine(toy, "deep, low:0.5")
    for steps, size in [(3, (192, 256)), (2, (192, 256)), (5, (97, 131)), (1, (40, 300))]:
        engine.dream(photo[: size[0], : size[1]], steps=steps, frame_index=steps)
    engine.dream(resize(photo, Size(300, 400)).clip(0, 1), detail=np.zeros((300, 400, 3), np.float32))
    other = engine.with_settings(
        objective=parse("deep:0.1, low:2"), ascent=AscentSettings(step_size=0.02, l2=1.0)
    )
    other.dream(photo)
    assert engine.traces == other.traces == 1


def test_the_same_settings_give_the_same_bits_cached_or_compiled_anew(photo: RGB) -> None:
    def engine(**changed: Any) -> DreamEngine:
        return make_engine(load_network(ModelSettings()), "mixed4, mixed3:0.5", octaves=2, **changed)

    first = engine()
    dreamed = first.dream(photo)
    assert np.array_equal(dreamed, first.dream(photo))
    engine(seed=3, steps=2).dream(photo[:100], frame_index=7)
    cached = engine()
    assert np.array_equal(dreamed, cached.dream(photo))
    assert cached.traces == 1
    clear_cache()
    fresh = engine()
    assert fresh.traces == 0
    assert np.array_equal(dreamed, fresh.dream(photo))


def test_engines_of_other_settings_share_what_is_compiled(toy: Network, photo: RGB) -> None:
    make_engine(toy, "deep, mid").dream(photo)
    other = make_engine(toy, "deep:0.1, mid:-2", octaves=1, seed=3, tile=64, steps=5, step_size=0.02, l2=0.3)
    assert np.isfinite(other.dream(photo)).all()
    assert other.traces == 1


@pytest.mark.parametrize(
    ("objective", "ascent"),
    [
        ("deep, low", {}),
        ("deep, mid#1", {}),
        ("mean(deep), mid", {}),
        ("deep, mid", {"smoothing": 3.0}),
        ("deep, mid", {"laplacian": 2}),
        ("deep, mid", {"normalize": "std"}),
    ],
)
def test_what_is_compiled_in_is_not_mixed_up(
    toy: Network, photo: RGB, objective: str, ascent: dict[str, Any]
) -> None:
    cached = make_engine(toy, "deep, mid").dream(photo)
    other = make_engine(toy, objective, **ascent).dream(photo)
    assert not np.array_equal(other, cached)
    clear_cache()
    assert np.array_equal(other, make_engine(toy, objective, **ascent).dream(photo))


def test_guides_with_different_pictures_are_not_mixed_up(toy: Network, photo: RGB) -> None:
    def dream(picture: RGB) -> RGB:
        engine = DreamEngine(
            toy,
            parse("guide:a.jpg@mid"),
            octaves=OctaveSettings(count=1),
            ascent=AscentSettings(steps=2),
            run=RunSettings(),
            guides={"a.jpg": picture},
        )
        return engine.dream(photo)

    first = dream(photo[::-1])
    assert not np.array_equal(dream(1.0 - photo), first)
    assert np.array_equal(dream(photo[::-1].copy()), first)


def test_a_dream_that_fails_leaves_the_cache_good(loud_toy: Network, photo: RGB) -> None:
    make_engine(loud_toy, precision="float16").dream(photo)
    with pytest.raises(EngineError):
        make_engine(loud_toy).dream(photo * np.nan)
    expected = make_engine(loud_toy).dream(photo)
    clear_cache()
    assert np.array_equal(make_engine(loud_toy).dream(photo), expected)


def test_seed_and_frame_index_change_the_shifts_and_so_the_dream(toy: Network, photo: RGB) -> None:
    engine = make_engine(toy)
    dreamed = engine.dream(photo)
    assert not np.array_equal(dreamed, make_engine(toy, seed=1).dream(photo))
    assert not np.array_equal(dreamed, engine.dream(photo, frame_index=0))
    assert not np.array_equal(engine.dream(photo, frame_index=0), engine.dream(photo, frame_index=1))


def test_shifts_are_a_pure_function_of_seed_octave_and_step() -> None:
    reach = Size(16, 24)
    assert np.array_equal(jitter_shifts(7, 2, 10, reach), jitter_shifts(7, 2, 10, reach))
    assert np.array_equal(jitter_shifts(7, 2, 10, reach)[:4], jitter_shifts(7, 2, 4, reach))
    assert not np.array_equal(jitter_shifts(7, 2, 10, reach), jitter_shifts(7, 3, 10, reach))
    assert not np.array_equal(jitter_shifts(7, 2, 10, reach), jitter_shifts(7, 2, 10, reach, frame_index=0))
    many = jitter_shifts(0, 0, 4000, Size(3, 5))
    assert sorted(set(many[:, 0].tolist())) == list(range(4))
    assert sorted(set(many[:, 1].tolist())) == list(range(6))
    assert not jitter_shifts(0, 0, 5, Size(0, 0)).any()


def test_without_steps_the_dream_is_source_plus_detail(toy: Network, photo: RGB) -> None:
    engine = make_engine(toy, octaves=4)
    detail = (0.3 * (photo[::-1, ::-1] - 0.5)).astype(np.float32)
    assert np.array_equal(engine.dream(photo, steps=0), photo)
    assert np.array_equal(engine.dream(photo, detail=detail, steps=0), np.clip(photo + detail, 0, 1))


def test_a_given_detail_is_not_counted_once_an_octave(toy: Network, photo: RGB) -> None:
    engine = make_engine(toy, octaves=4, step_size=1e-6)
    detail = (0.2 * (photo[::-1, ::-1] - 0.5)).astype(np.float32)
    dreamed = engine.dream(photo, detail=detail, steps=1)
    assert np.abs(dreamed - np.clip(photo + detail, 0, 1)).max() < 1e-4


def test_coarse_octaves_reach_the_full_picture(toy: Network, photo: RGB) -> None:
    coarse = make_engine(toy, octaves=4).dream(photo) - photo
    alone = make_engine(toy, octaves=1).dream(photo) - photo
    small = Size(24, 32)
    assert rms(resize(coarse, small)) > 2 * rms(resize(alone, small))


@pytest.mark.parametrize("size", [(1, 1), (1, 77), (77, 1), (16, 16), (33, 191), (191, 33)])
@pytest.mark.parametrize("network", ["toy_engine", "borderless_engine", "dreamnet_engine"])
def test_any_size_dreams(
    request: pytest.FixtureRequest, network: str, size: tuple[int, int], photo: RGB
) -> None:
    engine: DreamEngine = request.getfixturevalue(network)
    dreamed = engine.dream(photo[: size[0], : size[1]], steps=2)
    assert dreamed.shape == (*size, 3)
    assert np.isfinite(dreamed).all()
    assert not np.array_equal(dreamed, photo[: size[0], : size[1]])


def test_tiled_and_whole_dreams_agree(toy: Network, photo: RGB) -> None:
    whole = make_engine(toy, octaves=1, tile="off").dream(photo) - photo
    tiled = make_engine(toy, octaves=1, tile=64).dream(photo) - photo
    inner = (slice(40, -40), slice(40, -40))
    agreement = (whole[inner] * tiled[inner]).sum() / (
        rms(whole[inner]) * rms(tiled[inner]) * whole[inner].size
    )
    assert agreement > 0.99
    assert rms(tiled) == pytest.approx(rms(whole), rel=0.02)


@pytest.mark.parametrize("field", ["total_variation", "l2"])
def test_penalties_hold_the_detail_back(toy: Network, photo: RGB, field: str) -> None:
    weights: dict[str, Any] = {field: 2.0 if field == "l2" else 0.5}
    plain = make_engine(toy, steps=8).dream(photo) - photo
    held = make_engine(toy, steps=8, **weights).dream(photo) - photo

    def roughness(detail: RGB) -> float:
        return float(np.abs(np.diff(detail, axis=0)).mean() + np.abs(np.diff(detail, axis=1)).mean())

    measure = rms if field == "l2" else roughness
    assert measure(held) < 0.95 * measure(plain)


@pytest.mark.parametrize("laplacian", [0, 2])
def test_static_compilation_gives_the_same_dream(toy: Network, photo: RGB, laplacian: int) -> None:
    picture = photo[:64, :96]
    plain = make_engine(toy, octaves=1, jitter=0, tile=64, laplacian=laplacian).dream(picture)
    compiled = make_engine(toy, octaves=1, jitter=0, tile=64, laplacian=laplacian, xla=True)
    assert np.abs(compiled.dream(picture) - plain).max() < 1e-3
    compiled.dream(picture, steps=5)
    assert compiled.traces == 1


def test_shifts_compile_statically(toy: Network, photo: RGB) -> None:
    plain, compiled = (make_engine(toy, octaves=1, xla=xla).dream(photo) for xla in (False, True))
    assert np.abs(compiled - plain).max() < 1e-3


def test_plans_say_what_will_be_done(dreamnet: Network) -> None:
    engine = make_engine(dreamnet, "mixed4", octaves=2)
    small, large = engine.plan_for(Size(270, 480)), engine.plan_for(Size(4320, 7680))
    assert [octave["size"] for octave in small] == ["343x193", "480x270"]
    assert all(octave["layout"] == "untiled" for octave in small)
    tiles = large[-1]["tiles"]
    assert isinstance(tiles, int)
    assert tiles > 4


def test_varying_what_is_compiled_in_is_refused(toy: Network) -> None:
    engine = make_engine(toy, "deep")
    with pytest.raises(SettingsError, match="only the weights"):
        engine.with_settings(objective=layer("mid"))
    with pytest.raises(SettingsError, match=r"ascent\.smoothing"):
        engine.with_settings(ascent=AscentSettings(smoothing=3.0))


def test_what_overflows_in_float16_is_dreamed_in_float32(
    loud_toy: Network, photo: RGB, caplog: pytest.LogCaptureFixture
) -> None:
    exact, short = (make_engine(loud_toy, precision=precision) for precision in ("float32", "float16"))
    expected = exact.dream(photo)
    assert np.array_equal(short.dream(photo), expected)
    assert np.array_equal(short.dream(photo[:100]), exact.dream(photo[:100]))
    assert all(
        "no finite number in float16; such pictures are dreamed in float32" in text
        for text in caplog.messages
    )
    assert len(caplog.messages) == 2


def test_an_objective_without_gradient_is_a_warning(
    silent_toy: Network, photo: RGB, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(silent_toy)
    assert np.array_equal(engine.dream(photo), photo)
    assert ["has no gradient" in text for text in caplog.messages] == [True]


def test_what_dreams_is_not_called_silent(toy: Network, photo: RGB, caplog: pytest.LogCaptureFixture) -> None:
    engine = make_engine(toy, "mid#3")
    engine.dream(photo)
    engine.dream(photo, steps=0)
    assert not caplog.messages


def test_a_network_that_overflows_is_an_error(endless_toy: Network, photo: RGB) -> None:
    with pytest.raises(EngineError, match="no finite number in float32; the network's weights"):
        make_engine(endless_toy).dream(photo)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.full((8, 8, 3), np.nan, np.float32), "not finite"),
        (np.zeros((8, 8), np.float32), "shape"),
        (np.zeros((0, 8, 3), np.float32), "shape"),
        (np.zeros((8, 8, 3), np.float64), "float32"),
    ],
)
def test_what_is_no_picture_is_refused(toy: Network, picture: Any, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        make_engine(toy).dream(picture)


def test_detail_of_another_size_is_refused(toy: Network, photo: RGB) -> None:
    with pytest.raises(EngineError, match="must be the same"):
        make_engine(toy).dream(photo, detail=photo[:20])


def test_black_pictures_dream_without_harm(toy: Network) -> None:
    dreamed = make_engine(toy).dream(np.zeros((64, 64, 3), np.float32))
    assert np.isfinite(dreamed).all()


def test_a_step_map_says_how_far_each_pixel_goes(dreamnet_engine: DreamEngine, photo: RGB) -> None:
    step_map = np.zeros(photo.shape[:2], np.float32)
    step_map[:, -60:] = 3
    dreamed = dreamnet_engine.dream(photo, step_map=step_map)
    full = dreamnet_engine.dream(photo)
    assert rms((dreamed - photo)[:, -48:]) > 0.7 * rms((full - photo)[:, -48:])
    far = np.s_[:, : photo.shape[1] - 100]
    assert rms((dreamed - photo)[far]) < 0.1 * rms((dreamed - photo)[:, -48:])


def test_a_step_map_of_all_steps_is_a_plain_dream(dreamnet_engine: DreamEngine, photo: RGB) -> None:
    everywhere = np.full(photo.shape[:2], 3, np.float32)
    assert np.array_equal(dreamnet_engine.dream(photo, step_map=everywhere), dreamnet_engine.dream(photo))


def test_one_long_step_stands_for_several(dreamnet_engine: DreamEngine, photo: RGB) -> None:
    everywhere = np.full(photo.shape[:2], 3, np.float32)
    short = dreamnet_engine.dream(photo, steps=1)
    long = dreamnet_engine.dream(photo, steps=1, step_map=everywhere)
    full = dreamnet_engine.dream(photo)
    assert rms(long - photo) > 2 * rms(short - photo)
    gained = [dreamnet_engine.score(one) / dreamnet_engine.score(photo) - 1 for one in (long, full)]
    assert gained[0] > 0.35 * gained[1]


def test_a_step_map_of_zeros_changes_nothing(dreamnet_engine: DreamEngine, photo: RGB) -> None:
    nothing = np.zeros(photo.shape[:2], np.float32)
    assert np.array_equal(dreamnet_engine.dream(photo, step_map=nothing), photo)
    assert np.array_equal(dreamnet_engine.dream(photo, steps=0, step_map=nothing + 1), photo)


def soft_spot(picture: RGB, y: int, x: int, radius: float = 30) -> StepMap:
    """Return three steps' worth within a circle, which fall off to none at its edge."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    distance = np.hypot(rows - y, columns - x)
    return np.asarray(3 * np.clip(2 - 2 * distance / radius, 0, 1), np.float32)


def dream_whole(engine: DreamEngine, monkeypatch: pytest.MonkeyPatch, picture: RGB, **options: Any) -> RGB:
    """Return the dream of gradients of the whole picture."""
    with monkeypatch.context() as patch:
        patch.setattr(dreamer_module, "boxes_around", lambda mask, **_: [Box.whole(Size(*mask.shape))])
        return engine.dream(picture, **options)


@pytest.fixture(scope="module")
def large_photo(photo: RGB) -> RGB:
    return resize(np.tile(photo, (2, 2, 1)), Size(360, 480)).clip(0, 1)


@pytest.mark.parametrize("place", [(190, 240), (0, 479), (359, 100)])
@pytest.mark.parametrize(
    "options", [{}, {"tile": 64}, {"precondition": 0.5, "smoothing": 2.0, "laplacian": 2}]
)
def test_a_part_is_dreamed_as_it_is_in_the_whole_picture(
    toy: Network,
    large_photo: RGB,
    monkeypatch: pytest.MonkeyPatch,
    place: tuple[int, int],
    options: dict[str, Any],
) -> None:
    # Parts occur in videos, which are dreamed without variety: its balance is that of a window.
    engine = make_engine(toy, variety=0.0, **options)
    step_map = soft_spot(large_photo, *place)
    part = engine.dream(large_photo, step_map=step_map) - large_photo
    whole = dream_whole(engine, monkeypatch, large_photo, step_map=step_map) - large_photo
    assert not np.array_equal(part, whole)  # or the whole picture was dreamed
    assert np.vdot(part, whole) > 0.95 * np.linalg.norm(part) * np.linalg.norm(whole)
    assert rms(part) == pytest.approx(rms(whole), rel=0.25)


def test_the_default_network_dreams_a_part_as_in_the_whole_picture(
    dreamnet: Network, large_photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(dreamnet, "mixed5", variety=0.0)
    detail = engine.dream(large_photo) - large_photo
    options: dict[str, Any] = {"detail": detail, "step_map": soft_spot(large_photo, 150, 200)}
    base = engine.dream(large_photo, detail=detail, steps=0)
    part = engine.dream(large_photo, **options) - base
    whole = dream_whole(engine, monkeypatch, large_photo, **options) - base
    assert not np.array_equal(part, whole)
    assert np.vdot(part, whole) > 0.9 * np.linalg.norm(part) * np.linalg.norm(whole)
    assert rms(part) == pytest.approx(rms(whole), rel=0.25)


def test_outside_of_a_part_nothing_changes(toy_engine: DreamEngine, large_photo: RGB) -> None:
    detail = np.asarray(0.1 * np.random.default_rng(2).standard_normal(large_photo.shape), np.float32)
    step_map = soft_spot(large_photo, 190, 240)
    dreamed = toy_engine.dream(large_photo, detail=detail, step_map=step_map)
    near = cv2.dilate(np.asarray(step_map > 0, np.uint8), np.ones((17, 17), np.uint8)) > 0
    still = toy_engine.dream(large_photo, detail=detail, steps=0)
    assert np.abs(dreamed - still)[~near].max() < 1e-6
    assert np.abs(dreamed - still)[step_map > 0].mean() > 0.005


def test_two_parts_are_dreamed_at_once_and_alike_in_every_run(toy: Network, large_photo: RGB) -> None:
    engine = make_engine(toy, octaves=1)
    spots = soft_spot(large_photo, 60, 60), soft_spot(large_photo, 300, 400)
    one, other, both = (engine.dream(large_photo, step_map=each) for each in (*spots, spots[0] + spots[1]))
    assert np.allclose(one + other - large_photo, both, atol=1e-6)
    assert np.array_equal(both, engine.dream(large_photo, step_map=spots[0] + spots[1]))
    clear_cache()
    assert np.array_equal(both, make_engine(toy, octaves=1).dream(large_photo, step_map=spots[0] + spots[1]))


def test_a_part_of_most_of_the_picture_is_dreamed_with_it(
    toy_engine: DreamEngine, large_photo: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_map = soft_spot(large_photo, 180, 240, radius=220)
    dreamed = toy_engine.dream(large_photo, step_map=step_map)
    assert np.array_equal(dreamed, dream_whole(toy_engine, monkeypatch, large_photo, step_map=step_map))


def test_a_place_in_the_picture_stays_where_it_is_when_a_part_is_dreamed(
    toy: Network, large_photo: RGB
) -> None:
    engine = make_engine(toy, "deep#3@0.8/0.8", octaves=1)
    dreamed = engine.dream(large_photo, step_map=soft_spot(large_photo, 288, 384))
    assert np.abs(dreamed - large_photo)[270:300, 370:400].max() > 0.005


def test_a_silent_part_is_no_warning(
    silent_toy: Network, large_photo: RGB, caplog: pytest.LogCaptureFixture
) -> None:
    make_engine(silent_toy).dream(large_photo, step_map=soft_spot(large_photo, 190, 240))
    assert not caplog.messages


def test_parts_of_similar_size_and_place_share_what_xla_compiles(toy: Network, large_photo: RGB) -> None:
    engine = make_engine(toy, octaves=1, xla=True)
    for y, x in [(190, 240), (180, 230), (200, 250)]:
        engine.dream(large_photo, step_map=soft_spot(large_photo, y, x))
    assert engine.traces == 1


def test_a_step_map_of_another_size_is_refused(toy_engine: DreamEngine, photo: RGB) -> None:
    with pytest.raises(EngineError, match="step_map has shape"):
        toy_engine.dream(photo, steps=1, step_map=np.zeros((3, 4), np.float32))


def test_substeps_are_as_strong_as_their_steps_and_climb_as_far(dreamnet: Network, photo: RGB) -> None:
    whole = make_engine(dreamnet, "mixed4", steps=4, step_size=0.01)
    parted = make_engine(dreamnet, "mixed4", steps=4, step_size=0.01, substeps=3)
    one, other = whole.dream(photo), parted.dream(photo)
    assert not np.array_equal(one, other)
    assert rms(other - photo) == pytest.approx(rms(one - photo), rel=0.25)
    assert parted.score(other) > 0.9 * whole.score(one)


def test_substeps_are_shorter_steps(toy: Network, photo: RGB) -> None:
    parted = make_engine(toy, steps=2, substeps=3, step_size=0.009)
    longer = make_engine(toy, steps=6, step_size=0.003)
    assert np.array_equal(parted.dream(photo), longer.dream(photo))
