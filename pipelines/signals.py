"""Open the signals of a preset: read or measure their sources once, and shape them into curves over time."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dreamvid.checkpoint.layout import SIGNALS as KEPT
from dreamvid.checkpoint.layout import pack_arrays, unpack_arrays, work_folder
from dreamvid.errors import DreamvidError, SettingsError
from dreamvid.pipelines.provenance import fingerprint
from dreamvid.schedule.signals import Curve
from dreamvid.schedule.times import SIGNALS
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from dreamvid.config.preset import Preset
    from dreamvid.config.signals import SignalSettings
    from dreamvid.pipelines.masks import Masks
    from dreamvid.types import Frame, VideoInfo

    Measured = dict[str, NDArray[np.float64]]

_log = logging.getLogger(__name__)

_CLIP = "clip"
_LONGEST = 3 * 3600.0
"""Seconds of sound that are analyzed where the length of the output is not known."""


class Clip(NamedTuple):
    """The clip that is dreamed.

    ``frames`` are as they are dreamed, with their times in the output, and ``info`` is of them; ``start`` is where in
    ``file`` the output begins, in seconds.
    """

    frames: Iterable[Frame]
    masks: Masks | None
    file: Path
    start: Fraction
    info: VideoInfo


@dataclass(frozen=True, slots=True)
class SignalCurves:
    """The signals of a run.

    ``frame`` is the duration of a frame in seconds. ``kept`` is what was measured of pictures, as the content of a
    file of the work folder; empty where nothing was.
    """

    curves: Mapping[str, Curve]
    frame: float
    kept: bytes = field(default=b"", repr=False)

    def at(self, t: float) -> dict[str, float]:
        """Return the values at a time in seconds, by name."""
        return {name: curve.at(t, self.frame) for name, curve in self.curves.items()}

    def over(
        self, music: Callable[[float], Mapping[str, float]] | None
    ) -> Callable[[float], Mapping[str, float]] | None:
        """Return all signals at a time, those of music too, of which these may replace some; None for none."""
        if not self.curves:
            return music
        return self.at if music is None else lambda t: {**music(t), **self.at(t)}


def signal_files(preset: Preset) -> dict[str, Path]:
    """Return the files that signals come from, by role; a file that several come from has one."""
    files: dict[str, Path] = {}
    for name, signal in preset.signals.items():
        if signal.file is not None and signal.file not in files.values():
            files[f"signal.{name}"] = signal.file
    return files


def open_signals(
    preset: Preset,
    *,
    rate: Fraction,
    duration: Fraction | None,
    clip: Clip | None = None,
    output: Path | None = None,
    keep_going: bool = False,
) -> SignalCurves:
    """Return the signals of a preset.

    What is measured in pictures is taken from the work folder of ``output`` where an earlier run kept it there.

    Parameters
    ----------
    rate, duration
        Frames a second of the output, and its length in seconds; None is not known.
    clip
        What is dreamed; None for what has no source, such as a trip.

    Raises
    ------
    DreamvidError
        In one line that begins with the name of the signal.
    """
    pictures = _Pictures(preset, duration, clip, output, keep_going=keep_going)
    curves: dict[str, Curve] = {}
    for name, signal in preset.signals.items():
        try:
            curve = _read(signal, rate, duration, clip, pictures)
            _check_overlap(name, curve, duration)
            curves[name] = signal.shape.apply(
                curve, float(rate), None if duration is None else float(duration)
            )
        except DreamvidError as error:
            raise SettingsError(f"signals.{name}: {error}") from error
        except OSError as error:  # of a file whose content is to be told from others
            reason = f"{printable(signal.source)}: cannot be read ({error.strerror})"
            raise SettingsError(f"signals.{name}: {reason}") from error
    return SignalCurves(curves, 1.0 / float(rate), pictures.packed())


def _read(
    signal: SignalSettings, rate: Fraction, duration: Fraction | None, clip: Clip | None, pictures: _Pictures
) -> Curve:
    """Return the values of a source over the time of the output, not yet shaped."""
    from dreamvid.pipelines.clip_signals import clip_curve  # noqa: PLC0415  loads OpenCV

    if signal.kind in {"clip", "sound"} and clip is None:
        raise SettingsError(
            f"{signal.source} is measured of the clip that is dreamed, and here there is none"
        )
    if signal.picture_feature is not None:
        return clip_curve(pictures.measured(signal), signal.picture_feature)
    if signal.kind == "sound":
        assert clip is not None
        return _sound_curve(clip.file, signal.feature or "rms", clip.start, duration)
    assert signal.file is not None
    if signal.kind == "media":
        return _sound_curve(signal.file, signal.feature or "rms", signal.start, duration)
    start = float(signal.start)
    if signal.kind == "table":
        from dreamvid.media.input.table import read_column  # noqa: PLC0415  only where one is read

        times, values = read_column(signal.file, signal.column, signal.time, signal.rate or rate)
        return Curve(times - start, values)
    from dreamvid.media.input.midi import read_controller, read_notes  # noqa: PLC0415  only where one is read

    if signal.controller is not None:
        times, values = read_controller(signal.file, signal.controller, signal.channel)
    else:
        times, values = read_notes(signal.file, *signal.notes, signal.channel)
    return Curve(times - start, values, has_steps=True, has_peaks=True)


def _sound_curve(file: Path, feature: str, start: Fraction, duration: Fraction | None) -> Curve:
    """Return a signal of a sound; see :mod:`dreamvid.audio.analysis`."""
    from dreamvid.audio.analysis import analyse  # noqa: PLC0415  loads librosa
    from dreamvid.media.input.audio import read_audio  # noqa: PLC0415  loads PyAV

    samples, sample_rate = read_audio(
        file, start=float(start), duration=_LONGEST if duration is None else float(duration)
    )
    signals = analyse(samples, sample_rate)
    assert feature in SIGNALS
    values = signals.sampled(feature)
    # Before and after the sound there is silence.
    times = np.arange(len(values) + 1, dtype=np.float64) * signals.hop
    return Curve(times, np.append(values.astype(np.float64), 0.0), has_steps=True, has_peaks=True)


def _check_overlap(name: str, curve: Curve, duration: Fraction | None) -> None:
    """Warn of a curve that lies outside the output."""
    first, last = float(curve.times[0]), float(curve.times[-1])
    if last < 0.0 or (duration is not None and first > float(duration)):
        _log.warning(
            "signals.%s: its times, %g to %g s, lie outside the output, which begins at 0; see its start",
            name,
            first,
            last,
        )


class _Pictures:
    """What is measured in the pictures of clips, each read once, with what an earlier run has kept."""

    def __init__(
        self,
        preset: Preset,
        duration: Fraction | None,
        clip: Clip | None,
        output: Path | None,
        *,
        keep_going: bool,
    ) -> None:
        self._signals = list(preset.signals.values())
        self._preset, self._duration, self._clip, self._keep_going = preset, duration, clip, keep_going
        self._kept = {} if output is None else _read_kept(work_folder(output) / KEPT)
        self._measured: dict[str, Measured] = {}

    def measured(self, signal: SignalSettings) -> Measured:
        """Return the times and the features of the clip or file that a signal is measured of."""
        same = [each for each in self._signals if each.picture_feature and _place(each) == _place(signal)]
        features = sorted({each.picture_feature for each in same if each.picture_feature})
        key = self._key(signal, features)
        if key not in self._measured:
            kept = {n.removeprefix(f"{key}."): a for n, a in self._kept.items() if n.startswith(f"{key}.")}
            self._measured[key] = (
                kept if kept.keys() == {"times", *features} else self._measure(signal, features)
            )
        return self._measured[key]

    def packed(self) -> bytes:
        """Return all that was measured as the content of a file; nothing where nothing was."""
        arrays = {
            f"{key}.{name}": array for key, each in self._measured.items() for name, array in each.items()
        }
        return pack_arrays(arrays) if arrays else b""

    def _measure(self, signal: SignalSettings, features: Sequence[str]) -> Measured:
        from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched
        from dreamvid.pipelines.clip_signals import measure_clip  # noqa: PLC0415  loads OpenCV

        file = self._file(signal)
        _log.warning("signals: first measuring %s, for %s", printable(file.name), ", ".join(features))
        if signal.file is None:
            assert self._clip is not None
            return measure_clip(self._clip.frames, features, self._clip.masks)
        frames = open_source(file, start=signal.start, duration=self._duration, keep_going=self._keep_going)
        return measure_clip(frames, features)

    def _file(self, signal: SignalSettings) -> Path:
        if signal.file is not None:
            return signal.file
        assert self._clip is not None
        return self._clip.file

    def _key(self, signal: SignalSettings, features: Sequence[str]) -> str:
        """Return a digest of all that the values depend on."""
        facts: list[object] = [
            fingerprint(self._file(signal)),
            list(features),
            str(self._duration),
            self._keep_going,
        ]
        if signal.file is not None:
            facts.append(str(signal.start))
        else:
            assert self._clip is not None
            info = self._clip.info
            facts += [str(self._clip.start), str(info.rate), tuple(info.size)]
            facts.append(self._preset.input.model_dump(mode="json"))
            if "mask" in features:
                facts.append(self._preset.mask.model_dump(mode="json"))
                mask = self._preset.mask.source
                facts += [] if mask in {"off", "luma", "motion"} else [fingerprint(Path(mask))]
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()


def _place(signal: SignalSettings) -> tuple[str, Fraction]:
    """Return what tells whether two signals are measured in one pass."""
    return (_CLIP, Fraction(0)) if signal.file is None else (signal.source, signal.start)


def _read_kept(path: Path) -> dict[str, NDArray[np.float64]]:
    try:
        return unpack_arrays(path.read_bytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
