"""Dream a video that a URL names, or whose output does: copy it here, dream it as any other, send the output."""

from __future__ import annotations

import platform
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dreamvid.atomic import write_error
from dreamvid.checkpoint.layout import SUFFIX, work_folder
from dreamvid.config.fields import rename_files
from dreamvid.config.preset import Preset
from dreamvid.config.settings import FRAME_NAME
from dreamvid.errors import DreamvidError, SettingsError, WriteError
from dreamvid.media.remote import RemoteLock, check_url, delete_folder, facts_of, is_url, send
from dreamvid.pipelines.build import build_dreamer
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan.cache import WORK, cache_folder, film_of, held
from dreamvid.pipelines.plan.remote import FILES, RemoteWork
from dreamvid.pipelines.provenance import plain_settings
from dreamvid.pipelines.registry import PIPELINES
from dreamvid.pipelines.video import dream_file
from dreamvid.text import printable

if TYPE_CHECKING:
    from dreamvid.pipelines.result import RunResult
    from dreamvid.pipelines.scenes import BuildDreamer

_LOCK = "lock.txt"


def dream_url(
    source: str,
    output: str | None,
    preset: Preset,
    options: RunOptions = RunOptions(),
    *,
    build: BuildDreamer = build_dreamer,
) -> RunResult:
    """Dream a video where one of the names is a URL; go on where an earlier run was cut off.

    With ``options.cluster``, both are URLs, and whole parts are kept beside the output until that is there, so that
    the same call goes on with them on whatever machine. Otherwise what is not finished is kept on this machine.

    Parameters
    ----------
    source
        A video or an animation.
    output
        None is ``<name>.dream<suffix>`` beside the source.
    build
        As for :func:`dreamvid.pipelines.video.dream_file`.

    Raises
    ------
    SettingsError
        For a URL that holds a password or names no file, and where a package is missing.
    BusyError
        Where another run makes this output.
    DreamvidError
        As for :func:`dreamvid.pipelines.video.dream_file`, and where something cannot be copied.
    """
    if options.cluster and not (is_url(source) and (output is None or is_url(output))):
        raise SettingsError(
            "--cluster: input and output must both be URLs, or both be files that all machines share"
        )
    for url in filter(is_url, (source, output)):
        check_url(str(url))
    if output is not None and not is_url(output):
        return dream_file(film_of(source), Path(output), preset, options, build=build)
    if output is not None:
        _check_output(source, output, options)
    film = film_of(source) if is_url(source) else Path(source)
    if output is None:
        name = PIPELINES["video"].default_output(film, preset).name
        output = f"{source.rpartition('/')[0]}/{name}"
        _check_output(source, output, options)
    work = RemoteWork(output + SUFFIX, source)
    entry = cache_folder(WORK, output)
    try:
        with held(entry, wait=False), RemoteLock(f"{work.url}/{_LOCK}", f"{platform.node()}:{entry}"):
            return _dream(film, entry / check_url(output), work, preset, options, build=build)
    finally:
        delete_folder(work.url)


def _check_output(source: str, output: str, options: RunOptions) -> None:
    """Raise a ``WriteError`` where an output is the input, or there already and to be kept."""
    if output == source:
        raise WriteError(f"{printable(output)}: input and output are the same; name another output")
    name = check_url(output)
    if FRAME_NAME.fullmatch(name) or not Path(name).suffix:
        raise WriteError(f"{printable(output)}: a folder of pictures is not sent; name a file")
    if facts_of(output) is not None and not options.confirm_overwrite(output):
        raise WriteError(f"{printable(output)} exists; use --yes to replace it")


def _dream(
    film: Path, local: Path, work: RemoteWork, preset: Preset, options: RunOptions, *, build: BuildDreamer
) -> RunResult:
    """Dream a film that is here, and send its output, which is written to ``local`` first."""
    output = work.url.removesuffix(SUFFIX)
    if options.fresh:
        work.remove()
    if options.cluster:
        work.fetch_begun(work_folder(local))
        preset = _with_files_in(local.with_name(FILES), preset)
    inner = replace(
        options,
        confirm_overwrite=lambda _: True,
        keep_work=True,  # until the output is sent
        remote=work if options.cluster else None,
    )
    try:
        result = dream_file(film, local, preset, inner, build=build)
        send(local, output)
    except BaseException:
        with suppress(DreamvidError):
            if not work.parts():
                work.remove()
        raise
    result = replace(result, url=output, bytes=local.stat().st_size)
    if not options.keep_work:
        work.remove()
        shutil.rmtree(local.parent, ignore_errors=True)
    return result


def _with_files_in(folder: Path, preset: Preset) -> Preset:
    """Return a preset whose files, such as masks and guide images, are copied into a folder that goes with a plan."""
    shutil.rmtree(folder, ignore_errors=True)
    copies: dict[str, Path] = {}

    def copied(name: str, _: object) -> str:
        file = Path(name)
        if not file.exists():  # whoever opens it says so
            return name
        if name not in copies:
            copies[name] = folder / str(len(copies)) / file.name
            copies[name].parent.mkdir(parents=True)
            (shutil.copytree if file.is_dir() else shutil.copyfile)(file, copies[name])
        return str(copies[name])

    try:
        return Preset.build(rename_files(plain_settings(preset), copied, Preset))
    except OSError as error:
        raise write_error(folder, error) from None
