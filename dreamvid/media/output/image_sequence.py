"""Write a folder of PNGs with ``frames.json``: exact times, the source of the sound, and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from dreamvid.atomic import write_error, write_new
from dreamvid.errors import WriteError
from dreamvid.media.input.image_sequence import FRAME_LIST_NAME, FrameEntry, FrameList
from dreamvid.media.output.frame_converter import FrameConverter
from dreamvid.media.still.writer import encode_png

if TYPE_CHECKING:
    from types import TracebackType

    from dreamvid.media.streams.output_spec import OutputSpec
    from dreamvid.types import Frame


class FolderWriter:
    """A :class:`dreamvid.types.FrameWriter` of PNGs; ``sound`` is the base name of the file the sound is in."""

    def __init__(self, spec: OutputSpec, sound: str | None) -> None:
        self._spec = spec
        self._sound = sound
        self._converter = FrameConverter(spec.info.size, spec.choice)
        self._entries: list[FrameEntry] = []

    def __enter__(self) -> Self:
        """Make the part folder.

        Raises
        ------
        WriteError
            Where it cannot be made.
        """
        self._spec.target.make_folder()
        return self

    def write(self, frame: Frame) -> None:
        """Write one picture.

        Raises
        ------
        WriteError
            For a time that does not grow, another size, or a full disk.
        """
        if self._entries and frame.pts <= self._entries[-1].pts:
            before = float(self._entries[-1].pts)
            raise WriteError(
                f"frame times must grow, but {float(frame.pts):.6f} s comes after {before:.6f} s"
            )
        name = self._spec.frame_name % (self._spec.first_number + len(self._entries))
        data = encode_png(self._converter.frame(frame).to_ndarray(), {})
        try:
            write_new(self._spec.target.part / name, data)
        except OSError as error:
            raise write_error(self._spec.target.path, error) from None
        self._entries.append(FrameEntry(name, frame.pts, frame.duration))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the list, verify and rename; after an error, remove what was written."""
        try:
            if kind is None:
                self._finish()
        finally:
            self._spec.target.discard()

    def _finish(self) -> None:
        spec = self._spec
        if not self._entries:
            raise WriteError(f"{spec.target.name}: there was no frame to write")
        last = self._entries[-1]
        if last.duration is None:
            self._entries[-1] = FrameEntry(last.file, last.pts, 1 / spec.info.rate)
        listed = FrameList(
            rate=spec.info.rate,
            frames=tuple(self._entries),
            sar=spec.info.sar,
            variable_rate=spec.info.variable_rate,
            sound=self._sound,
            metadata=spec.metadata,
        )
        try:
            write_new(spec.target.part / FRAME_LIST_NAME, listed.to_json().encode("utf-8", "replace"))
            written = {entry.name for entry in spec.target.part.iterdir() if entry.stat().st_size}
        except OSError as error:
            raise write_error(spec.target.path, error) from None
        if written != {entry.file for entry in self._entries} | {FRAME_LIST_NAME}:
            raise WriteError(f"{spec.target.name}: the written folder did not verify; nothing was kept")
        spec.target.commit()
