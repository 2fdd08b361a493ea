"""What a trip starts from: noise, a color, a gradient, an image, or a frame of a video."""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from dreamvid.errors import DreamvidError, ReadError, SettingsError
from dreamvid.image.resize import cover
from dreamvid.schedule.times import parse_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.types import RGB, Alpha, Size

_log = logging.getLogger(__name__)

_COLOR = r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"
_COLORS = re.compile(rf"({_COLOR})(?:\s*-\s*({_COLOR}))?")
_FRAME = re.compile(r"(?P<name>.+)@(?P<time>[0-9:.]+s?)", re.DOTALL)
_BEHIND = np.float32(0.5)
_LIGHTNESS, _LIGHT_SPREAD, _COLOR_SPREAD = 50.0, 18.0, 14.0


class StartImage(NamedTuple):
    """A start: ``file`` where it comes from one, ``time`` (seconds) of the frame where that is a video."""

    text: str
    file: Path | None = None
    time: Fraction | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture of something, rather than noise or color."""
        return self.file is not None


def parse_start_image(text: str) -> StartImage:
    """Return what ``noise``, ``#204060``, ``#204060-#ff8800``, ``FILE`` or ``FILE@12.5s`` stands for.

    Raises
    ------
    SettingsError
        For a color that is none.
    """
    if text == "noise" or _COLORS.fullmatch(text):
        return StartImage(text)
    if text.startswith("#") and not Path(text).exists():
        raise SettingsError(f"trip.start: '{text}' is no color such as #204060, nor two: #204060-#ff8800")
    match = _FRAME.fullmatch(text)
    if match is not None and not Path(text).exists():
        try:
            return StartImage(text, Path(match["name"]), parse_time(match["time"]))
        except ValueError as error:
            raise SettingsError(f"trip.start: the time in '{text}' {error}") from None
    return StartImage(text, Path(text))


def read_start_image(beginning: StartImage, size: Size | None, seed: int) -> RGB:
    """Return the picture ``[H, W, 3]``, float32 in [0, 1], cropped to a size where one is given.

    Noise, colors and gradients need a size. What is transparent is laid over gray, on which both light and dark are
    seen; what lies hidden in it is anything.

    Raises
    ------
    ReadError
        Where the file cannot be read, or has no frame at that time.
    """
    if beginning.file is not None:
        read = _image if beginning.time is None else _frame
        picture = read(beginning.file, beginning.time or Fraction(0))
        return picture if size is None else cover(picture, size)
    assert size is not None
    if beginning.text == "noise":
        return pink_noise(size, seed)
    return _gradient(beginning.text, size)


def pink_noise(size: Size, seed: int) -> RGB:
    """Return 1/f noise: amplitude falls with frequency as in photographs; colors in CIE L*a*b* about mid-gray."""
    random = np.random.default_rng(seed)
    y = np.fft.fftfreq(size.height)[:, None]
    x = np.fft.rfftfreq(size.width)[None]
    frequency = np.hypot(x, y)
    frequency[0, 0] = np.inf
    channels = []
    for spread in (_LIGHT_SPREAD, _COLOR_SPREAD, _COLOR_SPREAD):
        spectrum = np.fft.rfft2(random.standard_normal(size)) / frequency
        channel = np.fft.irfft2(spectrum, s=tuple(size))
        channels.append(spread * channel / max(float(channel.std()), 1e-9))
    lab = np.dstack(channels).astype(np.float32)
    lab[..., 0] += _LIGHTNESS
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32), 0.0, 1.0)


def _gradient(text: str, size: Size) -> RGB:
    """Return a gradient from the top left to the bottom right, straight in CIE L*a*b*; one color is plain."""
    match = _COLORS.fullmatch(text)
    assert match is not None
    first = _color(match[1])
    last = first if match[2] is None else _color(match[2])
    ends = np.asarray(cv2.cvtColor(np.stack([first, last])[None], cv2.COLOR_RGB2Lab)[0], np.float32)
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    way = ((x + y) / max(1.0, size.width + size.height - 2.0))[..., None]
    lab = ends[0] + way * (ends[1] - ends[0])
    return np.clip(np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32), 0.0, 1.0)


def _color(text: str) -> NDArray[np.float32]:
    digits = text.removeprefix("#")
    if len(digits) == 3:  # noqa: PLR2004  the short form
        digits = "".join(2 * digit for digit in digits)
    return np.array([int(digits[i : i + 2], 16) / 255.0 for i in (0, 2, 4)], np.float32)


def _image(file: Path, time: Fraction) -> RGB:
    try:
        return _still(file)
    except DreamvidError as error:
        if not file.is_file():
            raise
        try:
            return _moment(file, time)  # a video: its first frame
        except DreamvidError:
            raise error from None


def _frame(file: Path, time: Fraction) -> RGB:
    try:
        return _moment(file, time)
    except DreamvidError as error:
        try:
            picture = _still(file)
        except DreamvidError:
            raise error from None
        if time == 0:
            return picture
        raise ReadError(f"{file} is one picture, which has no frame at {float(time):g} s") from None


def _still(file: Path) -> RGB:
    from dreamvid.media.still.reader import read_still  # noqa: PLC0415  imageio loads only when media is touched

    still = read_still(file, notify=_log.warning)
    return _opaque(still.rgb, still.alpha)


def _moment(file: Path, time: Fraction) -> RGB:
    from dreamvid.media.input.source import open_source  # noqa: PLC0415  PyAV loads only when media is touched

    for frame in open_source(file, start=time, notify=_log.warning):
        return _opaque(frame.rgb, frame.alpha)
    raise ReadError(f"{file}: has no frame at {float(time):g} s")


def _opaque(picture: RGB, alpha: Alpha | None) -> RGB:
    if alpha is None:
        return picture
    return np.asarray(_BEHIND + alpha[..., None] * (picture - _BEHIND), np.float32)
