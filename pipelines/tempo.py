"""Make the tempo of a preset known, and lengths in beats and bars seconds."""

from __future__ import annotations

import logging
import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from dreamvid.errors import SettingsError
from dreamvid.schedule.times import TimeOffset
from dreamvid.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from dreamvid.config.preset import Preset
    from dreamvid.config.tempo import TempoSettings

_log = logging.getLogger(__name__)

_MAX_ANALYZED = 900.0  # seconds of music that the tempo is read from
_ASSUMED = 120
_WHOLE = Fraction(1, 100)  # of a frame, within which beats and loops count as whole frames
_LENGTHS = ("trip.duration", "trip.keyframe", "walk.duration", "input.duration")


def duration_setting(pipeline: str) -> str:
    """Return the setting that holds the duration of what a pipeline makes."""
    return {"zoom": "trip.duration", "walk": "walk.duration"}.get(pipeline, "input.duration")


class Music(NamedTuple):
    """A file with sound, and where in it the output begins, in seconds."""

    file: Path
    start: Fraction


def in_tempo(preset: Preset, rate: Fraction, duration: str, music: Music | None) -> Preset:
    """Return the preset with its tempo known, and what is in beats and bars as seconds.

    Tempo and first beat that are ``auto`` are read from the music. ``tempo.bars`` become the duration, in whole
    frames, and in trips a loop. Where beats do not fall on frames a warning names the nearest tempo and rate with
    which they do. A preset without a tempo is returned as it is.

    Parameters
    ----------
    rate
        Frames a second of the output.
    duration
        The setting that holds its duration, such as ``trip.duration``.
    music
        What ``auto`` listens to; None is no music.

    Raises
    ------
    DreamvidError
        Where there is no music, or it has no steady beat.
    """
    if preset.tempo.bpm is None:
        return preset
    if preset.tempo.bpm == "auto":
        preset = preset.override(_found(music))
    preset = in_seconds(preset)
    notice = beat_notice(preset.tempo, rate)
    if notice is not None:
        _log.warning("%s", notice)
    if preset.tempo.bars is None:
        return preset
    changes: dict[str, object] = {duration: Fraction(max(1, round(exact_frames(preset.tempo, rate)))) / rate}
    section, _, name = duration.partition(".")
    group = getattr(preset, section)
    if name in group.model_fields_set and getattr(group, name) != changes[duration]:
        _log.warning("%s: left out, as tempo.bars sets the length", duration)
    if section == "trip" and "loop" not in preset.trip.model_fields_set:
        changes["trip.loop"] = True
    return preset.override(changes)


def in_seconds(preset: Preset) -> Preset:
    """Return a preset with its lengths in beats and bars as seconds, where its tempo is known."""
    if not isinstance(preset.tempo.bpm, Fraction):
        return preset
    changes: dict[str, object] = {}
    for path in _LENGTHS:
        section, _, name = path.partition(".")
        length = getattr(getattr(preset, section), name)
        if isinstance(length, TimeOffset):
            changes[path] = 60 * _beats(length, preset.tempo) / _bpm(preset.tempo)
    return preset.override(changes) if changes else preset


def assume_tempo(preset: Preset) -> Preset:
    """Return the preset with a tempo of 120 BPM in place of one that is ``auto``, where nothing is listened to."""
    return preset.override({"tempo.bpm": _ASSUMED}) if preset.tempo.bpm == "auto" else preset


def bars_seconds(tempo: TempoSettings) -> Fraction | None:
    """Return the exact length of the bars of a known tempo in seconds; None where their number is not set."""
    return None if tempo.bars is None else 60 * tempo.bars * tempo.beats_per_bar / _bpm(tempo)


def exact_frames(tempo: TempoSettings, rate: Fraction) -> Fraction:
    """Return the number of frames of the bars of a known tempo, which need not be whole; 0 for none."""
    return (bars_seconds(tempo) or Fraction(0)) * rate


def beat_notice(tempo: TempoSettings, rate: Fraction) -> str | None:
    """Return what to say where beats of a known tempo do not fall on frames; None where they do."""
    per_beat = _frames_per_beat(tempo, rate)
    if _is_whole(per_beat) and (tempo.bars is None or _is_whole(exact_frames(tempo, rate))):
        return None
    counts = [count for count in (math.floor(per_beat), math.ceil(per_beat)) if count]
    bpm = min((60 * rate / count for count in counts), key=lambda each: abs(each - _bpm(tempo)))
    fps = min((count * _bpm(tempo) / 60 for count in counts), key=lambda each: abs(each - rate))
    loop = ""
    if tempo.bars is not None:
        exact = exact_frames(tempo, rate)
        bars = "1 bar is" if tempo.bars == 1 else f"{tempo.bars} bars are"
        loop = (
            f"; {bars} exactly {exact} frames"
            if exact.denominator == 1
            else f"; {bars} {float(exact):.2f} frames, made {max(1, round(exact))}"
        )
    return (
        f"tempo: at {_text(_bpm(tempo))} BPM and {_text(rate)} frames a second a beat lasts {float(per_beat):.3f} "
        f"frames{loop}; whole frames a beat: --bpm {_text(bpm)} or --fps {_text(fps)}"
    )


def _frames_per_beat(tempo: TempoSettings, rate: Fraction) -> Fraction:
    return 60 * rate / _bpm(tempo)


def _bpm(tempo: TempoSettings) -> Fraction:
    assert isinstance(tempo.bpm, Fraction)
    return tempo.bpm


def _is_whole(frames: Fraction) -> bool:
    return abs(frames - round(frames)) <= _WHOLE


def _text(number: Fraction) -> str:
    """Return a number as an option takes it: a decimal where it is short, else a ratio."""
    decimal = f"{float(number):.3f}".rstrip("0").rstrip(".")
    return decimal if Fraction(decimal) == number else f"{number} (= {decimal})"


def _beats(length: TimeOffset, tempo: TempoSettings) -> Fraction:
    return Fraction(length.amount) * (tempo.beats_per_bar if length.unit == "bar" else 1)


def _found(music: Music | None) -> dict[str, object]:
    """Return the settings of the tempo that a piece of music has."""
    if music is None:
        raise SettingsError(
            "tempo.bpm: auto needs music, and there is none; give beats per minute, such as 128"
        )
    from dreamvid.audio.analysis import analyse  # noqa: PLC0415  loads librosa
    from dreamvid.audio.tempo import find_tempo  # noqa: PLC0415  loads NumPy
    from dreamvid.media.input.audio import read_audio  # noqa: PLC0415  loads PyAV

    samples, rate = read_audio(music.file, start=float(music.start), duration=_MAX_ANALYZED)
    found = find_tempo(analyse(samples, rate).beats)
    if found is None:
        raise SettingsError(
            f"tempo.bpm: {printable(music.file)} has no steady beat that auto could find; give beats per minute"
        )
    _log.warning("tempo auto: %s BPM, first beat at %.3f s", _text(found.bpm), found.first_beat)
    return {"tempo.bpm": found.bpm, "tempo.first_beat": found.first_beat}
