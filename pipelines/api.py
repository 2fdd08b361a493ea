"""The library's few public functions: dream an array, an image, a video, make a zoom trip or a latent walk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from dreamvid.config.preset import Preset
from dreamvid.errors import SettingsError
from dreamvid.media.remote import is_url
from dreamvid.pipelines.arrays import as_picture
from dreamvid.pipelines.build import build_dreamer, choose_channels
from dreamvid.pipelines.compositing import make_compositor
from dreamvid.pipelines.masks import open_masks
from dreamvid.pipelines.octave_limit import limit_octaves
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.output_path import ends_in_slash
from dreamvid.pipelines.plan.devices import first_device, parse_devices
from dreamvid.pipelines.progress import NullProgress, Progress
from dreamvid.types import Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dreamvid.objective import Objective
    from dreamvid.pipelines.result import RunResult
    from dreamvid.types import Dreamer

PresetLike = Preset | Mapping[str, Any] | None
Picture = TypeVar("Picture", "NDArray[np.uint8]", "NDArray[np.float32]")


def load_dreamer(
    preset: PresetLike = None, *, objective: Objective | str | None = None, device: str = "auto"
) -> Dreamer:
    """Return a dreamer that can be used for many pictures; loading takes a second or two.

    Parameters
    ----------
    preset
        A :class:`~dreamvid.Preset`, nested values for one (``{"model": "vgg16", "octaves": 3}``), or None. Its
        ``octaves.largest``, which depends on the size of a picture, is left out.
    objective
        Overrules the preset's; a text or a sum of terms, guide images as arrays included.
    device
        ``auto``, ``cpu``, ``gpu`` or ``gpu:N``.

    Raises
    ------
    DreamvidError
        In one line: an unknown model, layer, channel or class, or weights that do not fit.
    """
    settings, goal = _settle(preset, objective)
    built = build_dreamer(settings, RunOptions(device=device), objective=goal, still=True)
    return built.dreamer


@overload
def dream(
    image: Picture,
    preset: PresetLike = ...,
    *,
    objective: Objective | str | None = ...,
    dreamer: Dreamer | None = ...,
) -> Picture: ...
@overload
def dream(
    image: object,
    preset: PresetLike = ...,
    *,
    objective: Objective | str | None = ...,
    dreamer: Dreamer | None = ...,
) -> NDArray[Any]: ...
def dream(
    image: object,
    preset: PresetLike = None,
    *,
    objective: Objective | str | None = None,
    dreamer: Dreamer | None = None,
) -> NDArray[Any]:
    """Return the dream of one picture as an array ``[H, W, 3]`` of the picture's dtype, ``[H, W, 4]`` with its alpha.

    Parameters
    ----------
    image
        An array, a tensor, a nested list or anything else that NumPy takes as an array; sRGB-encoded. The shape is
        ``[H, W, 3]``; ``[H, W, 4]`` with straight alpha, which is not changed; ``[H, W]`` or ``[H, W, 1]`` for gray.
        Floats lie in [0, 1], uint16 in 0..65535, other integers in 0..255. Or a Pillow image of any mode, which
        counts as uint8, in 16-bit modes as uint16, in mode F as float32; its orientation tag and color profile are
        not applied (:func:`dream_image` applies them).
    preset, objective
        As for :func:`load_dreamer`.
    dreamer
        One that is already loaded; its own objective then holds.

    Raises
    ------
    SettingsError
        Where the image is no such picture, both a dreamer and an objective are given, or it should be masked by
        motion.
    """
    picture = as_picture(image)
    if dreamer is not None and objective is not None:
        raise SettingsError("a dreamer has its objective already; give one of the two")
    settings, goal = _settle(preset, objective)
    rgb = picture.rgb
    size = Size(*rgb.shape[:2])
    if dreamer is None:
        (settings,) = limit_octaves([settings], size)
    finish = make_compositor(settings, size)
    masks = open_masks(settings, rate=None)
    if dreamer is None:
        if goal is not None:
            settings = settings.model_copy(update={"objective": goal})
        dreamer = load_dreamer(choose_channels(settings, RunOptions(), rgb))
    prepared = finish.prepare(rgb)
    mask = None if masks is None else masks.of_still(rgb)
    return picture.restore(finish.apply(rgb, prepared, dreamer.dream(prepared), mask))


def dream_video(
    source: str | Path,
    output: str | Path | None = None,
    preset: PresetLike = None,
    *,
    overwrite: bool = False,
    device: str = "auto",
    devices: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Dream a whole video file, animation or folder of pictures; see ``dreamvid video --help``.

    Parameters
    ----------
    source, output
        Files, or texts that are URLs, such as ``s3://bucket/film.mov``. Without an output, ``<name>.dream<suffix>``
        is written beside the source; a text that ends in a slash is a folder of PNGs.
    device
        ``auto``, ``cpu``, ``gpu`` or ``gpu:N``.
    devices
        Devices that share the video, a process each: ``all`` GPUs, some (``gpu:0,gpu:1``), or processes on the CPU
        (``cpu:2``). None is one, ``device``.
    progress
        Receives the events of the run.

    Raises
    ------
    DreamvidError
        In one line; the source is untouched and nothing half-written is left.
    """
    from dreamvid.pipelines.video import dream_file  # noqa: PLC0415  PyAV loads only when media is touched

    settings, _ = _settle(preset, None)
    target = None if output is None else Path(output)
    options = _options(output, device, progress, overwrite=overwrite)
    if devices is not None:
        if device != "auto":
            raise SettingsError("name a device or devices, not both")
        shared = parse_devices(devices)
        options = replace(options, device=first_device(shared), devices=shared)
    if is_url(source) or is_url(output):
        from dreamvid.pipelines.remote_video import dream_url  # noqa: PLC0415  the same

        return dream_url(str(source), None if output is None else str(output), settings, options)
    return dream_file(Path(source), target, settings, options)


def dream_image(
    source: str | Path,
    output: str | Path | None = None,
    preset: PresetLike = None,
    *,
    overwrite: bool = False,
    device: str = "auto",
) -> RunResult:
    """Dream a still image file; ``output`` None writes ``<name>.dream.png`` beside it.

    Raises
    ------
    DreamvidError
        In one line; the source is untouched and nothing half-written is left.
    """
    from dreamvid.pipelines.image import dream_images  # noqa: PLC0415  imageio loads only when media is touched

    settings, _ = _settle(preset, None)
    target = None if output is None else Path(output)
    options = _options(output, device, None, overwrite=overwrite)
    return next(dream_images([Path(source)], target, settings, options))


def zoom_trip(
    start: str | Path | None = None,
    output: str | Path | None = None,
    preset: PresetLike = None,
    *,
    overwrite: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> RunResult:
    """Make a zoom trip; see ``dreamvid zoom --help``.

    Parameters
    ----------
    start
        What it starts from: an image file, ``noise``, a color (``#204060``), a gradient (``#204060-#ff8800``) or a
        frame of a video (``clip.mp4@12.5s``); None is what the preset says.
    output
        None writes ``<name>.dream.mp4`` beside the image, ``trip.dream.mp4`` here where there is none; a text that
        ends in a slash is a folder of PNGs.
    preset
        A :class:`~dreamvid.Preset`, or nested values for one:
        ``{"camera": {"zoom": 1.2}, "trip": {"duration": 60, "loop": True}}``.
    progress
        Receives the events of the run.

    Raises
    ------
    DreamvidError
        In one line; nothing half-written is left.
    """
    from dreamvid.pipelines.zoom.run import run_zoom  # noqa: PLC0415  PyAV loads only when media is touched

    settings, _ = _settle(preset, None)
    changes = {} if start is None else {"trip.start": str(start)}
    return run_zoom(
        None if output is None else Path(output),
        settings.override({"pipeline": "zoom", **changes}),
        _options(output, device, progress, overwrite=overwrite),
    )


def latent_walk(
    generator: str | Path,
    output: str | Path | None = None,
    preset: PresetLike = None,
    *,
    overwrite: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> RunResult:
    """Walk through the pictures of a generator; see ``dreamvid gan walk --help``.

    Parameters
    ----------
    generator
        A ``.gan`` file, or a Keras generator in a ``.keras`` or ``.h5`` file.
    output
        None writes ``<name>.walk.mp4`` beside the generator; a text that ends in a slash is a folder of PNGs.
    preset
        A :class:`~dreamvid.Preset`, or nested values for one:
        ``{"walk": {"seeds": [3, 17, 8], "duration": 30, "dream": True}}``.
    progress
        Receives the events of the run.

    Raises
    ------
    DreamvidError
        In one line; nothing half-written is left.
    """
    from dreamvid.pipelines.walk.run import run_walk  # noqa: PLC0415  PyAV loads only when media is touched

    settings, _ = _settle(preset, None)
    return run_walk(
        None if output is None else Path(output),
        settings.override({"pipeline": "walk", "walk.generator": str(generator)}),
        _options(output, device, progress, overwrite=overwrite),
    )


def _options(
    output: str | Path | None, device: str, progress: Progress | None, *, overwrite: bool
) -> RunOptions:
    return RunOptions(
        device=device,
        confirm_overwrite=lambda _: overwrite,
        output_is_folder=ends_in_slash(output),
        progress=progress or NullProgress(),
    )


def _settle(preset: PresetLike, objective: Objective | str | None) -> tuple[Preset, Objective | None]:
    settings = preset if isinstance(preset, Preset) else Preset.build(preset or {})
    if isinstance(objective, str):
        return settings.override({"objective": objective}), None
    return settings, objective
