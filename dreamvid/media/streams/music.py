"""Music for a trip: read from any file with sound, fitted to a length by moviepy, and written as a WAV file.

The WAV file is a companion like any other: the writer copies it into .mov and .mkv, which hold PCM as it is, and
encodes it once, as AAC in .mp4 and as Opus in .webm.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from dreamvid.errors import DamagedError, ReadError, SettingsError, WriteError
from dreamvid.media.input.container import open_sound
from dreamvid.media.streams.moviepy_guard import undisturbed
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from numpy.typing import NDArray

_LAYOUTS = {1: "mono", 2: "stereo"}
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 768_000
_MOST_SAMPLES = 3 * 3600 * 48_000
_DAMAGE_BORNE = 0.01
_CROSSFADE = 0.01
_BLOCK = 1 << 18
_LOUDEST = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Sound in memory.

    Attributes
    ----------
    samples
        ``[N, C]`` float32 in [-1, 1]; C is 1 (mono) or 2 (left, right).
    rate
        Samples a second, in Hz.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def duration(self) -> float:
        """The length, in seconds."""
        return len(self.samples) / self.rate


def read_track(path: Path, *, start: float = 0.0, duration: float | None = None) -> Track:
    """Read the sound of a file, at its own sample rate; more than two channels are mixed down to stereo.

    Sound that goes beyond [-1, 1], as floats and compressed music do, is made quieter as a whole.

    Parameters
    ----------
    path
        A file of sound or video; the best sound track of several is taken, and what is not known of it is not read.
    start
        Seconds of the sound that are passed over.
    duration
        Seconds that are read at most; None is all.

    Raises
    ------
    ReadError
        In one line, for what is no file, holds no sound, ends before ``start``, or is longer than three hours (at
        48 kHz); a DamagedError where more than one in a hundred of its packets cannot be decoded.
    SettingsError
        For a start or duration that is no time.
    """
    if not (np.isfinite(start) and start >= 0.0) or not (duration is None or duration > 0.0):
        raise SettingsError(
            f"music starts at {start:g} s and lasts {duration} s, which is no part of a track"
        )
    with open_sound(path) as container:
        stream = _sound_stream(container, path)
        rate = stream.codec_context.sample_rate
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise ReadError(f"{printable(path)} has {rate} samples a second, which is no music")
        first = round(start * rate)
        last = None if duration is None or np.isinf(duration) else first + max(1, round(duration * rate))
        blocks = _cut(_blocks(container, stream, path), first, last)
        samples = _gathered(blocks, path)
    if not len(samples):
        raise ReadError(f"{printable(path)} has no sound after {start:g} s")
    return Track(samples, rate)


def fit_track(track: Track, duration: float, *, fade_in: float = 0.05, fade_out: float = 2.0) -> Track:
    """Return the track cut to a length, or looped up to it, with fades; moviepy composes it.

    Where a track that is too short begins anew, its end and its beginning overlap for 10 ms, in a cross-fade. Fades
    take a quarter of the length at most.

    Parameters
    ----------
    track
        At least one sample.
    duration
        Seconds; the result has ``round(duration * rate)`` samples, and one at least.
    fade_in, fade_out
        Seconds in which the sound grows from silence and falls back, linearly; 0 is no fade.
    """
    count = max(1, round(duration * track.rate))
    length = count / track.rate
    with undisturbed():
        from moviepy.audio.fx import AudioFadeIn, AudioFadeOut

    samples = track.samples[:count] if len(track.samples) >= count else _looped(track, count)
    fades = [
        kind(min(seconds, length / 4))
        for kind, seconds in ((AudioFadeIn, fade_in), (AudioFadeOut, fade_out))
        if seconds > 0.0
    ]
    if not fades:
        return Track(samples, track.rate)
    clip = _clip(samples, track.rate).with_effects(fades)
    return Track(_rendered(clip, count, track), track.rate)


def write_track(track: Track, path: Path) -> None:
    """Write a track as WAV, 16-bit PCM.

    Raises
    ------
    WriteError
        Where the file cannot be written.
    """
    try:
        with path.open("wb") as place, wave.open(place, "wb") as file:
            file.setnchannels(track.samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(track.rate)
            for first in range(0, len(track.samples), _BLOCK):
                block = np.clip(track.samples[first : first + _BLOCK], -1.0, 1.0) * np.float32(32767.0)
                file.writeframes(np.round(block).astype("<i2").tobytes())
    except OSError as error:
        raise WriteError(f"cannot write {printable(path)}: {(error.strerror or '').lower()}") from error


def _sound_stream(container: InputContainer, path: Path) -> AudioStream:
    """Return the container's best stream of sound."""
    if not container.streams.audio:
        raise ReadError(f"{printable(path)} holds no sound")
    best = container.streams.best("audio")
    for stream in container.streams.audio:
        known: Any = stream.codec_context  # None where the codec is not known
        if best is not None and stream.index == best.index and known is not None:
            return stream
    raise ReadError(f"{printable(path)}: its sound is in a format that cannot be decoded here")


def _cut(
    blocks: Iterator[NDArray[np.float32]], first: int, last: int | None
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples from ``first`` up to ``last``, and ask for no more than that."""
    at = 0
    for block in blocks:
        end = at + len(block)
        if end > first:
            yield block[max(0, first - at) : None if last is None else max(0, last - at)]
        at = end
        if last is not None and at >= last:
            return


def _gathered(blocks: Iterator[NDArray[np.float32]], path: Path) -> NDArray[np.float32]:
    """Return all blocks as one array, within the limits of length and loudness."""
    parts: list[NDArray[np.float32]] = []
    total = 0
    for block in blocks:
        total += len(block)
        if total > _MOST_SAMPLES:
            raise ReadError(
                f"{printable(path)} is too long for music; give a shorter duration, or cut it first"
            )
        parts.append(block)
    if not parts:
        return np.zeros((0, 1), np.float32)
    channels = max(part.shape[1] for part in parts)
    samples: NDArray[np.float32] = np.concatenate(
        [np.broadcast_to(part, (len(part), channels)) for part in parts]
    )
    parts.clear()
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0:
        samples /= np.float32(peak)
    return samples


def _blocks(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[NDArray[np.float32]]:
    """Decode a stream into blocks ``[n, C]``, passing over what little cannot be decoded."""
    rate, resampler, kind = stream.codec_context.sample_rate, None, None
    try:
        for frame in _frames(container, stream, path):
            found = (frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate)
            if resampler is None or found != kind:  # formats may change within a track
                yield from _arrays(resampler, None)
                layout = _LAYOUTS.get(frame.layout.nb_channels, "stereo")
                resampler, kind = AudioResampler("flt", layout, rate), found
            yield from _arrays(resampler, frame)
        yield from _arrays(resampler, None)
    except (av.FFmpegError, ValueError) as error:
        raise DamagedError(f"{printable(path)}: its sound has a form that cannot be converted") from error


def _arrays(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
    for made in resampler.resample(frame) if resampler is not None else ():
        interleaved = made.to_ndarray().reshape(-1, made.layout.nb_channels)
        yield np.nan_to_num(interleaved, posinf=_LOUDEST, neginf=-_LOUDEST).clip(-_LOUDEST, _LOUDEST)


def _frames(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[AudioFrame]:
    """Yield decoded frames; as players do, pass over single packets that cannot be decoded.

    Raises
    ------
    DamagedError
        At the end, where they were many, or all.
    """
    packets = damaged = 0
    decoded = False
    demuxed = container.demux(stream)
    while True:
        try:
            packet: Any = next(demuxed, None)
        except (
            av.FFmpegError,
            OSError,
            ValueError,
            IndexError,
        ):  # the last for streams that appear on the way
            damaged += 1
            packet = None  # what follows cannot be found
        if packet is None:
            break
        packets += 1
        frames: list[AudioFrame] = []
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            damaged += 1
        for frame in frames:
            decoded = True
            yield frame
    if damaged and (not decoded or damaged > max(2, _DAMAGE_BORNE * packets)):
        raise DamagedError(
            f"{printable(path)} is damaged: {damaged} of {packets} packets of its sound cannot be decoded"
        )


def _looped(track: Track, count: int) -> NDArray[np.float32]:
    """Return ``count`` samples of a track that is shorter: it, and then what it is when it follows itself."""
    with undisturbed():
        from moviepy import CompositeAudioClip
        from moviepy.audio.fx import AudioFadeIn, AudioFadeOut

    length = len(track.samples)
    overlap = min(round(_CROSSFADE * track.rate), length // 4)
    period = length - overlap
    first = again = _clip(track.samples, track.rate)
    if overlap:
        seam = overlap / track.rate
        first, again = first.with_effects([AudioFadeOut(seam)]), again.with_effects([AudioFadeIn(seam)])
    both = CompositeAudioClip([first, again.with_start(period / track.rate)])
    once = _rendered(both, min(count, 2 * period), track)
    samples = np.empty((count, once.shape[1]), np.float32)
    samples[: len(once)] = once
    for begin in range(len(once), count, period):
        samples[begin : begin + period] = once[period : period + count - begin]
    return samples


def _clip(samples: NDArray[np.float32], rate: int) -> Any:
    """Return a moviepy clip, which always has two channels: with one, moviepy mixes up channels and samples."""
    from moviepy import AudioArrayClip

    return AudioArrayClip(np.broadcast_to(samples, (len(samples), 2)), rate)


def _rendered(clip: Any, count: int, track: Track) -> NDArray[np.float32]:
    """Return the first samples of a moviepy clip, in the track's rate and channels.

    moviepy's own count of samples is the duration times the rate, cut off, and so may miss the last.
    """
    clip = clip.with_duration(count / track.rate)  # which a fade in forgets
    channels = track.samples.shape[1]
    samples = np.empty((count, channels), np.float32)
    for first in range(0, count, _BLOCK):
        times = np.arange(first, min(first + _BLOCK, count)) / track.rate
        samples[first : first + _BLOCK] = clip.to_soundarray(times)[:, :channels]
    return np.clip(samples, -1.0, 1.0, out=samples)
