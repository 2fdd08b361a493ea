"""The feedback step of a zoom: move the camera, dream the picture further, hold its statistics.

A picture that is fed back into itself drifts: colors run to the network's favorites, contrast explodes or fades to
gray, repeated resampling blurs, and the texture that the network likes best swallows the rest. So three things are
held: the strength of each frequency band, over the whole picture and a little from place to place
(:mod:`dreamvid.flow.detail_statistics`); the colors (:mod:`dreamvid.image.color_transfer`); and the share of the
ascent that each place gets, which is larger where there is little detail.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from dreamvid.errors import NonFiniteDreamError
from dreamvid.flow.detail_statistics import channel_means, hold_statistics, measure_statistics
from dreamvid.image.color_transfer import Palette, match_palette, measure_palette
from dreamvid.image.panorama import pad, smooth_poles, unpad
from dreamvid.image.resize import blur
from dreamvid.image.sphere import motion_over
from dreamvid.image.transform import Velocity
from dreamvid.pipelines.panorama import is_panorama
from dreamvid.pipelines.steps import gradient_steps
from dreamvid.schedule.fields import constant
from dreamvid.types import RGB, DetailStatistics, Frame, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from dreamvid.config.preset import Preset
    from dreamvid.config.trip import CameraSettings
    from dreamvid.image.sphere import SphereMotion
    from dreamvid.image.transform import Similarity
    from dreamvid.pipelines.scenes import SceneShare, Timeline
    from dreamvid.schedule.fields import Scheduled
    from dreamvid.types import StepMap

_log = logging.getLogger(__name__)

# Frame rate (fps) at which the constants that act once a frame were tuned; at others they are scaled by time.
REFERENCE_FPS = 24.0

# Number of frames whose camera motion is checked before a run.
_MAX_CHECKED = 2000

# Largest gain of a frequency band in one reference frame: a faint band is not blown up at once.
_MAX_BAND_GAIN = 1.10
# Share of the way to the whole picture's band strength that each place goes in one reference frame. Without it one
# texture takes over the frame.
_EVENNESS = 0.12
# Exponent of `trip.color_lock` per reference frame: a lock of 0.5 removes 1 - 0.5 ** 0.25 = 16 % of the difference.
_LOCK_EXPONENT = 0.25
# Target of the finest band as a share of its strength in the first dream. The rest is grain (of the noise that a zoom
# starts from), which resampling removes from all later frames; holding it would amplify artifacts instead.
_FINEST_BAND_SHARE = 0.6

# Sigma (px) of the blur that separates detail from the rest, where steps are distributed by detail.
_DETAIL_SIGMA = 4.0
# Sigma of the local average of detail power, as a share of the picture's height.
_DETAIL_RADIUS = 0.06
# Power that is added to the local average, as a share of the mean: bounds the steps where there is no detail.
_DETAIL_FLOOR = 0.02
# Smallest and largest number of steps of a pixel, as a multiple of the picture's mean.
_MIN_STEP_SHARE, _MAX_STEP_SHARE = 0.3, 3.0

# Zoom speed at `trip.pulse` 1 as a multiple of the camera's: between beats, and what a full beat adds.
_REST_SPEED, _BEAT_SPEED = 0.5, 6.0
# Zoom factor per second that a camera without zoom gets, so that it has something to pulse.
_PULSE_ZOOM = 1.05


class HoldTargets(NamedTuple):
    """Statistics that all frames of a zoom are held to: strength of the frequency bands, and colors."""

    detail: DetailStatistics
    palette: Palette

    def to_values(self) -> dict[str, Any]:
        """Return plain values, which :meth:`from_values` reads back bit for bit."""
        return {"detail": self.detail._asdict(), "palette": self.palette._asdict()}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> HoldTargets:
        """Return the targets of :meth:`to_values`."""
        mean, spread = (tuple(values["palette"][name]) for name in ("mean", "spread"))
        return cls(DetailStatistics.from_values(values["detail"]), Palette(mean, spread))


@dataclass(frozen=True, slots=True)
class ZoomClock:
    """Times of ``frames`` frames; those of a loop's pre-roll come before, at negative indices."""

    fps: Fraction
    frames: int
    preroll: int = 0

    def time(self, index: int) -> Fraction:
        """Return the time of a frame in seconds; that of a pre-roll frame lies at the end of the loop."""
        return (index if index >= 0 else self.frames + index) / self.fps

    def frame(self, index: int, picture: RGB) -> Frame:
        """Return a picture as the frame of an index."""
        return Frame(index, index / self.fps, picture, duration=1 / self.fps)


@dataclass(frozen=True, slots=True)
class FeedbackStep:
    """Moves the camera, dreams pictures further, and holds their statistics.

    Pictures are ``[H, W, 3]`` float32, sRGB-encoded, [0, 1]. ``scenes`` are those that a frame lies in, the newest
    last; where settings cannot be mixed, the last one's hold. ``signals`` gives those of the music, in [0, 1] by
    name, at a time in seconds. Rate and hold grow from nothing over the first ``ease_in`` seconds. A frame whose
    dream is not finite goes on undreamed, with a warning.
    """

    timeline: Timeline
    clock: ZoomClock
    signals: Callable[[float], Mapping[str, float]] | None = None
    ease_in: float = 0.0

    @property
    def panorama(self) -> bool:
        """Whether pictures are panoramas of the whole sphere."""
        return is_panorama(self.timeline.scenes[0].preset)

    @property
    def reference_frames(self) -> float:
        """Length of a frame in frames of :data:`REFERENCE_FPS`."""
        return REFERENCE_FPS / float(self.clock.fps)

    def scenes(self, index: int, picture: RGB) -> tuple[SceneShare, ...]:
        """Return the scenes that a frame lies in; their shares add up to 1."""
        return self.timeline.at(Frame(max(0, index), self.clock.time(index), picture))

    def motion(self, scenes: tuple[SceneShare, ...], index: int, size: Size) -> Similarity:
        """Return the camera's motion from the previous frame to this one."""
        return self._velocity(scenes, index).over(1.0 / float(self.clock.fps), size.width / size.height)

    def sphere_motion(self, scenes: tuple[SceneShare, ...], index: int) -> SphereMotion:
        """Return the camera's motion from the previous frame to this one, in a panorama."""
        return motion_over(self._velocity(scenes, index), 1.0 / float(self.clock.fps))

    def _velocity(self, scenes: tuple[SceneShare, ...], index: int) -> Velocity:
        velocity = _mean_velocity(scenes)
        if self.signals is not None:
            signals = self.signals(float(self.clock.time(index)))
            velocity = _pulse(velocity, settings_of(scenes[-1]), signals)
        return velocity

    def check_motion(self, picture: RGB) -> None:
        """Raise a ``SettingsError`` where the camera moves too far in one frame; ``picture`` has a frame's size."""
        frames, size = self.clock.frames, Size(*picture.shape[:2])
        for index in range(0, frames, -(-frames // _MAX_CHECKED)):
            self.motion(self.scenes(index, picture), index, size)

    def is_static(self, scenes: tuple[SceneShare, ...]) -> bool:
        """Return whether nothing is dreamed: only the camera moves, and nothing needs to be held."""
        return all(self._steps(settings_of(scene)) <= 0.0 for scene in scenes)

    def full_dream(self, picture: RGB, scenes: tuple[SceneShare, ...], index: int) -> RGB:
        """Return the full dream of a picture, at the strength of ``look.strength``.

        Raises
        ------
        NonFiniteDreamError
            Where the dream has values that are not finite.
        """
        steps = int(gradient_steps(settings_of(scenes[-1]), "zoom start"))

        def dream(scene: SceneShare) -> RGB:
            strength = constant(settings_of(scene).look.strength)
            if strength == 0.0:
                return picture
            dreamed = scene.settings.dreamer.dream(picture, steps=steps, frame_index=index)
            return dreamed if strength == 1.0 else picture + np.float32(strength) * (dreamed - picture)

        return _finite(_mix(scenes, [dream(scene) for scene in scenes]))

    def measure_targets(self, start: RGB, dreamed: RGB, palette: RGB | None) -> tuple[RGB, HoldTargets]:
        """Return the first dream, in the colors of the palette, and the targets that it sets.

        ``palette`` is a picture of any size whose colors are held; None is the start image's mean color with the
        spread of its dream.
        """
        colors = measure_palette(dreamed)._replace(mean=measure_palette(start).mean)
        if palette is not None:
            colors = measure_palette(palette)
            dreamed = match_palette(dreamed, colors, 1.0)
        detail = measure_statistics(pad(dreamed) if self.panorama else dreamed)
        (gray, color), *coarser = detail.bands
        finest = (_FINEST_BAND_SHARE * gray, _FINEST_BAND_SHARE * color)
        return dreamed, HoldTargets(detail._replace(bands=(finest, *coarser)), colors)

    def dream_further(
        self, picture: RGB, scenes: tuple[SceneShare, ...], targets: HoldTargets, index: int
    ) -> RGB:
        """Return a moved picture dreamed further by one frame's steps, and held."""
        if self.is_static(scenes):
            return picture
        dreamed = _mix(scenes, [self._dream(scene, picture, index) for scene in scenes])
        held = self.hold(dreamed, scenes, targets, self.reference_frames)
        eased = self._eased(index)
        return held if eased == 1.0 else dreamed + np.float32(eased) * (held - dreamed)

    def hold(
        self, dreamed: RGB, scenes: tuple[SceneShare, ...], targets: HoldTargets, reference_frames: float
    ) -> RGB:
        """Return a dream moved towards the targets, as far as in some frames of :data:`REFERENCE_FPS`."""
        trip = settings_of(scenes[-1]).trip
        saturation = constant(trip.saturation)
        detail = _saturate(targets.detail, saturation)
        # The mean color is left to the palette, which fades towards its target.
        detail = detail._replace(mean=tuple(float(value) for value in channel_means(dreamed)))
        evenness = 1.0 - (1.0 - _EVENNESS) ** reference_frames
        with_targets = hold_statistics(
            pad(dreamed) if self.panorama else dreamed,
            detail,
            max_gain=_MAX_BAND_GAIN**reference_frames,
            evenness=evenness,
        )
        if self.panorama:
            with_targets = smooth_poles(unpad(with_targets))
        lock = 1.0 - (1.0 - constant(trip.color_lock)) ** (_LOCK_EXPONENT * reference_frames)
        palette = targets.palette.adjusted(constant(trip.hue), saturation, constant(trip.brightness))
        return match_palette(np.clip(with_targets, 0.0, 1.0), palette, lock)

    def _steps(self, settings: Preset) -> float:
        """Return the mean number of steps that a frame is dreamed further by, mostly below 1."""
        return gradient_steps(settings, "zoom frame", fps=self.clock.fps)

    def _eased(self, index: int) -> float:
        """Return the share of the full rate that a frame has, in [0, 1]; squared, as a slow start shows most."""
        return min(1.0, float(self.clock.time(index)) / self.ease_in) ** 2 if self.ease_in > 0.0 else 1.0

    def _dream(self, scene: SceneShare, picture: RGB, index: int) -> RGB:
        steps = self._steps(settings_of(scene)) * self._eased(index)
        if steps <= 0.0:
            return picture
        # Pre-roll frames get the shifts of the loop's last frames, which they become.
        frame_index = index % self.clock.frames + 1
        try:
            return _finite(
                scene.settings.dreamer.dream(
                    picture,
                    steps=max(1, round(steps)),
                    step_map=unpad(_step_map(pad(picture), steps))
                    if self.panorama
                    else _step_map(picture, steps),
                    frame_index=frame_index,
                )
            )
        except NonFiniteDreamError as error:
            _log.warning("frame %d goes on undreamed: %s", index, error, extra={"repeats": 3})
            return picture


def settings_of(scene: SceneShare) -> Preset:
    """Return the settings that a scene has at a frame."""
    return scene.settings.preset


def _mean_velocity(scenes: tuple[SceneShare, ...]) -> Velocity:
    """Return the mean velocity of the scenes' cameras, weighted by their shares."""

    def mean(value: Callable[[CameraSettings], Scheduled[float]]) -> float:
        return sum(scene.share * constant(value(settings_of(scene).camera)) for scene in scenes)

    return Velocity(
        math.exp(mean(lambda camera: math.log(constant(camera.zoom)))),  # zoom factors multiply
        mean(lambda camera: camera.rotation),
        (mean(lambda camera: camera.pan_x), mean(lambda camera: camera.pan_y)),
        (mean(lambda camera: camera.center_x), mean(lambda camera: camera.center_y)),
    )


def _pulse(velocity: Velocity, settings: Preset, signals: Mapping[str, float]) -> Velocity:
    """Return the velocity with its zoom quicker on the beat and slower between beats."""
    pulse = 0.0 if settings.trip.pulse is None else constant(settings.trip.pulse)
    if pulse <= 0.0:
        return velocity
    speed = math.log(velocity.zoom) or math.log(_PULSE_ZOOM)
    # Cubed, the beat's decay is as short as a drum's.
    factor = 1.0 + pulse * (_REST_SPEED - 1.0 + _BEAT_SPEED * signals.get("beat", 0.0) ** 3)
    return replace(velocity, zoom=math.exp(speed * max(0.0, factor)))


def _mix(scenes: tuple[SceneShare, ...], pictures: list[RGB]) -> RGB:
    """Return the mean of the scenes' pictures, weighted by their shares."""
    if len(pictures) == 1:
        return pictures[0]
    result = np.zeros_like(pictures[0])
    for scene, picture in zip(scenes, pictures, strict=True):
        result += np.float32(scene.share) * picture
    return result


def _finite(dreamed: RGB) -> RGB:
    """Return a dream that is finite; else raise a ``NonFiniteDreamError``."""
    if np.isfinite(dreamed).all():
        return dreamed
    raise NonFiniteDreamError("its dream has values that are not finite; try --precision float32")


def _saturate(detail: DetailStatistics, saturation: float) -> DetailStatistics:
    bands = tuple((gray, saturation * color) for gray, color in detail.bands)
    return detail._replace(bands=bands, color=saturation * detail.color)


def _step_map(picture: RGB, steps: float) -> StepMap:
    """Return the number of steps of each pixel, ``[H, W]`` float32 with mean ``steps``: more where detail is weak."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    power = blur(np.square(gray - blur(gray, _DETAIL_SIGMA)), _DETAIL_RADIUS * picture.shape[0])
    mean = float(power.mean()) + 1e-8  # of a flat picture, which has none
    share = np.clip((mean / (power + _DETAIL_FLOOR * mean)) ** 0.25, _MIN_STEP_SHARE, _MAX_STEP_SHARE)
    return np.asarray(share * (steps / share.mean()), np.float32)
