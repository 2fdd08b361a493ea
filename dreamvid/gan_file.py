"""Read and write ``.gan`` files: a trained generator, its discriminator, and what the training needs to go on.

A ``.gan`` is one zip file of the members named below. Reading it needs no TensorFlow.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreamvid.atomic import AtomicOutput
from dreamvid.errors import ModelError
from dreamvid.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

SUFFIX = ".gan"

SETTINGS = "settings.json"
GENERATOR = "generator.keras"
"""The exponential moving average of the generator: frames come from this one."""
DISCRIMINATOR = "discriminator.keras"
TRAINING = "training.npz"
"""All variables of the training, as NumPy arrays by name."""
LOG = "log.csv"
MEMBERS = (SETTINGS, GENERATOR, DISCRIMINATOR, TRAINING, LOG)

_FORMAT = 1
_GRAY, _COLOR = 1, 3
_MAX_LATENT_SIZE, _MAX_MAPPING = 4096, 64
_MAX_BYTES = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What zipfile raises for damaged files.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class GanSettings:
    """What a ``.gan`` says of itself.

    Attributes
    ----------
    size
        Side of the pictures, in px.
    channels
        1 for gray pictures, 3 for RGB.
    latent_size
        Numbers in a latent vector, which are standard normal.
    width
        Channels of the layers next to the picture, which double with each layer towards the middle.
    mapping
        Hidden layers between the latent vector and the first map; trainings begun by earlier versions have none.
    batch
        Pictures of each kind, real and generated, in a step.
    seed
        Seed of the weights and of all random numbers of the training.
    source
        Base name of what the pictures are from, or ``digits``.
    fingerprint
        Of the pictures, as they were trained on.
    pictures, different
        How many pictures there were, and how many without near-duplicates.
    steps, pictures_seen, seconds
        How long it was trained: steps, real pictures, and time.
    input_range
        The range of pixels that the generator gives and the discriminator takes.
    version
        Of dreamvid, which wrote it.
    """

    size: int
    channels: int
    latent_size: int
    width: int
    batch: int
    seed: int
    source: str
    fingerprint: str
    pictures: int
    different: int
    mapping: int = 0
    steps: int = 0
    pictures_seen: int = 0
    seconds: float = 0.0
    input_range: tuple[float, float] = (-1.0, 1.0)
    version: str = ""


@dataclass(frozen=True, slots=True)
class GanFile:
    """A ``.gan`` file whose settings were read; the other members are read as they are asked for."""

    path: Path
    settings: GanSettings

    def read(self, member: str) -> bytes:
        """Return the content of a member, checked against its checksum.

        Raises
        ------
        ModelError
            In one line, where the file is damaged or gone.
        """
        return _read_member(self.path, member)

    @contextmanager
    def extract(self, member: str) -> Iterator[Path]:
        """Write a member into a temporary file with its suffix, for libraries that read files by name.

        Raises
        ------
        ModelError
            As :meth:`read`.
        """
        data = self.read(member)
        with tempfile.TemporaryDirectory(prefix="dreamvid-") as folder:
            path = Path(folder) / member
            path.write_bytes(data)
            yield path

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the variables of the training by name; raises ``ModelError`` as :meth:`read`."""
        try:
            with np.load(io.BytesIO(self.read(TRAINING)), allow_pickle=False) as packed:
                return {name: packed[name] for name in packed.files}
        except (*_BROKEN, OSError) as error:
            raise _damaged(self.path, error) from error


def open_gan(path: Path) -> GanFile:
    """Open a ``.gan`` and read its settings.

    Raises
    ------
    ModelError
        In one line, for what is missing, damaged, of a later version, or no ``.gan``.
    """
    name = printable(path)
    try:
        with zipfile.ZipFile(path) as archive:
            missing = sorted(set(MEMBERS) - set(archive.namelist()))
    except FileNotFoundError:
        raise ModelError(f"no such file: {name}") from None
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror or error})") from None
    except _BROKEN:
        raise ModelError(f"{name}: is damaged or no .gan file, which 'dreamvid gan train' makes") from None
    if missing:
        raise ModelError(f"{name}: is no .gan file (it has no {missing[0]})")
    return GanFile(path, _settings(path, _read_member(path, SETTINGS)))


def write_gan(path: Path, settings: GanSettings, members: Mapping[str, bytes]) -> None:
    """Write a ``.gan``, which replaces the one before when it is whole.

    ``members`` are all but the settings.

    Raises
    ------
    WriteError
        Where it cannot be written; the file before stays.
    """
    contents = {SETTINGS: json.dumps({"format": _FORMAT, **asdict(settings)}, indent=1).encode(), **members}
    assert set(contents) == set(MEMBERS)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in MEMBERS:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), contents[name])
    AtomicOutput(path, overwrite=True).write(buffer.getvalue())


def latent_vectors(seeds: Iterable[int], latent_size: int) -> NDArray[np.float32]:
    """Return the latent vector of each seed, ``[N, latent_size]``, standard normal.

    A seed of the preview sheet is the same picture in every command.
    """
    vectors = [np.random.default_rng(seed).standard_normal(latent_size, np.float32) for seed in seeds]
    return np.stack(vectors)


def _read_member(path: Path, member: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(member).file_size > _MAX_BYTES:
                raise ModelError(f"{printable(path)}: is damaged or no .gan file ({member} is too large)")
            return archive.read(member)
    except (*_BROKEN, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ModelError(f"{printable(path)}: is damaged ({reason})")


def _settings(path: Path, text: bytes) -> GanSettings:
    """Return the settings of a file, checked: what they say sizes memory."""
    name = printable(path)
    try:
        values = json.loads(text)
        written = values["format"]
        known = {field.name for field in fields(GanSettings)}
        low, high = values["input_range"]
        settings = GanSettings(
            **{key: value for key, value in values.items() if key in known} | {"input_range": (low, high)}
        )
        whole = [settings.size, settings.channels, settings.latent_size, settings.width, settings.batch]
        whole += [settings.seed, settings.pictures, settings.different, settings.steps, settings.mapping]
        valid = (
            all(type(number) is int and number >= 0 for number in whole)
            and settings.channels in {_GRAY, _COLOR}
            and 0 < settings.latent_size <= _MAX_LATENT_SIZE
            and settings.mapping <= _MAX_MAPPING
            and math.isfinite(low)
            and low < high < math.inf
        )
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError):
        raise ModelError(f"{name}: is damaged or no .gan file (its settings cannot be read)") from None
    if written != _FORMAT:
        raise ModelError(f"{name}: was written by a later version of dreamvid; install that version")
    if not valid:
        raise ModelError(f"{name}: is damaged or no .gan file (its settings are not possible)")
    return settings
