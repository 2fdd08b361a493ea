"""Open the writer of an output, and name outputs.

Every writer is a :class:`dreamvid.types.FrameWriter`: the output appears under its name only when it is whole
and verified.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import WriteError
from dreamvid.media.containers import CONTAINERS, FOLDER, animation_suffix, preferred_suffix
from dreamvid.media.input.animated_avif import is_avif_file
from dreamvid.media.input.animated_webp import is_webp
from dreamvid.media.input.image_sequence import holds_only_frames, read_frame_list
from dreamvid.media.output.codecs import CodecChoice, choose_codec
from dreamvid.media.output.container_writer import ContainerWriter
from dreamvid.media.output.image_sequence import FolderWriter
from dreamvid.media.streams.output_spec import OutputSpec
from dreamvid.media.streams.passthrough import SourceStreams, StreamSelection, open_source_streams
from dreamvid.media.timestamps import exact_time_base

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dreamvid.config.settings import OutputSettings
    from dreamvid.types import FrameWriter, VideoInfo

_log = logging.getLogger(__name__)

_FOLDER_SUFFIX = ".dream"
_GIF_FASTEST = 50
"""Frames a second up to which browsers play a GIF at its own speed."""


def open_writer(
    path: Path,
    *,
    info: VideoInfo,
    output: OutputSettings,
    streams_from: Path | None = None,
    streams_are_generated: bool = False,
    start: Fraction = Fraction(0),
    duration: Fraction | None = None,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    expected_frames: int | None = None,
    part: Path | None = None,
    folder: bool = False,
) -> FrameWriter:
    """Return a writer for a video, an animation or a folder of PNGs; nothing is written before it is entered.

    Parameters
    ----------
    path
        The output; its suffix says what it is, none is a folder of PNGs.
    info
        Of the pictures that will be written: size, rate, sar, has_alpha and variable_rate count.
    streams_from
        The file whose sound, subtitles, chapters and metadata go along; ``start`` and ``duration`` (seconds, from its
        first picture) are the cut of it. None carries nothing.
    streams_are_generated
        Whether no user made that file, so that re-encoding its audio is worth no warning.
    metadata
        Texts of our own by key, such as the settings under ``dreamvid``; they overrule those of ``streams_from``.
    overwrite
        Whether an existing output is replaced.
    expected_frames
        More or fewer give a warning.
    part
        Where it lies until it is whole; see :class:`dreamvid.atomic.AtomicOutput`.
    folder
        Whether it is a folder of PNGs whatever its suffix.

    Raises
    ------
    WriteError
        For an output that exists, is the input, or cannot be written there, for an unknown suffix, and for more
        frames a second than the container can tell apart.
    SettingsError
        For a codec, crf or depth that the container or codec cannot have.
    """
    suffix = _kind(path, folder=folder)
    choice = choose_codec(suffix, output, info)
    inputs = [] if streams_from is None else [streams_from]
    replaceable = holds_only_frames if suffix == FOLDER else None
    target = AtomicOutput(
        path, inputs=inputs, overwrite=overwrite, is_replaceable_folder=replaceable, part=part
    )
    time_base = choice.container.time_base
    if time_base is not None and info.rate * time_base > 1:
        raise WriteError(
            f"{target.name}: {suffix} holds at most {1 / time_base} frames a second, not {float(info.rate):g}; "
            "set output.fps or use another suffix"
        )
    for note in choice.notes:
        _log.warning(note)
    if suffix == ".gif" and info.rate > _GIF_FASTEST:
        _log.warning("browsers play GIFs at %s fps at most; this one has %g", _GIF_FASTEST, float(info.rate))
    source = _find_source_file(streams_from)
    sound = None
    if source is not None:
        selection = StreamSelection(start, duration, sound=output.audio, is_generated=streams_are_generated)
        sound = open_source_streams(source, selection)
    if sound is not None and not choice.container.holds_audio:
        _warn_left_out(sound, suffix, output, is_noted=suffix == FOLDER and not streams_are_generated)
    spec = OutputSpec(
        target=target,
        choice=choice,
        info=info,
        time_base=_time_base(choice, info, sound, start),
        metadata=dict(metadata or {}),
        source_streams=sound if choice.container.holds_audio else None,
        expected_frames=expected_frames,
        source_time_base=sound.video_time_base if sound is not None else None,
        frame_name=output.frame_name,
        first_number=output.first_number,
    )
    if suffix == FOLDER:
        has_sound = sound is not None and sound.has_sound and output.audio and not streams_are_generated
        return FolderWriter(spec, source.name if has_sound and source is not None else None)
    return ContainerWriter(spec)


def check_output(path: Path, *, info: VideoInfo, output: OutputSettings, folder: bool = False) -> bool:
    """Return whether the output will be a folder; everything that :func:`open_writer` checks of its kind is checked.

    Raises
    ------
    WriteError
        For an unknown suffix.
    SettingsError
        For a codec, crf or depth that the container or codec cannot have.
    """
    suffix = _kind(path, folder=folder)
    choose_codec(suffix, output, info)
    return suffix == FOLDER


def chunk_bits(path: Path, *, info: VideoInfo, output: OutputSettings, folder: bool = False) -> int:
    """Return the bits a channel that lossless chunks of an output's frames need: 8, or 16 where it holds more than 8.

    Raises
    ------
    WriteError, SettingsError
        As :func:`check_output`.
    """
    return 8 if choose_codec(_kind(path, folder=folder), output, info).depth <= 8 else 16  # noqa: PLR2004  what a byte holds


def default_output(source: Path, *, info: VideoInfo, output: OutputSettings) -> Path:
    """Return ``<stem>.dream<suffix>`` beside the source; the suffix follows its kind, its alpha and the codec."""
    if source.name in {"", ".", ".."}:
        source = source.resolve()
    suffix = animation_suffix(source.suffix.lower()) if output.codec == "auto" else None
    if source.is_dir():
        return source.with_name(
            f"{source.name}.dream{'' if output.codec == 'auto' else _video(info, output)}"
        )
    return source.with_name(f"{source.stem}.dream{suffix or _video(info, output)}")


def _video(info: VideoInfo, output: OutputSettings) -> str:
    if output.codec == "auto":
        return ".webm" if info.has_alpha else ".mp4"
    return preferred_suffix(output.codec)


def _kind(path: Path, *, folder: bool) -> str:
    """Return the suffix that says what is written; a folder may be called anything that is no other suffix."""
    if not path.name:
        raise WriteError(f"'{path}' names no output; name a file, or a folder for pictures")
    if folder:
        return FOLDER
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS and (suffix == _FOLDER_SUFFIX or path.is_dir()):
        return FOLDER
    return suffix


def _find_source_file(streams_from: Path | None) -> Path | None:
    """Return the file that sound and texts are taken from; a folder of PNGs names it in its ``frames.json``."""
    if streams_from is None or not streams_from.is_dir():
        if streams_from is None or is_webp(streams_from) or is_avif_file(streams_from):
            return None
        return streams_from
    listed = read_frame_list(streams_from)
    if listed is None or listed.sound is None:
        return None
    beside = (streams_from / listed.sound, streams_from.resolve().parent / listed.sound)
    return next((path for path in beside if path.is_file()), None)


def _time_base(
    choice: CodecChoice, info: VideoInfo, source_streams: SourceStreams | None, start: Fraction
) -> Fraction:
    if choice.container.time_base is not None:
        return choice.container.time_base
    known = source_streams.video_time_base if source_streams is not None else None
    bases = [] if known is None else [known, Fraction(1, start.denominator)]
    return exact_time_base(info.rate, bases, variable=info.variable_rate)


def _warn_left_out(
    source_streams: SourceStreams, suffix: str, output: OutputSettings, *, is_noted: bool
) -> None:
    if source_streams.has_sound and output.audio:
        consequence = "the sound's place is noted in frames.json" if is_noted else "the sound is left out"
        _log.warning("%s holds no sound: %s", suffix or "a folder of PNGs", consequence)
