"""Where an atlas goes: a folder, a page in one file or a contact sheet, which appears when it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dreamvid._version import __version__
from dreamvid.atomic import AtomicOutput, write_error
from dreamvid.config.fields import named_files
from dreamvid.errors import SettingsError, WriteError
from dreamvid.pipelines.atlas.page import DATA, INDEX, TILES, page_files, single_page
from dreamvid.pipelines.atlas.sheet import draw_sheet
from dreamvid.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dreamvid.pipelines.atlas.data import Atlas
    from dreamvid.pipelines.atlas.request import AtlasRequest
    from dreamvid.pipelines.options import RunOptions

SHEET = "contact-sheet.png"

Form = Literal["folder", "page", "sheet"]


def default_output(request: AtlasRequest) -> Path:
    """Return the folder of an atlas where none is named."""
    is_file = "model" in dict(named_files(request.model))
    network = Path(request.model.name).stem if is_file else request.model.name
    if request.image is None:
        return Path(f"{network}.atlas")
    return request.image.with_name(f"{request.image.stem}.{network}.atlas")


def output_form(output: Path, *, folder: bool = False) -> Form:
    """Return what is written, by the name of the output.

    Raises
    ------
    SettingsError
        For another suffix than those of a page and a sheet, where no such folder exists.
    """
    suffix = output.suffix.lower()
    if folder or output.is_dir() or suffix in {"", ".atlas"}:
        return "folder"
    if suffix in {".html", ".htm"}:
        return "page"
    if suffix == ".png":
        return "sheet"
    raise SettingsError(
        f"--output {printable(output)}: an atlas is a folder (name/), a page in one file (.html) or a contact sheet "
        "(.png)"
    )


def check_target(output: Path, form: Form, request: AtlasRequest, options: RunOptions) -> bool:
    """Return whether there is an output that is to be replaced.

    Raises
    ------
    WriteError
        Where it may not be replaced, or the output cannot be written.
    """
    _target(output, form, request, replaces=True)
    if output.exists() and not options.confirm_overwrite(output):
        raise WriteError(f"{printable(output)} exists; use --yes to replace it")
    return output.exists()


def write_atlas(atlas: Atlas, output: Path, form: Form, request: AtlasRequest, *, replaces: bool) -> None:
    """Write the output, which appears when it is whole."""
    target = _target(output, form, request, replaces=replaces)
    if form == "page":
        target.write(single_page(atlas))
        return
    sheet = _png(draw_sheet(atlas, request.columns))
    if form == "sheet":
        target.write(sheet)
        return
    files = [(SHEET, sheet), *page_files(atlas)]
    target.make_folder()
    try:
        for name, data in files:
            path = target.part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        target.discard()
        raise write_error(output, error) from None
    except BaseException:
        target.discard()
        raise
    target.commit()


def _target(output: Path, form: Form, request: AtlasRequest, *, replaces: bool) -> AtomicOutput:
    if form == "folder" and output.is_dir() and not _is_atlas(output):
        raise WriteError(f"{printable(output)} holds files that are no atlas; name another folder")
    inputs = [path for path in (request.image, request.examples) if path is not None]
    return AtomicOutput(
        output,
        inputs=inputs,
        overwrite=replaces,
        is_replaceable_folder=_is_atlas if form == "folder" else None,
    )


def _is_atlas(folder: Path) -> bool:
    """Return whether a folder is empty, or holds an atlas and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return not names or (DATA in names and names <= {INDEX, DATA, TILES, SHEET})


def _png(codes: NDArray[np.uint8]) -> bytes:
    from dreamvid.media.still.writer import encode_png  # noqa: PLC0415  loads imageio

    return encode_png(codes, {"Software": f"dreamvid {__version__}"})
