"""The containers that are read, and those that are written: one row each says everything that depends on the kind.

To write another container, add a row; to read another, add its demuxer. Nothing here imports PyAV, so that the
command line can show the suffixes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEMUXERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,obu,ivf,gif,apng,flv,asf,ogg,mxf,nut,rm,dv,"
    "yuv4mpegpipe,wtv"
)
"""FFmpeg's names of the demuxers that are read: those that hold pictures themselves and open no other file."""

AUDIO_DEMUXERS = "wav,w64,mp3,flac,aac,ac3,eac3,aiff,caf,wv,amr,au,tta,ape"
"""FFmpeg's names of the demuxers that hold only audio, and open no other file."""

FOLDER = ""
"""The suffix of an output that is a folder of PNGs."""

_MILLISECOND = Fraction(1, 1000)
_NO_AUDIO: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    Attributes
    ----------
    muxer, demuxer
        FFmpeg's names; the demuxer is the muxer's where empty.
    codecs
        Video codecs in order of preference.
    alpha_codec
        What ``auto`` chooses for pictures with alpha; None where there is none.
    time_base
        Seconds to which times are rounded; None is any.
    audio_codecs
        FFmpeg's names (patterns) of the audio that players expect; None is whatever the muxer takes, empty is none.
    encoded_audio
        What other audio is encoded as.
    subtitle_codec
        The one subtitle codec that it holds; None is whatever the muxer takes.
    holds_attachments
        Whether fonts and the like are copied.
    has_edit_list
        Whether it says where playing begins, so that packets before that can be kept for the decoder.
    is_seekable
        Whether frames can be decoded without all frames before them.
    stores_display_size
        Whether the sample aspect ratio is stored by the container.
    is_picture
        Whether its texts are read as those of a still picture.
    options
        FFmpeg's options of the muxer.
    """

    muxer: str
    codecs: tuple[str, ...]
    alpha_codec: str | None = None
    time_base: Fraction | None = None
    demuxer: str = ""
    audio_codecs: tuple[str, ...] | None = _NO_AUDIO
    encoded_audio: str = "aac"
    subtitle_codec: str | None = None
    holds_attachments: bool = False
    has_edit_list: bool = False
    is_seekable: bool = True
    stores_display_size: bool = False
    is_picture: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds_audio(self) -> bool:
        """Whether audio, subtitles, chapters and attachments of the source can be passed through."""
        return self.audio_codecs is None or bool(self.audio_codecs)

    def plays(self, audio_codec: str) -> bool:
        """Return whether players expect this audio codec in the container."""
        return self.audio_codecs is None or any(fnmatch(audio_codec, name) for name in self.audio_codecs)


_MP4_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac")
_FASTSTART = {"movflags": "faststart+use_metadata_tags"}
_MATROSKA = {"write_crc32": "0"}

CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container(
        "mp4",
        ("h264", "h265", "av1", "vp9"),
        demuxer="mov",
        audio_codecs=(*_MP4_AUDIO, "opus", "flac"),
        subtitle_codec="mov_text",
        has_edit_list=True,
        options=_FASTSTART,
    ),
    ".mov": Container(
        "mov",
        ("h264", "h265", "prores", "hap", "hap-alpha", "hap-q", "dxv"),
        "prores",
        audio_codecs=(*_MP4_AUDIO, "pcm_*"),
        subtitle_codec="mov_text",
        has_edit_list=True,
        options=_FASTSTART,
    ),
    ".mkv": Container(
        "matroska",
        ("h264", "h265", "vp9", "av1", "prores", "ffv1"),
        "ffv1",
        _MILLISECOND,
        audio_codecs=None,
        holds_attachments=True,
        stores_display_size=True,
        options=_MATROSKA,
    ),
    ".webm": Container(
        "webm",
        ("vp9", "av1"),
        "vp9",
        _MILLISECOND,
        demuxer="matroska",
        audio_codecs=("opus", "vorbis"),
        encoded_audio="opus",
        subtitle_codec="webvtt",
        stores_display_size=True,
        options=_MATROSKA,
    ),
    ".gif": Container(
        "gif", ("gif",), "gif", Fraction(1, 100), is_seekable=False, is_picture=True, options={"loop": "0"}
    ),
    ".apng": Container("apng", ("apng",), "apng", is_seekable=False, is_picture=True, options={"plays": "0"}),
    ".webp": Container(
        "webp", ("webp",), "webp", _MILLISECOND, is_seekable=False, is_picture=True, options={"loop": "0"}
    ),
    FOLDER: Container("folder", ("png",), "png"),
}

STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""Still pictures that are written; of these, .webp may also be an animation."""

SUFFIXES = " ".join(suffix for suffix in CONTAINERS if suffix)
"""All suffixes of files, for help texts."""


def suffix_of(muxer: str) -> str:
    """Return the suffix of a muxer's files without its dot, for messages."""
    return next(suffix.removeprefix(".") for suffix, kind in CONTAINERS.items() if kind.muxer == muxer)


def preferred_suffix(codec: str) -> str:
    """Return the suffix of the container that a codec is usually kept in."""
    suffixes = (suffix for suffix, kind in CONTAINERS.items() if codec in {kind.codecs[0], kind.alpha_codec})
    return next(suffixes, ".mp4")


def is_picture(suffix: str) -> bool:
    """Return whether files with this suffix are still pictures, or animations that keep texts as those do."""
    return suffix in STILL_SUFFIXES or (suffix in CONTAINERS and CONTAINERS[suffix].is_picture)


def animation_suffix(suffix: str) -> str | None:
    """Return the suffix for an animation made from a file with this one; None where that is no animation."""
    suffix = {".png": ".apng"}.get(suffix, suffix)
    return suffix if suffix and suffix in CONTAINERS and CONTAINERS[suffix].is_picture else None
