"""Find the first frame of each shot while frames stream by.

Three questions, each asked of frames shrunk to 96 px:

1. **Does much change?** PySceneDetect's ``ContentDetector`` compares hue, saturation and value of neighbors. Its
   threshold is 12 of 255, less than half of its default: a false candidate costs only 2 ms.
2. **Does the picture go on?** Optical flow warps the previous frame onto this one; tone is equalized first. Where
   the two then agree in their details, the shot goes on, however fast it moves, brightens, fades or dissolves. A
   dream can be carried along the flow exactly as long as there is one.
3. **Is it a flash?** Up to three white, black, overexposed or dimmed frames after which the same picture goes on are
   no cut. Beside blank frames, where there is no detail to compare, PySceneDetect's ``AdaptiveDetector`` tells a hard
   cut, which stands out among its neighbors, from a step of a fade.

Neither detector alone would do. On 659 synthetic edits with 312 cuts (three real clips, photographs, textures and
landscapes in shots of 3 to 24 frames that stand, pan, zoom or shake, with flashes, fades and dissolves) these
questions find 99 % of the cuts. False ones remain where frames shake by a tenth of their width, and above all where a
bird that fills the frame moves at 2 frames a second: flow fails there too. On the part without flashes,
``AdaptiveDetector`` alone found at most 91 % and raised more false alarms than there were cuts: saturation jumps
where a fade nears black, and neighbors that move hide a cut.
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from dreamvid.flow.optical_flow import DenseInverseSearch
from dreamvid.flow.warp import warp_linear
from dreamvid.image.resize import resize
from dreamvid.types import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dreamvid.types import RGB

T = TypeVar("T")

LOOK_AHEAD = 3
"""Frames after a frame that are seen before it is passed on; also the longest flash."""
CONTEXT = LOOK_AHEAD + 1
"""Frames before a frame that its answer depends on: start so many earlier, and the answer is the same."""

_LONGEST_SIDE, _SHORTEST_SIDE = 96, 32
# Mean change of hue, saturation and value, of 255, that makes a frame a candidate.
_CONTENT_THRESHOLD = 12.0
# Local correlation after motion from which on two frames show the same. Of 128 cuts in synthetic edits none had more
# than 0.50; of 567 large changes within shots none had less than 0.58.
_SAME_PICTURE = 0.53
# Standard deviation of luma below which a frame is blank.
_BLANK = 0.015
# Mean luma from which on, and up to which, a frame may be a flash.
_BRIGHT, _DARK = 0.7, 0.12
# Scores on either side that the AdaptiveDetector compares with one.
_WINDOW = 2


def mark_cuts(
    items: Iterable[T], rgb: Callable[[T], RGB], *, detect: bool = True
) -> Iterator[tuple[T, bool]]:
    """Yield each item with whether it begins a new shot; the first one always does.

    Parameters
    ----------
    items
        Anything that holds frames, in order; all frames of one size.
    rgb
        Returns an item's picture, ``[H, W, 3]`` float32 in [0, 1]. Called once an item.
    detect
        If False, only the first begins a shot, and no item is held back.

    At most ``LOOK_AHEAD`` items are held back, however long the video. Errors of ``items`` pass through at once.
    """
    if not detect:
        for index, item in enumerate(items):
            yield item, index == 0
        return
    pending: deque[T] = deque()
    detector = _ShotDetector()
    for item in items:
        pending.append(item)
        detector.add(rgb(item))
        if len(pending) > LOOK_AHEAD:
            yield pending.popleft(), detector.next_is_cut()
    detector.finish()
    while pending:
        yield pending.popleft(), detector.next_is_cut()


@dataclass(frozen=True, slots=True, eq=False)
class _SmallFrame:
    """A frame's luma ``[h, w]`` in [0, 1], 32 to 96 px long, and whether it differs much from the previous frame."""

    index: int
    luma: NDArray[np.float32]
    changed: bool

    @property
    def blank(self) -> bool:
        return float(self.luma.std()) < _BLANK


class _ShotDetector:
    """The last few frames, and the oldest of them that has no answer yet."""

    def __init__(self) -> None:
        with _without_moviepy():
            from scenedetect import FrameTimecode  # noqa: PLC0415  takes half a second; only where cuts are sought
            from scenedetect.detectors import AdaptiveDetector, ContentDetector  # noqa: PLC0415  the same
        self._timecode = FrameTimecode
        self._content = ContentDetector(threshold=_CONTENT_THRESHOLD, min_scene_len=0)
        self._adaptive = AdaptiveDetector(
            min_scene_len=0, window_width=_WINDOW, min_content_val=4.0, luma_only=True
        )
        self._frames: deque[_SmallFrame] = deque()
        self._hard_cuts: deque[int] = deque(maxlen=2 * CONTEXT)
        self._fed = 0  # frames given to the AdaptiveDetector, padding included
        self._added = self._answered = 0
        self._last: NDArray[np.uint8] | None = None

    def add(self, picture: RGB) -> None:
        """Take the next frame."""
        small = _shrink(picture)
        bgr = np.ascontiguousarray(np.round(small[..., ::-1] * 255.0), np.uint8)
        # The first and the last frame are repeated, so that their neighbors have a full window.
        for _ in range(1 if self._added else 1 + _WINDOW):
            self._feed_adaptive(bgr)
        changed = bool(self._content.process_frame(self._timecode(self._fed, 24.0), bgr))
        # OpenCV's gray has the weights of BT.601; those of BT.709 might move a cut.
        self._frames.append(_SmallFrame(self._added, cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), changed))
        self._added += 1
        self._last = bgr

    def finish(self) -> None:
        """Take the end of the video."""
        if self._last is not None:
            for _ in range(_WINDOW):
                self._feed_adaptive(self._last)

    def next_is_cut(self) -> bool:
        """Return whether the oldest frame without an answer begins a shot."""
        before = [frame for frame in self._frames if frame.index < self._answered]
        after = [frame for frame in self._frames if frame.index >= self._answered][: LOOK_AHEAD + 1]
        cut = not before or (after[0].changed and _is_cut(before, after, self._hard_cuts))
        self._answered += 1
        while self._frames[0].index < self._answered - CONTEXT:
            self._frames.popleft()
        return cut

    def _feed_adaptive(self, bgr: NDArray[np.uint8]) -> None:
        cuts = self._adaptive.process_frame(self._timecode(self._fed, 24.0), bgr)
        self._hard_cuts.extend(timecode.frame_num - _WINDOW for timecode in cuts)
        self._fed += 1


@contextmanager
def _without_moviepy() -> Iterator[None]:
    """Import PySceneDetect without moviepy."""
    # One of its readers imports moviepy where that is installed, which reads `.env` files and runs programs that they
    # name. An entry of None makes the import fail, and PySceneDetect does without.
    name = "moviepy.video.io.ffmpeg_reader"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # documented by Python for this purpose
    try:
        yield
    finally:
        del sys.modules[name]


def _is_cut(before: Sequence[_SmallFrame], after: Sequence[_SmallFrame], hard_cuts: Iterable[int]) -> bool:
    """Judge a change between the last of ``before`` and the first of ``after``."""
    last, current = before[-1], after[0]
    if current.blank:
        # A flash is judged when it is over.
        return not last.blank and current.index in hard_cuts and all(frame.blank for frame in after)
    if last.blank:
        blank_starts = [
            frame.index for previous, frame in pairwise(before) if frame.blank and not previous.blank
        ]
        if not any(index in hard_cuts for index in (current.index, *blank_starts)):
            return False  # a step of a fade
    elif _similarity(last, current) >= _SAME_PICTURE:
        return False
    return not _is_flash(before, after)


def _is_flash(before: Sequence[_SmallFrame], after: Sequence[_SmallFrame]) -> bool:
    """Return whether a picture of ``before`` goes on in ``after``, with nothing between the two but a flash."""
    frames = [*before, *after]
    for start, end in product(range(len(before)), range(len(before), len(frames))):
        picture, between, resumed = frames[start], frames[start + 1 : end], frames[end]
        if (
            0 < len(between) <= LOOK_AHEAD
            and not (picture.blank or resumed.blank)
            and all(frame.blank or _is_washed_out(frame, picture) for frame in between)
            and _similarity(picture, resumed) >= _SAME_PICTURE
        ):
            return True
    return False


def _is_washed_out(frame: _SmallFrame, picture: _SmallFrame) -> bool:
    """Return whether light was added everywhere, or removed everywhere."""
    change = resize(frame.luma - picture.luma, Size(4, 4))
    mean = float(frame.luma.mean())
    return bool((mean >= _BRIGHT and (change > 0).all()) or (mean <= _DARK and (change < 0).all()))


def _similarity(earlier: _SmallFrame, later: _SmallFrame) -> float:
    """Return how well two frames agree in their details after motion and change of tone, -1 to 1.

    The correlation within windows of 9 x 9 px, pooled: sums of covariances over sums of deviations' products.
    """
    source, target = _equalize(earlier.luma), _equalize(later.luma)
    flow = DenseInverseSearch("medium", _LONGEST_SIDE).estimate(_to_rgb(target), _to_rgb(source))
    warped = warp_linear(source, flow)

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(values, (9, 9)), np.float32)

    warped_mean, target_mean = mean(warped), mean(target)
    covariance = mean(warped * target) - warped_mean * target_mean
    warped_variance = mean(warped * warped) - warped_mean**2
    target_variance = mean(target * target) - target_mean**2
    deviations = np.sqrt(np.maximum(warped_variance, 0.0) * np.maximum(target_variance, 0.0))
    return float(covariance.sum() / max(float(deviations.sum()), 1e-9))


def _equalize(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = float(luma.min()), float(luma.max())
    levels = np.round((luma - low) * (255.0 / max(high - low, 1e-6)))
    return np.asarray(cv2.equalizeHist(levels.astype(np.uint8)), np.float32) / np.float32(255.0)


def _to_rgb(luma: NDArray[np.float32]) -> RGB:
    return np.repeat(luma[..., None], 3, axis=-1)


def _shrink(picture: RGB) -> RGB:
    height, width = picture.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    size = Size(max(_SHORTEST_SIDE, round(height * scale)), max(_SHORTEST_SIDE, round(width * scale)))
    small: RGB = np.clip(np.nan_to_num(resize(picture, size)), 0.0, 1.0)
    return small
