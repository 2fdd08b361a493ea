"""Plan a latent walk: its generator, its path, its size and its frames, all within the limits."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dreamvid.config.walk import choose_seeds
from dreamvid.errors import SettingsError
from dreamvid.gan_file import latent_vectors
from dreamvid.media.limits import check_frames, check_picture
from dreamvid.pipelines.generated_film import film_size
from dreamvid.pipelines.masks import mask_file
from dreamvid.pipelines.memory import VIDEO_BYTES, check_memory
from dreamvid.pipelines.music import uses_music_signals
from dreamvid.pipelines.walk.path import NoisePath, SeedPath
from dreamvid.schedule.lengths import known_seconds
from dreamvid.types import VideoInfo

if TYPE_CHECKING:
    from dreamvid.config.preset import Preset
    from dreamvid.config.settings import OutputSettings
    from dreamvid.config.walk import WalkSettings
    from dreamvid.pipelines.walk.path import LatentPath
    from dreamvid.pipelines.walk.source import Generator

DEFAULT_FPS = Fraction(24)
_SECONDS_A_SEED, _NOISE_SECONDS = Fraction(3), Fraction(20)
_MIN_LOOP_FRAMES = 3
# Speed with music, where no expression uses its signals: slower between beats, as the zoom of trips is.
_SPEED_WITH_MUSIC = "0.5 + 6 * beat**3"
# Length of the part of a dreamed loop that is dreamed twice, in seconds, and its largest share of the loop.
_FADE_SECONDS, _MAX_FADE_SHARE = Fraction(1), Fraction(1, 3)
_PLAIN_BYTES, _KEPT_BYTES = 100, 6
"""Bytes that a walk which is not dreamed takes for each pixel of its frames, and a frame that is dreamed twice."""


class WalkPlan(NamedTuple):
    """A walk that fits the limits.

    ``preset`` has all defaults. ``info`` is that of the film; ``fade`` is the number of frames of a dreamed loop that
    are dreamed twice, see :mod:`dreamvid.pipelines.footage_loop`.
    """

    preset: Preset
    generator: Generator
    path: LatentPath
    info: VideoInfo
    frames: int
    fade: int

    @property
    def duration(self) -> Fraction:
        """Length in seconds: whole frames."""
        return self.frames / self.info.rate

    @property
    def dreamed_info(self) -> VideoInfo:
        """Of all frames that are made for the film."""
        frames = self.frames + self.fade
        return replace(self.info, frames=frames, duration=frames / self.info.rate)


def generator_file(preset: Preset) -> Path:
    """Return the file that ``walk.generator`` names; raises ``SettingsError`` where it names none."""
    if preset.walk.generator is None:
        raise SettingsError("walk.generator: names no generator; give a .gan or .keras file")
    return Path(os.path.expanduser(preset.walk.generator))  # noqa: PTH111  leaves ~nobody as it is


def plan_walk(preset: Preset, generator: Generator) -> WalkPlan:
    """Return the plan of a walk.

    Raises
    ------
    DreamvidError
        If the walk is too large, too long or too short, or would not close.
    """
    from dreamvid.media.still.reader import is_still  # noqa: PLC0415  imageio loads only when media is touched

    walk, fps = preset.walk, preset.output.fps or DEFAULT_FPS
    seeds = choose_seeds(walk.seeds, preset.run.seed)
    path: LatentPath
    if walk.path == "noise":
        path = NoisePath.random(preset.run.seed, generator.latent_size, walk.frequency)
    else:
        path = SeedPath(list(latent_vectors(seeds, generator.latent_size)), walk.easing, closed=walk.loop)
    frames = max(1, round((known_seconds(walk.duration) or _default_duration(walk, len(seeds))) * fps))
    check_frames("the walk", frames)
    if walk.loop and frames < _MIN_LOOP_FRAMES:
        raise SettingsError(f"walk.duration: a loop needs {_MIN_LOOP_FRAMES} frames at least, not {frames}")
    size = film_size(preset.output, generator.size)
    check_picture("the walk", size)
    closes = walk.loop and walk.dream
    mask = mask_file(preset.mask)
    if closes and mask is not None and mask.exists() and not is_still(mask):
        raise SettingsError(
            "mask.source: a mask that is a video does not close a loop; use a picture, luma, motion or --no-loop"
        )
    fade = max(1, round(min(_FADE_SECONDS * fps, _MAX_FADE_SHARE * frames))) if closes else 0
    check_memory("the walk", size, VIDEO_BYTES + _KEPT_BYTES * fade if walk.dream else _PLAIN_BYTES)
    info = VideoInfo(size, fps, frames=frames, duration=frames / fps)
    return WalkPlan(_with_defaults(preset), generator, path, info, frames, fade)


def default_output(generator: Path, output: OutputSettings) -> Path:
    """Return ``<name>.walk.mp4`` beside the generator's file; the suffix fits the codec."""
    from dreamvid.media.containers import preferred_suffix  # noqa: PLC0415  the only use

    suffix = ".mp4" if output.codec == "auto" else preferred_suffix(output.codec)
    return generator.with_name(f"{generator.stem}.walk{suffix}")


def _default_duration(walk: WalkSettings, seeds: int) -> Fraction:
    if walk.path == "noise":
        return _NOISE_SECONDS
    return _SECONDS_A_SEED * max(1, seeds if walk.loop else seeds - 1)


def _with_defaults(preset: Preset) -> Preset:
    """Return the preset with the defaults that depend on other settings, and those of videos."""
    changes: dict[str, object] = {}
    if preset.walk.speed is None and preset.walk.music is not None and not uses_music_signals(preset):
        changes["walk.speed"] = _SPEED_WITH_MUSIC
    if preset.ascent.variety is None:
        changes["ascent.variety"] = 0.0
    return preset.override(changes) if changes else preset
