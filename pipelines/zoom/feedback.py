"""What every kind of trip does: where the camera goes, how a picture is dreamed on, and what of it is held.

What feeds back into itself drifts: colors run to the network's favorites, contrast explodes or grays over, what is
magnified goes soft, and what the network likes best swallows all else. So three things are held: the strength of each
band of frequencies, over the whole and, a little, from place to place (`dreamvid.flow.detail_statistics`); the colors
(`dreamvid.image.color_transfer`); and the share of work that each place gets, more where there is little to see. All
go by the second, not by the frame.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from dreamvid.errors import NonFiniteDreamError
from dreamvid.image.color_transfer import Palette, match_palette, measure_palette
from dreamvid.image.resize import blur
from dreamvid.image.transform import Velocity
from dreamvid.pipelines.position import level_of
from dreamvid.types import RGB, DetailStatistics, Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from dreamvid.config.preset import Preset
    from dreamvid.image.transform import Similarity
    from dreamvid.pipelines.look import Looks, Part
    from dreamvid.types import StepMap

_log = logging.getLogger(__name__)

USUAL_FPS = 24.0
"""Frame rate at which what is done by the frame was tuned; at others it goes by the second."""
_FASTEST = 1.10
_EVENNESS = 0.12
_LOCK = 0.25
_FIRST = 1.5
"""Steps of a whole picture's dream as a multiple of the preset's."""
_GRAIN = 0.6
"""How much of the finest band of a first dream stays: the rest is grain that no later frame has."""
_FINE, _CALM, _LEAST = 4.0, 0.06, 0.02
_SPARED, _FAVORED = 0.3, 3.0
_PULSE, _REST, _STILL = 6.0, 0.5, 1.05


class HoldTargets(NamedTuple):
    """What all of a trip's pictures are held to."""

    level: DetailStatistics
    palette: Palette

    def to_values(self) -> dict[str, Any]:
        """Return plain values, which :meth:`from_values` reads back bit for bit."""
        return {"level": self.level._asdict(), "palette": self.palette._asdict()}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> HoldTargets:
        """Return what was kept."""
        mean, spread = (tuple(values["palette"][name]) for name in ("mean", "spread"))
        return cls(level_of(values["level"]), Palette(mean, spread))


@dataclass(frozen=True, slots=True)
class ZoomClock:
    """When a trip's frames are, ``fps`` frames in a second; the last ``head`` of a loop run into its first."""

    fps: Fraction
    frames: int
    head: int = 0

    def time(self, index: int) -> Fraction:
        """Return the time of a frame in seconds; what is before a loop's beginning is at its end."""
        return (index if index >= 0 else self.frames + index) / self.fps

    def frame(self, index: int, picture: RGB) -> Frame:
        """Return what is written of a picture."""
        return Frame(index, index / self.fps, picture, duration=1 / self.fps)


@dataclass(frozen=True, slots=True)
class FeedbackStep:
    """Moves the camera, dreams pictures on, and holds them.

    ``signals`` are the music's at a time in seconds. Frames whose dream came out as no picture
    go on undreamed, and spoil none that follow.
    """

    looks: Looks
    course: ZoomClock
    signals: Callable[[float], Mapping[str, float]] | None = None

    @property
    def pace(self) -> float:
        """How many frames of the usual rate one frame lasts."""
        return USUAL_FPS / float(self.course.fps)

    def parts(self, index: int, picture: RGB) -> tuple[Part, ...]:
        """Return the scenes that a frame lies in."""
        return self.looks.at(Frame(max(0, index), self.course.time(index), picture))

    def move(self, parts: tuple[Part, ...], index: int, size: Size) -> Similarity:
        """Return how the camera moves from the frame before to this one."""
        velocity = mixed_velocity([(part.share, settings_of(part)) for part in parts])
        if self.signals is not None:
            signals = self.signals(float(self.course.time(index)))
            velocity = pulsed(velocity, settings_of(parts[-1]), signals)
        return velocity.over(1.0 / float(self.course.fps), size.width / size.height)

    def whole(self, picture: RGB, parts: tuple[Part, ...], index: int) -> RGB:
        """Return the full dream of a picture, at the strength that is asked for.

        Raises
        ------
        BrokenDreamError
            Where it comes out as no picture.
        """
        steps = math.ceil(_FIRST * settings_of(parts[-1]).ascent.steps)
        pictures = []
        for part in parts:
            strength = settings_of(part).look.strength
            dreamed = picture
            if strength > 0.0:
                dreamed = part.look.dreamer.dream(picture, steps=steps, frame_index=index)
            whole = strength in {0.0, 1.0}
            pictures.append(dreamed if whole else picture + np.float32(strength) * (dreamed - picture))
        dreamed = _mixed(parts, pictures)
        if not np.isfinite(dreamed).all():
            raise NonFiniteDreamError("its dream holds what is no finite number; try --precision float32")
        return dreamed

    def rests(self, parts: tuple[Part, ...]) -> bool:
        """Return whether nothing is dreamed, so that the camera alone moves and nothing needs to be held."""
        return all(self._amount(settings_of(part)) <= 0.0 for part in parts)

    def begin(self, start: RGB, dreamed: RGB, palette: RGB | None) -> tuple[RGB, HoldTargets]:
        """Return a trip's first dream, and what is held from it on.

        Colors are held to those of ``palette``; None is the start's own mean, with the spread of its dream.
        """
        from dreamvid.flow.detail_statistics import measure  # noqa: PLC0415  OpenCV loads only when something is dreamed

        colors = measure_palette(dreamed)._replace(mean=measure_palette(start).mean)
        if palette is not None:
            colors = measure_palette(palette)
            dreamed = match_palette(dreamed, colors, 1.0)
        level = measure(dreamed)
        (gray, color), *coarser = level.bands
        level = level._replace(bands=((_GRAIN * gray, _GRAIN * color), *coarser))
        return dreamed, HoldTargets(level, colors)

    def grown(self, moved: RGB, parts: tuple[Part, ...], held: HoldTargets, index: int) -> RGB:
        """Return a picture dreamed on by a frame's worth, and held."""
        if self.rests(parts):
            return moved
        dreamed = _mixed(parts, [self._dreamed(part, moved, index) for part in parts])
        return self.hold(dreamed, parts, held, self.pace)

    def hold(self, dreamed: RGB, parts: tuple[Part, ...], held: HoldTargets, pace: float) -> RGB:
        """Return a dream held to what is held, by as much as in ``pace`` frames of the usual rate."""
        from dreamvid.flow.detail_statistics import hold, mean_color  # noqa: PLC0415  OpenCV loads only when something is dreamed

        trip = settings_of(parts[-1]).trip
        level = _saturated(held.level, trip.saturation)
        level = level._replace(mean=tuple(float(value) for value in mean_color(dreamed)))
        evenness = 1.0 - (1.0 - _EVENNESS) ** pace
        leveled = hold(dreamed, level, fastest=_FASTEST**pace, evenness=evenness)
        lock = 1.0 - (1.0 - trip.color_lock) ** (_LOCK * pace)
        target = held.palette.adjusted(trip.hue, trip.saturation, trip.brightness)
        return match_palette(np.clip(leveled, 0.0, 1.0), target, lock)

    def _amount(self, settings: Preset) -> float:
        """Return how many steps a frame is dreamed on by."""
        return settings.trip.rate * settings.ascent.steps * settings.look.strength / float(self.course.fps)

    def _dreamed(self, part: Part, moved: RGB, index: int) -> RGB:
        amount = self._amount(settings_of(part))
        if amount <= 0.0:
            return moved
        seed = index % self.course.frames  # a loop's frames before the first are its last
        try:
            dreamed = part.look.dreamer.dream(
                moved, steps=max(1, round(amount)), effort=_effort(moved, amount), frame_index=seed + 1
            )
        except NonFiniteDreamError as error:
            _log.warning("frame %d goes on undreamed: %s", index, error, extra={"repeats": 3})
            return moved
        if np.isfinite(dreamed).all():
            return dreamed
        _log.warning(
            "frame %d goes on undreamed: its dream holds what is no finite number",
            index,
            extra={"repeats": 3},
        )
        return moved


def pulsed(velocity: Velocity, settings: Preset, signals: Mapping[str, float]) -> Velocity:
    """Return the velocity with its zoom quicker on the beat and slower between; a still camera gets one."""
    strength = settings.trip.pulse
    if strength is None or strength <= 0.0:
        return velocity
    rate = math.log(velocity.zoom) or math.log(_STILL)
    factor = 1.0 + strength * (_REST - 1.0 + _PULSE * signals.get("beat", 0.0) ** 3)
    return replace(velocity, zoom=math.exp(rate * max(0.0, factor)))


def mixed_velocity(parts: list[tuple[float, Preset]]) -> Velocity:
    """Return the velocity of cameras by their shares, which add up to 1; zooms are mixed as speeds."""
    speed = rotation = pan_x = pan_y = center_x = center_y = 0.0
    for share, settings in parts:
        camera = settings.camera
        speed += share * math.log(camera.zoom)
        rotation += share * camera.rotation
        pan_x += share * camera.pan_x
        pan_y += share * camera.pan_y
        center_x += share * camera.center_x
        center_y += share * camera.center_y
    return Velocity(math.exp(speed), rotation, (pan_x, pan_y), (center_x, center_y))


def settings_of(part: Part) -> Preset:
    """Return what a part of a trip was made from."""
    assert part.look.settings is not None
    return part.look.settings


def _mixed(parts: tuple[Part, ...], pictures: list[RGB]) -> RGB:
    if len(pictures) == 1:
        return pictures[0]
    result = np.zeros_like(pictures[0])
    for part, picture in zip(parts, pictures, strict=True):
        result += np.float32(part.share) * picture
    return result


def _saturated(level: DetailStatistics, saturation: float) -> DetailStatistics:
    if saturation == 1.0:
        return level
    bands = tuple((gray, saturation * color) for gray, color in level.bands)
    return level._replace(bands=bands, color=saturation * level.color)


def _effort(picture: RGB, amount: float) -> StepMap:
    """Return how many steps each pixel goes, ``amount`` in the mean: more where there is little to see."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    around = blur(np.square(gray - blur(gray, _FINE)), _CALM * picture.shape[0])
    mean = float(around.mean()) + 1e-8
    share = np.clip((mean / (around + _LEAST * mean)) ** 0.25, _SPARED, _FAVORED)
    return np.asarray(share * (amount / share.mean()), np.float32)
