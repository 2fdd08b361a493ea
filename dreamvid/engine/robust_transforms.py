"""Random shifts, scalings and rotations before each gradient step (Olah et al. 2017, "transformation robustness").

A picture that still excites its unit when it is moved a little holds forms instead of fine noise. Shift, scaling and
rotation are one affine map, so that the picture is sampled only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.engine.runtime import tf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dreamvid.config.visualization import VisualizationSettings
    from dreamvid.types import Size

_GRAY = 0.5


def random_views(
    settings: VisualizationSettings, view: Size, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a random view of a picture for each step: ``[steps, 8]``, for :func:`transform`.

    Rows are ``(a, b, c, d, e, f, 0, 0)``: the view shows at (x, y) what the picture has at
    (a x + b y + c, d x + e y + f).
    """
    steps = settings.steps
    scale = generator.uniform(1.0 - settings.scaling, 1.0 + settings.scaling, steps)
    angle = np.deg2rad(generator.uniform(-settings.rotation, settings.rotation, steps))
    shift = generator.uniform(-settings.jitter, settings.jitter, (2, steps))
    across, down = settings.size / view.width, settings.size / view.height
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    a, b, d, e = across * cosine, -down * sine, across * sine, down * cosine
    center = (settings.size - 1) / 2
    middle_x, middle_y = (view.width - 1) / 2, (view.height - 1) / 2
    c = center + shift[0] - a * middle_x - b * middle_y
    f = center + shift[1] - d * middle_x - e * middle_y
    return np.stack([a, b, c, d, e, f, np.zeros(steps), np.zeros(steps)], axis=-1).astype(np.float32)


def transform(pictures: Any, views: Any, size: Size) -> Any:
    """Return the views ``[N, *size, C]`` of ``pictures``, ``views`` is ``[N, 8]``; beyond a picture lies gray."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=views,
        output_shape=list(size),
        fill_value=_GRAY,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
