"""Wrong calls of every command: one line that names the fault, and nothing written, left behind or replaced."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.cli.main import main
from dreamvid.config.preset import Preset
from dreamvid.config.settings import OutputSettings
from dreamvid.media.output.writer import open_writer
from dreamvid.media.still.reader import Still
from dreamvid.media.still.writer import write_still
from dreamvid.pipelines import demo
from dreamvid.pipelines.landscape import write_wind
from dreamvid.pipelines.provenance import KEY, settings_json
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK = ["--octaves", "1", "--steps", "1", "--precision", "float32", "--device", "cpu"]

RIGHT = {
    "video": ["video", "clip.mp4"],
    "image": ["image", "photo.png"],
    "zoom": ["zoom", "photo.png"],
    "render": ["render", "look.yaml", "-i", "clip.mp4"],
    "replay": ["replay", "dream.mkv"],
    "demo": ["demo", "new"],
    "measure": ["measure", "clip.mp4", "dream.mkv"],
    "models list": ["models", "list"],
    "models layers": ["models", "layers", "dreamnet"],
    "presets list": ["presets", "list"],
    "presets show": ["presets", "show", "look.yaml"],
    "presets check": ["presets", "check", "--text-only", "look.yaml"],
    "jobs": ["jobs"],
    "doctor": ["doctor"],
}
"""A call of every command, to which the wrong part is added."""

DREAMING = {"video", "image", "zoom", "render", "replay", "demo"}
LONG = "n" * 300

OPTIONS = [
    (["--nonsense"], set(), ""),
    (["--preset", "nosuch"], {"video", "image", "zoom", "demo"}, "nosuch: there is no such preset"),
    (["--preset", "x.mp4"], {"video", "image", "zoom", "demo"}, "x.mp4: there is no such preset"),
    (["--octaves", "0"], DREAMING, "--octaves (octaves.count): must be from 1 to 16, not '0'"),
    (["--width", "0"], DREAMING, "--width (output.width): must be from 16 to 16384, not '0'"),
    (["--set", "nonsense=1"], DREAMING, "nonsense: no such setting"),
    (["--set", "octaves=many"], DREAMING, "--octaves (octaves.count): must be a whole number"),
    (["--set", "octaves"], DREAMING, "PATH=VALUE"),
    (["--objective", ""], DREAMING, "objective: must not be empty"),
    (["--mask", "nosuch.png"], DREAMING - {"zoom"}, "no such file: nosuch.png"),
    (["--music", "nosuch.wav"], {"zoom"}, "no such file: nosuch.wav"),
    (["--codec", "nosuch"], DREAMING - {"image"}, "--codec (output.codec): must be auto, h264"),
    (["--start", "99"], {"video", "render", "replay", "demo", "measure"}, "--start"),
    (["--device", "abacus"], DREAMING, "--device: must be auto, cpu, gpu or gpu:N, not 'abacus'"),
    (["--threads", "0"], DREAMING, "--threads: must be a number from 1 to 1024, not '0'"),
    (["--chunk", "0"], DREAMING - {"image"}, "--chunk: must be a number of seconds"),
    (["--progress", "loud"], {*DREAMING, "measure"}, "--progress: must be auto or json, not 'loud'"),
    (["--report", "nowhere/r.json"], DREAMING, "--report nowhere/r.json: cannot be written"),
    (["--report", "clip.mp4"], DREAMING, "--report clip.mp4: is no report but something else"),
    (["--log-file", "nowhere/log"], DREAMING, "--log-file nowhere/log: No such file or directory"),
    (["--log-file", LONG], DREAMING, "File name too long"),
    (["--preview", "0"], {"video"}, "--preview: must be a number from 1 to 100, not '0'"),
]
"""Wrong options, the commands that have the option, and what they say; others do not know it."""

INPUTS = {
    "nosuch.mp4": "no such file",
    "x.mp4": "folder",
    "empty.mp4": "is empty",
    "text.mp4": "text.mp4 is ",
    LONG: "ile name too long",
}
TAKING_INPUTS = {
    "video": ["video", "{}"],
    "image": ["image", "{}"],
    "image, the second": ["image", "photo.png", "{}", "-o", "new/"],
    "zoom": ["zoom", "{}"],
    "zoom --from-video": ["zoom", "--from-video", "{}"],
    "zoom --music": ["zoom", "--music", "{}"],
    "zoom --palette": ["zoom", "--palette", "{}"],
    "render": ["render", "look.yaml", "-i", "{}"],
    "render into a folder": ["render", "still.yaml", "-i", "{}", "-o", "new/"],
    "render a trip": ["render", "trip.yaml", "-i", "{}"],
    "replay": ["replay", "{}"],
    "measure, the source": ["measure", "{}", "dream.mkv"],
    "measure, the dream": ["measure", "clip.mp4", "{}"],
}

OUTPUTS = {
    "nowhere/o.mp4": "the folder nowhere does not exist",
    "text/o.mp4": "text is no folder",
    "text/": "text is no folder",
    "full/": "full holds files that are no dreamed frames",
    "x.mp4": "x.mp4 is a folder",
    "other.mp4": "other.mp4 exists; use --yes to replace it",
    "o.xyz": "cannot write .xyz files",
    "takes.v2": "a name that ends in a slash makes a folder",
    f"{LONG}.mp4": "too long",
    "": "--output: must not be empty",
    ".": "names no output",
    "/dev/null": "/dev/null is no folder",
}
TAKING_OUTPUTS = ("video", "zoom", "replay")

CALLS = [
    (["video", "photo.png"], "photo.png is a still image; use `dreamvid image` for it"),
    (["image", "clip.mp4"], "clip.mp4 is a video; use `dreamvid video` for it"),
    (["video", "clip.mp4", "--preset", "trip.yaml"], "--preset trip.yaml: is for zoom trips"),
    (["image", "photo.png", "--preset", "trip.yaml"], "--preset trip.yaml: is for zoom trips"),
    (["demo", "new", "--preset", "trip.yaml"], "--preset trip.yaml: is for zoom trips"),
    (["video", "clip.mp4", "-o", "clip.mp4"], "input and output are the same"),
    (["video", "clip.mp4", "-o", "./sub/../clip.mp4", "--yes"], "input and output are the same"),
    (["image", "photo.png", "-o", "photo.png", "--yes"], "input and output are the same"),
    (["zoom", "photo.png", "-o", "photo.png"], "cannot write .png files"),
    (["render", "look.yaml", "-i", "clip.mp4", "-o", "clip.mp4"], "input and output are the same"),
    (["replay", "dream.mkv", "clip.mp4", "-o", "clip.mp4", "--yes"], "input and output are the same"),
    (["measure", "clip.mp4", "dream.mkv", "--compare", "clip.mp4", "--yes"], "input and output are the same"),
    (["measure", "clip.mp4", "dream.mkv", "--compare", "nowhere/o.mp4"], "the folder nowhere does not exist"),
    (["measure", "clip.mp4", "dream.mkv", "--compare", "x.mp4"], "x.mp4 is a folder"),
    (["measure", "clip.mp4", "dream.mkv", "--plot", "o.xyz"], "a chart is .png, .svg or .pdf"),
    (["measure", "clip.mp4", "dream.mkv", "--plot", "photo.png"], "photo.png exists; use --yes"),
    (["measure", "clip.mp4", "dream.mkv", "--plot", "a.png", "--compare", "a.png"], "are one file; name two"),
    (["presets", "show", "look.yaml", "--plot", "nowhere/o.png"], "the folder nowhere does not exist"),
    (["presets", "show", "look.yaml", "--plot", "o.xyz"], "a chart is .png, .svg or .pdf"),
    (["presets", "show", "look.yaml", "--plot", f"{LONG}.png"], "too long"),
    (["presets", "show", "look.yaml", "--duration", "5"], "name its file with --plot"),
    (["presets", "show", "nosuch"], "nosuch: there is no such preset"),
    (["presets", "show", "text"], "text: there is no such preset"),
    (["image", "photo.png", "-o", "nowhere/o.png"], "the folder nowhere does not exist"),
    (["image", "photo.png", "-o", "text/o.png"], "text is no folder"),
    (["image", "photo.png", "-o", "text/"], "text is no folder"),
    (["image", "photo.png", "-o", "o.xyz"], "or end the name of a folder in a slash"),
    (["image", "photo.png", "-o", f"{LONG}.png"], "too long"),
    (["image", "photo.png", "-o", ""], "--output: must not be empty"),
    (["image", "photo.png", "other/photo.png", "-o", "new/"], "would be written to one file"),
    (["image", "photo.png", "other/photo.png", "-o", "takes.v2"], "end its name in a slash to make one"),
    (["image", "photo.png", "photo.png"], "would be written to one file"),
    (["render", "look.yaml", "-i", "clip.mp4", "-o", "nowhere/o.mp4"], "the folder nowhere does not exist"),
    (["render", "look.yaml", "-i", "clip.mp4", "-o", "text/o.mp4"], "text is no folder"),
    (["render", "look.yaml", "-i", "clip.mp4", "-o", "text/"], "text is no folder"),
    (["render", "look.yaml", "-i", "clip.mp4", "-o", "o.xyz"], "cannot write .xyz files"),
    (["render", "look.yaml", "look.yaml", "-i", "clip.mp4"], "would be written to this one file"),
    (["render", "look.yaml", "-i", "clip.mp4", "-i", "other/clip.mp4", "-o", "new/"], "this one file"),
    (["render", "look.yaml", "still.yaml", "-i", "clip.mp4", "-o", "o.mp4"], "end its name in a slash"),
    (["render", "look.yaml"], "preset look names no inputs; give one with -i FILE"),
    (["render", "nosuch", "-i", "clip.mp4"], "nosuch: there is no such preset"),
    (["replay", "clip.mp4"], "holds no settings of dreamvid's"),
    (["zoom", "photo.png", "--from", "noise"], "a trip starts from one thing"),
    (["zoom", "--from", "#12"], "'#12' is not a color"),
    (["zoom", "--from-video", "clip.mp4@99"], "99"),
    (["demo", "text"], "text is no folder"),
    (["demo", "text/new"], "text/new: text is no folder"),
    (["jobs", "nosuch"], "cannot read nosuch: No such file or directory"),
    (["jobs", "text"], "cannot read text: Not a directory"),
    (["doctor", "--model", ""], "--model (model.name): must not be empty"),
    (["models", "layers", ""], "must not be empty"),
    (["video", "clip\0.mp4"], "a null character"),
    (["jobs", "a\0b"], "a null character"),
]

UNKNOWN = [
    (["video", "clip.mp4", "other/clip.mp4"], "unexpected extra argument"),
    (["image", "photo.png", "--codec", "h264"], "No such option: --codec"),
    (["zoom", "photo.png", "--mask", "photo.png"], "No such option: --mask"),
    (["models"], "Missing command"),
    (["presets"], "Missing command"),
    (["presets", "nosuch"], "No such command 'nosuch'"),
    (["measure"], "Missing argument 'SOURCE'"),
]

WITH_NETWORK = [
    (["--device", "gpu:7"], "device 'gpu:7' is not here"),
    (["--model", "nosuch"], "nosuch"),
    (["--model", "~nosuch/net.h5"], "~nosuch/net.h5"),
    (["--weights", "nosuch.h5"], "nosuch.h5"),
    (["--objective", "nosuch"], "nosuch"),
    (["--objective", "guide:nosuch.png@mixed3"], "no such file: nosuch.png"),
]
"""Wrong options that are found when the network is loaded."""

GROWING = [
    ["video", "clip.mp4", *QUICK],
    ["image", "photo.png", *QUICK],
    ["image", "photo.png", "-o", "new/", *QUICK],
    ["zoom", "photo.png", *QUICK, "--duration", "1", "--fps", "3"],
    ["zoom", "photo.png", *QUICK, "--duration", "1", "--fps", "3", "-o", "takes.v2/"],
    ["zoom", "--music", "song.wav", *QUICK, "--duration", "1"],
    ["render", "look.yaml", "-i", "clip.mp4", "-o", "new/", *QUICK],
    ["replay", "dream.mkv", *QUICK],
    ["demo", "new", *QUICK],
    ["measure", "clip.mp4", "dream.mkv", "--compare", "o.mp4"],
    ["measure", "clip.mp4", "dream.mkv", "--plot", "o.png"],
    ["presets", "show", "look.yaml", "--plot", "o.png"],
]
"""Calls that are right, and write more than a kilobyte."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of right and wrong files."""
    path = tmp_path_factory.mktemp("calls")
    (path / "other").mkdir()
    picture = np.random.default_rng(0).random((32, 48, 3), dtype=np.float32)
    clip, info = path / "clip.mp4", VideoInfo(Size(32, 48), Fraction(10))
    for name in ("photo.png", "other/photo.png"):
        write_still(path / name, Still(picture), overwrite=False)
    for name in ("clip.mp4", "dream.mkv"):
        metadata = {KEY: settings_json(Preset(), source=clip, resolved={}, files={})} if clip.exists() else {}
        with open_writer(path / name, info=info, output=OutputSettings(), metadata=metadata) as writer:
            for index in range(3):
                writer.write(Frame(index, Fraction(index, 10), picture * (0.8 if metadata else 1.0)))
    for name in ("other.mp4", "other/clip.mp4"):
        shutil.copy(clip, path / name)
    write_wind(path / "song.wav", 1.0)
    for name, text in {
        "empty.mp4": "",
        "text.mp4": "hello\n",
        "text": "hello\n",
        "look.yaml": "octaves: 2\n",
        "still.yaml": "pipeline: image\n",
        "trip.yaml": "pipeline: zoom\n",
    }.items():
        (path / name).write_text(text)
    for name in ("x.mp4", "full"):
        (path / name).mkdir()
        (path / name / "diary.txt").write_text("mine")
    return path


@pytest.fixture
def refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Give a function that makes a call in the folder, and returns the one line that it ends with."""
    monkeypatch.chdir(folder)

    def call(*arguments: str, code: int = 1) -> str:
        before = contents(folder)
        with pytest.raises(SystemExit) as left:
            main(arguments)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert contents(folder) == before
        assert left.value.code == code
        (line,) = captured.err.splitlines()
        assert line.startswith("dreamvid: ")
        assert "unexpected " not in line.partition("argument")[0] or code == 2, line
        return line

    return call


@pytest.fixture
def quick_demo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "make_clip", lambda path, **_: shutil.copy(folder / "clip.mp4", path))


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.usefixtures("quick_demo")
@pytest.mark.parametrize("command", RIGHT)
def test_a_wrong_option(command: str, refused: Callable[..., str]) -> None:
    for option, commands, says in OPTIONS:
        if command in commands:
            assert says in refused(*RIGHT[command], *option)
        else:
            line = refused(*RIGHT[command], *option, code=2)
            assert f"No such option: {option[0]}" in line
            assert f"'dreamvid {command} --help'" in line


@pytest.mark.parametrize("command", TAKING_INPUTS)
def test_a_wrong_input(command: str, refused: Callable[..., str]) -> None:
    for name, says in INPUTS.items():
        assert says in refused(*(part.format(name) for part in TAKING_INPUTS[command]))


@pytest.mark.parametrize("command", [command for command in TAKING_INPUTS if command != "video"])
def test_a_url(command: str, refused: Callable[..., str]) -> None:
    line = refused(*(part.format("http://host/clip.mp4") for part in TAKING_INPUTS[command]))
    assert "http://host/clip.mp4 is a URL; download it first: only 'dreamvid video' reads URLs" in line


@pytest.mark.parametrize("command", TAKING_OUTPUTS)
def test_a_wrong_output(command: str, refused: Callable[..., str]) -> None:
    for name, says in OUTPUTS.items():
        assert says in refused(*RIGHT[command], "-o", name)


@pytest.mark.parametrize(("arguments", "says"), CALLS)
def test_a_wrong_call(arguments: list[str], says: str, refused: Callable[..., str]) -> None:
    assert says in refused(*arguments)


@pytest.mark.parametrize(("arguments", "says"), UNKNOWN)
def test_a_call_that_is_not_understood(arguments: list[str], says: str, refused: Callable[..., str]) -> None:
    assert says in refused(*arguments, code=2)


@pytest.mark.e2e
@pytest.mark.usefixtures("quick_demo")
@pytest.mark.parametrize("command", sorted(DREAMING))
def test_a_wrong_option_that_the_network_finds(command: str, refused: Callable[..., str]) -> None:
    for option, says in WITH_NETWORK:
        assert says in refused(*RIGHT[command], *option)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "arguments", [["models", "layers"], ["models", "layers", "dreamnet", "--weights"], ["doctor", "--model"]]
)
def test_a_wrong_network(arguments: list[str], refused: Callable[..., str]) -> None:
    for name in ("nosuch", "text.mp4", "empty.mp4", "x.mp4", LONG):
        assert name[:50] in refused(*arguments, name)


@pytest.mark.e2e
@pytest.mark.parametrize("arguments", GROWING)
def test_a_file_that_may_not_grow(arguments: list[str], refused: Callable[..., str]) -> None:
    resource = pytest.importorskip("resource", reason="no limit of the size of files on this system")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        assert "the file grew past the size that is allowed here" in refused(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own with room for a few kilobytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        (disk / "filling").write_bytes(bytes(60_000))
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "arguments",
    [
        ["video", "clip.mp4", "-o", "{}/o.mp4"],
        ["video", "clip.mp4", "-o", "{}/takes.v2/"],
        ["image", "photo.png", "-o", "{}/o.png"],
        ["image", "photo.png", "-o", "{}/new/"],
        ["zoom", "photo.png", "--duration", "1", "--fps", "3", "-o", "{}/o.mp4"],
        ["render", "look.yaml", "-i", "clip.mp4", "-o", "{}/new/"],
        ["render", "still.yaml", "-i", "photo.png", "-o", "{}/new/"],
        ["replay", "dream.mkv", "-o", "{}/o.mkv"],
        ["demo", "{}/new"],
    ],
)
def test_a_full_disk(arguments: list[str], full_disk: Path, refused: Callable[..., str]) -> None:
    line = refused(*(part.format(full_disk) for part in arguments), *QUICK)
    assert "the disk is full" in line or "free some space" in line
    assert [path.name for path in full_disk.iterdir()] == ["filling"]


@pytest.mark.e2e
@pytest.mark.parametrize("arguments", [["zoom", "--music", "song.wav", "--duration", "1"], ["demo", "new"]])
def test_a_full_temporary_folder(
    arguments: list[str], full_disk: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(full_disk))
    assert "the disk is full; free some space, or name another folder" in refused(*arguments, *QUICK)
    assert [path.name for path in full_disk.iterdir()] == ["filling"]
