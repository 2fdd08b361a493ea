"""Decode the audio of a file into memory, for music."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.resampler import AudioResampler

from dreamvid.errors import DamagedError, ReadError, SettingsError
from dreamvid.media.input.container import can_decode, open_audio
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_MIN_RATE, _MAX_RATE = 1_000, 768_000
_MAX_SAMPLES = 3 * 3600 * 48_000
"""Three hours at 48 kHz."""
_TOLERATED_DAMAGE = 0.01
"""Share of packets that may be passed over, as players do."""

_CLIP = 8.0
"""Amplitude beyond which floats are no audio."""


def read_audio(
    path: Path, *, start: float = 0.0, duration: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Return the audio of a file as samples ``[N, C]`` float32 in [-1, 1], and its sample rate.

    More than two channels are mixed down to stereo, with a warning. Audio that goes beyond [-1, 1], as floats and
    compressed music do, is made quieter as a whole.

    Parameters
    ----------
    path
        A file of audio or video; the best audio stream of several is taken.
    start
        Seconds to skip.
    duration
        Longest duration in seconds; None is all.

    Raises
    ------
    ReadError
        In one line, for what is no file, holds no audio, ends before ``start``, or is longer than three hours (at
        48 kHz); a DamagedError where more than one in a hundred of its packets cannot be decoded.
    SettingsError
        For a start or duration that is no time.
    """
    if not (np.isfinite(start) and start >= 0.0) or not (duration is None or duration > 0.0):
        raise SettingsError(
            f"music starts at {start:g} s and lasts {duration} s, which is no part of a track"
        )
    with open_audio(path) as container:
        stream = _best_stream(container, path)
        rate = stream.codec_context.sample_rate
        if not _MIN_RATE <= rate <= _MAX_RATE:
            raise ReadError(f"{printable(path)} has {rate} samples a second, which is no music")
        first = round(start * rate)
        last = None if duration is None or np.isinf(duration) else first + max(1, round(duration * rate))
        blocks = _trim(_blocks(container, stream, path), first, last)
        samples = _concatenate(blocks, path)
    if not len(samples):
        raise ReadError(f"{printable(path)} has no sound after {start:g} s")
    return samples, rate


def _best_stream(container: InputContainer, path: Path) -> AudioStream:
    if not container.streams.audio:
        raise ReadError(f"{printable(path)} holds no sound")
    decodable = [stream for stream in container.streams.audio if can_decode(stream)]
    if not decodable:
        raise ReadError(f"{printable(path)}: its sound is in a format that cannot be decoded here")
    best = container.streams.best("audio")
    return next(
        (stream for stream in decodable if best is not None and stream.index == best.index), decodable[0]
    )


def _trim(
    blocks: Iterator[NDArray[np.float32]], first: int, last: int | None
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples from ``first`` up to ``last``, and decode no more than those."""
    begin = 0
    for block in blocks:
        end = begin + len(block)
        if end > first:
            yield block[max(0, first - begin) : None if last is None else max(0, last - begin)]
        begin = end
        if last is not None and begin >= last:
            return


def _concatenate(blocks: Iterator[NDArray[np.float32]], path: Path) -> NDArray[np.float32]:
    """Return all blocks as one array, no longer than is read and no louder than 1."""
    decoded: list[NDArray[np.float32]] = []
    total = 0
    for block in blocks:
        total += len(block)
        if total > _MAX_SAMPLES:
            raise ReadError(
                f"{printable(path)} is too long for music; give a shorter duration, or cut it first"
            )
        decoded.append(block)
    if not decoded:
        return np.zeros((0, 1), np.float32)
    channels = max(block.shape[1] for block in decoded)
    samples: NDArray[np.float32] = np.concatenate(
        [np.broadcast_to(block, (len(block), channels)) for block in decoded]
    )
    decoded.clear()
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0:
        samples /= np.float32(peak)
    return samples


def _blocks(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[NDArray[np.float32]]:
    """Decode a stream into blocks ``[n, C]``, passing over what little cannot be decoded."""
    rate, resampler, resampled_format = stream.codec_context.sample_rate, None, None
    try:
        for frame in _frames(container, stream, path):
            channels = frame.layout.nb_channels
            frame_format = (frame.format.name, frame.layout.name, channels, frame.sample_rate)
            if resampler is None or frame_format != resampled_format:  # formats may change within a track
                yield from _arrays(resampler, None)
                if channels > 2:  # noqa: PLR2004  stereo
                    _log.warning(
                        "%s: its %s sound is mixed down to stereo", printable(path.name), frame.layout.name
                    )
                resampler = AudioResampler("flt", "mono" if channels == 1 else "stereo", rate)
                resampled_format = frame_format
            yield from _arrays(resampler, frame)
        yield from _arrays(resampler, None)
    except (av.FFmpegError, ValueError) as error:
        raise DamagedError(f"{printable(path)}: its sound has a form that cannot be converted") from error


def _arrays(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
    for block in resampler.resample(frame) if resampler is not None else ():
        interleaved = block.to_ndarray().reshape(-1, block.layout.nb_channels)
        yield np.nan_to_num(interleaved, posinf=_CLIP, neginf=-_CLIP).clip(-_CLIP, _CLIP)


def _frames(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[AudioFrame]:
    """Yield decoded frames; as players do, pass over single packets that cannot be decoded.

    Raises
    ------
    DamagedError
        At the end, where they were many, or all.
    """
    packets = damaged = 0
    decoded = False
    try:
        for packet in container.demux(stream):
            packets += 1
            frames: list[AudioFrame] = []
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                damaged += 1
            for frame in frames:
                decoded = True
                yield frame
    except (av.FFmpegError, OSError, ValueError, IndexError):  # the last for streams that appear on the way
        damaged += 1  # what follows cannot be found
    if damaged and (not decoded or damaged > max(2, _TOLERATED_DAMAGE * packets)):
        raise DamagedError(
            f"{printable(path)} is damaged: {damaged} of {packets} packets of its sound cannot be decoded"
        )
