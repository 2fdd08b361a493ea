"""Choose the encoder of an output and its options: speed, quality, depth and alpha.

To add a codec, add a row to :data:`ENCODERS` and its name to the containers that hold it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import av
from av.codec import Codec as AvCodec

from dreamvid.errors import SettingsError, WriteError
from dreamvid.media.containers import CONTAINERS, Container
from dreamvid.media.output.hap import HAP_FORMATS, can_encode_hap
from dreamvid.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamvid.config.settings import OutputSettings
    from dreamvid.types import VideoInfo

Speed = Literal["fast", "medium", "slow"]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How the settings of a codec become options of FFmpeg's encoders; the first that is available is used.

    ``formats`` maps (bits, alpha) to a pixel format. ``crf`` is (default, highest), None where the codec
    has no such thing. Width and height must be multiples of ``multiples``. HAP has no ``names``: it is encoded by
    :mod:`dreamvid.media.output.hap`.
    """

    names: tuple[str, ...]
    formats: Mapping[tuple[int, bool], str]
    crf: tuple[int, int] | None = None
    multiples: tuple[int, int] = (1, 1)
    speeds: Mapping[Speed, Mapping[str, str]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


_X26X_SPEED: Mapping[Speed, Mapping[str, str]] = {
    "fast": {"preset": "veryfast"},
    "medium": {"preset": "medium"},
    "slow": {"preset": "slower"},
}
_YUV420 = {(8, False): "yuv420p", (10, False): "yuv420p10le"}
_RGBA = {(8, False): "rgba", (8, True): "rgba"}
_PNG = {(8, False): "rgb24", (8, True): "rgba", (10, False): "rgb48be", (10, True): "rgba64be"}
ENCODERS: Mapping[str, Encoder] = {
    "h264": Encoder(("libx264",), _YUV420, (16, 51), (2, 2), _X26X_SPEED),
    "h265": Encoder(("libx265",), _YUV420, (18, 51), (2, 2), _X26X_SPEED, {"x265-params": "log-level=none"}),
    "vp9": Encoder(
        ("libvpx-vp9",),
        {**_YUV420, (8, True): "yuva420p"},
        (22, 63),
        speeds={
            "fast": {"cpu-used": "6", "deadline": "realtime"},
            "medium": {"cpu-used": "4", "deadline": "good"},
            "slow": {"cpu-used": "1", "deadline": "good"},
        },
        options={"b": "0", "row-mt": "1"},
    ),
    "av1": Encoder(
        ("libsvtav1", "libaom-av1"),
        _YUV420,
        (24, 63),
        speeds={"fast": {"preset": "10"}, "medium": {"preset": "7"}, "slow": {"preset": "4"}},
    ),
    "prores": Encoder(
        ("prores_ks",),
        {(10, False): "yuv422p10le", (10, True): "yuva444p10le"},
        multiples=(2, 1),
        options={"vendor": "apl0"},
    ),
    "ffv1": Encoder(
        ("ffv1",),
        {(8, False): "bgr0", (8, True): "bgra", (10, False): "gbrp10le", (10, True): "gbrap10le"},
        options={"level": "3", "g": "1", "slicecrc": "1", "slices": "4"},
    ),
    "hap": Encoder((), {(8, False): "rgba"}),
    "hap-alpha": Encoder((), _RGBA),
    "hap-q": Encoder((), {(8, False): "rgba"}),
    "dxv": Encoder(("dxv",), {(8, False): "rgba"}, multiples=(16, 16)),
    "gif": Encoder(
        ("gif",),
        {(8, False): "rgb24", (8, True): "rgba"},
        # FFmpeg compares the indices of a frame with those of the one before, even where that had another palette.
        options={"gifflags": "-offsetting-transdiff"},
    ),
    "apng": Encoder(("apng",), _PNG),
    "png": Encoder(("png",), _PNG),
    "webp": Encoder(
        ("libwebp",),
        {(8, False): "bgra", (8, True): "bgra"},
        speeds={
            "fast": {"compression_level": "2"},
            "medium": {"compression_level": "4"},
            "slow": {"compression_level": "6"},
        },
        options={"quality": "92", "lossless": "0"},
    ),
}
_AOM_SPEED: Mapping[Speed, str] = {"fast": "8", "medium": "6", "slow": "3"}


@dataclass(frozen=True, slots=True)
class CodecChoice:
    """The encoder of an output, its options and its container.

    ``alpha`` and ``depth`` are what the file will hold; ``notes`` say what differs from the settings.
    """

    codec: str
    encoder: str
    container: Container
    pix_fmt: str
    options: Mapping[str, str]
    alpha: bool
    depth: int
    multiples: tuple[int, int]
    tag: str | None = None
    notes: tuple[str, ...] = ()


def choose_codec(suffix: str, output: OutputSettings, info: VideoInfo) -> CodecChoice:
    """Return what encodes these pictures into a container.

    Parameters
    ----------
    suffix
        Of the output, with its dot, in any case; :data:`FOLDER` for a folder of PNGs.

    Raises
    ------
    WriteError
        For a suffix that is no container, and for an encoder that this PyAV does not have.
    SettingsError
        For a codec that the container cannot hold, and a crf or depth that the codec cannot have.
    """
    container = _container(suffix)
    codec: str = output.codec
    if codec == "auto":
        codec = container.codecs[0]
        if info.has_alpha and container.alpha_codec is not None:
            codec = container.alpha_codec
    elif codec not in container.codecs:
        raise SettingsError(f"output.codec: {_place(suffix)} cannot hold {codec}; {_alternative(codec)}")
    encoder = ENCODERS[codec]
    name = _available(codec, encoder)
    notes: list[str] = []
    depth, alpha = _depth_and_alpha(codec, suffix, output, info, notes)
    pix_fmt = encoder.formats[depth, alpha]
    if codec != "gif" and codec not in HAP_FORMATS and pix_fmt not in _pixel_formats(name):
        raise SettingsError(
            f"output.depth: this machine's {name} has no {depth} bit; use depth 8 or another codec"
        )
    return CodecChoice(
        codec=codec,
        encoder=name,
        container=container,
        pix_fmt=pix_fmt,
        options=_options(codec, name, output, notes, alpha=alpha),
        alpha=alpha,
        depth=depth,
        multiples=encoder.multiples if codec != "prores" or not alpha else (1, 1),
        tag="hvc1" if codec == "h265" and container.has_edit_list else None,
        notes=tuple(notes),
    )


def available_encoders() -> dict[str, str | None]:
    """Return each codec of the settings with the encoder that this machine has for it, None where it has none."""
    return {codec: _find(codec, encoder) for codec, encoder in ENCODERS.items()}


def _pixel_formats(name: str) -> set[str]:
    return {f.name for f in AvCodec(name, "w").video_formats or ()}


def _container(suffix: str) -> Container:
    container = CONTAINERS.get(suffix.lower())
    if container is None:
        known = [name for name in CONTAINERS if name]
        hint = did_you_mean(suffix, known)
        raise WriteError(
            f"cannot write {suffix} files{hint}; use one of {' '.join(known)}; "
            "a name that ends in a slash makes a folder of PNGs"
        )
    return container


def _place(suffix: str) -> str:
    return suffix.lower() or "a folder of PNGs"


def _alternative(codec: str) -> str:
    places = [suffix for suffix, container in CONTAINERS.items() if codec in container.codecs]
    return f"use {' or '.join(places)}"


def _find(codec: str, encoder: Encoder) -> str | None:
    if codec in HAP_FORMATS:
        return codec if can_encode_hap() else None
    return next((name for name in encoder.names if name in av.codecs_available and _encodes(name)), None)


def _encodes(name: str) -> bool:
    try:
        return AvCodec(name, "w").is_encoder
    except ValueError:
        return False


def _available(codec: str, encoder: Encoder) -> str:
    name = _find(codec, encoder)
    if name is None and codec in HAP_FORMATS:
        raise WriteError("HAP needs two more packages: pip install cramjam etcpak")
    if name is None:
        raise WriteError(
            f"this machine's PyAV has no encoder for {codec} ({encoder.names[0]}); "
            "use another output.codec or the PyAV wheel from the package index"
        )
    return name


def _depth_and_alpha(
    codec: str, suffix: str, output: OutputSettings, info: VideoInfo, notes: list[str]
) -> tuple[int, bool]:
    encoder = ENCODERS[codec]
    requested = 10 if output.depth == "10" else 8
    depths = {bits for bits, _ in encoder.formats}
    depth = requested if requested in depths else next(iter(depths))
    if depth != requested and output.depth != "auto":
        notes.append(f"{codec} has {depth} bits per channel; depth {requested} has no effect")
    alpha = info.has_alpha and (depth, True) in encoder.formats
    if info.has_alpha and not alpha and (8, True) in encoder.formats:
        depth, alpha = 8, True
        notes.append(f"{codec} holds alpha only with 8 bits per channel; written so")
    if info.has_alpha and not alpha:
        notes.append(
            f"{codec} in {_place(suffix)} holds no alpha: it is flattened onto black; "
            "use .webm, .mov, .mkv or .apng with output.codec auto to keep it"
        )
    return depth, alpha


def _options(
    codec: str, name: str, output: OutputSettings, notes: list[str], *, alpha: bool
) -> dict[str, str]:
    encoder = ENCODERS[codec]
    options = {**encoder.options, **encoder.speeds.get(output.speed, {})}
    if name == "libaom-av1":
        options = {"cpu-used": _AOM_SPEED[output.speed], "row-mt": "1"}
    if codec == "prores":
        options |= {"profile": "4444", "alpha_bits": "16"} if alpha else {"profile": "hq"}
    if codec == "vp9" and alpha:
        options["auto-alt-ref"] = "0"  # libvpx cannot do both
    if encoder.crf is None:
        if output.crf is not None:
            notes.append(f"{codec} has no constant rate factor; crf {output.crf} has no effect")
        return options
    default, highest = encoder.crf
    crf = default if output.crf is None else output.crf
    if crf > highest:
        raise SettingsError(f"output.crf: {codec} takes 0 to {highest}, not {crf}")
    return {**options, "crf": str(crf)}
