"""Parse and render the start image of a zoom trip: noise, a color, a gradient, an image or a frame of a video."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from dreamvid.errors import DreamvidError, ReadError, SettingsError
from dreamvid.image.panorama import PolarCap, band_weight
from dreamvid.image.resize import cover
from dreamvid.pipelines.pictures import on_gray
from dreamvid.schedule.times import parse_time
from dreamvid.types import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB

_COLOR = r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"
_GRADIENT = re.compile(rf"({_COLOR})(?:\s*-\s*({_COLOR}))?")
_VIDEO_FRAME = re.compile(r"(?P<name>.+)@(?P<time>[0-9:.]+s?)", re.DOTALL)

# Mean of L* in noise, and standard deviations of L* and of a* and b*; chosen by eye: colorful, and hardly clipped.
_NOISE_MEAN, _NOISE_LIGHTNESS_SPREAD, _NOISE_COLOR_SPREAD = 50.0, 18.0, 14.0


class StartImage(NamedTuple):
    """A start image: its text, its file if it has one, and the time (s) of the frame if the text names one."""

    text: str
    file: Path | None = None
    time: Fraction | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture of something, rather than noise or color."""
        return self.file is not None


def parse_start_image(text: str) -> StartImage:
    """Return the start image of ``noise``, ``#204060``, ``#204060-#ff8800``, ``FILE`` or ``FILE@12.5s``.

    A file whose own name looks like a color or ends like a time is that file.

    Raises
    ------
    SettingsError
        For an invalid color or time.
    """
    if text == "noise" or _GRADIENT.fullmatch(text):
        return StartImage(text)
    if text.startswith("#") and not Path(text).exists():
        raise SettingsError(
            f"trip.start: '{text}' is not a color such as #204060, nor a gradient such as #204060-#ff8800"
        )
    match = _VIDEO_FRAME.fullmatch(text)
    if match is not None and not Path(text).exists():
        try:
            return StartImage(text, Path(match["name"]), parse_time(match["time"]))
        except ValueError as error:
            raise SettingsError(f"trip.start: the time in '{text}' {error}") from None
    return StartImage(text, Path(text))


def read_start_image(start_image: StartImage, size: Size | None, seed: int, *, panorama: bool = False) -> RGB:
    """Return the picture ``[H, W, 3]``, float32 in [0, 1], sRGB-encoded.

    Parameters
    ----------
    size
        Of the result, to which a file's picture is scaled and cropped; None is the file's own. Noise, colors and
        gradients need one.
    seed
        Seed of the noise.
    panorama
        Whether noise is for a panorama of the whole sphere.

    Raises
    ------
    ReadError
        If the file cannot be read or has no frame at that time.
    """
    if start_image.file is not None:
        picture = _read_file(start_image.file, start_image.time)
        return picture if size is None else cover(picture, size)
    assert size is not None
    if start_image.text != "noise":
        return _gradient(start_image.text, size)
    return _noise_around(size, seed) if panorama else pink_noise(size, seed)


def _noise_around(size: Size, seed: int) -> RGB:
    """Return 1/f noise on the whole sphere ``[H, W, 3]``: it goes around as it is, and has caps of its own."""
    weight = band_weight(size)[..., None]
    noise = weight * pink_noise(size, seed)
    for south in (False, True):
        cap = PolarCap(size, context=0, least=0, south=south)
        noise += (1.0 - weight) * cap.unproject(pink_noise(Size(cap.side, cap.side), seed + 1 + south))
    return np.asarray(np.clip(noise, 0.0, 1.0), np.float32)


def pink_noise(size: Size, seed: int) -> RGB:
    """Return 1/f noise ``[H, W, 3]``, float32 in [0, 1]: amplitude falls with frequency as in photographs.

    Its channels are independent in CIE L*a*b*, about mid-gray.
    """
    random = np.random.default_rng(seed)
    y = np.fft.fftfreq(size.height)[:, None]
    x = np.fft.rfftfreq(size.width)[None]
    frequency = np.hypot(x, y)
    frequency[0, 0] = np.inf  # no mean
    channels = []
    for spread in (_NOISE_LIGHTNESS_SPREAD, _NOISE_COLOR_SPREAD, _NOISE_COLOR_SPREAD):
        spectrum = np.fft.rfft2(random.standard_normal(size)) / frequency
        channel = np.fft.irfft2(spectrum, s=tuple(size))
        channels.append(spread * channel / max(float(channel.std()), 1e-9))
    lab = np.dstack(channels).astype(np.float32)
    lab[..., 0] += _NOISE_MEAN
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32), 0.0, 1.0)


def _gradient(text: str, size: Size) -> RGB:
    """Return a gradient from the top left to the bottom right, linear in CIE L*a*b*, or a plain color."""
    match = _GRADIENT.fullmatch(text)
    assert match is not None
    first = _parse_color(match[1])
    last = first if match[2] is None else _parse_color(match[2])
    ends = np.asarray(cv2.cvtColor(np.stack([first, last])[None], cv2.COLOR_RGB2Lab)[0], np.float32)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    position = ((x + y) / max(1.0, size.width + size.height - 2.0))[..., None]
    lab = ends[0] + position * (ends[1] - ends[0])
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32), 0.0, 1.0)


def _parse_color(text: str) -> NDArray[np.float32]:
    digits = text.removeprefix("#")
    if len(digits) == 3:  # noqa: PLR2004  the short form
        digits = "".join(2 * digit for digit in digits)
    return np.array([int(digits[i : i + 2], 16) / 255.0 for i in (0, 2, 4)], np.float32)


def _read_file(file: Path, time: Fraction | None) -> RGB:
    """Return a still or a video's first frame; with a time a video's frame then, or a still at 0 s."""
    first, second = (_read_still, _read_frame) if time is None else (_read_frame, _read_still)
    try:
        return first(file, time)
    except DreamvidError as error:
        if time is None and not file.is_file():
            raise
        try:
            picture = second(file, time)
        except DreamvidError:
            raise error from None
    if time:
        raise ReadError(f"{file} is one picture, which has no frame at {float(time):g} s")
    return picture


def _read_still(file: Path, _: Fraction | None) -> RGB:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    still = read_still(file)
    return on_gray(still.rgb, still.alpha)


def _read_frame(file: Path, time: Fraction | None) -> RGB:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

    for frame in open_source(file, start=time or Fraction(0)):
        return on_gray(frame.rgb, frame.alpha)
    raise ReadError(f"{file}: has no frame at {float(time or 0):g} s")
