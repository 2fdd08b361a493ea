"""Videos that URLs name are dreamed as any other, and nothing is left where they were dreamed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed")

import fsspec.config

from dreamvid import dream_video
from dreamvid.cli.main import main
from dreamvid.config.preset import Preset
from dreamvid.errors import BusyError, SettingsError, WriteError
from dreamvid.media.input.source import open_source
from dreamvid.media.remote import RemoteLock
from dreamvid.pipelines import remote_video
from dreamvid.pipelines.options import RunOptions
from dreamvid.pipelines.plan import run
from dreamvid.pipelines.plan.cache import FOLDER, WORK, cache_folder, held
from dreamvid.pipelines.plan.remote import RemoteWork
from dreamvid.pipelines.progress import NullProgress
from dreamvid.pipelines.remote_video import dream_url
from dreamvid.pipelines.video import dream_file
from tests.ftp_server import PASSWORD, USER, serving
from tests.pipelines.plan.conftest import write_shots
from tests.pipelines.plan.waves import load_waves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dreamvid.pipelines.plan.plan import Plan

pytestmark = pytest.mark.e2e

LOOK = Preset.build({"ascent": {"steps": 1}, "stability": 0.0, "output": {"codec": "ffv1"}})
QUICK = RunOptions(chunk=Fraction(1, 4), threads=1, device="cpu")


class Frames(NullProgress):
    """Counts the frames that are dreamed."""

    def __init__(self) -> None:
        self.dreamed = 0

    def frame(self, index: int) -> None:  # noqa: ARG002  the protocol's
        self.dreamed += 1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shots(tmp_path_factory.mktemp("clip") / "clip.mp4", (24,))


@pytest.fixture
def there(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the URL names, with the clip."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(clip.read_bytes())
    return folder


@pytest.fixture
def url(there: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"username": USER, "password": PASSWORD})
    with serving(there) as server:
        yield server.url


def names_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def frames_of(path: Path) -> list[tuple[int, Fraction, bytes]]:
    return [(frame.index, frame.pts, frame.rgb.tobytes()) for frame in open_source(path)]


def test_the_frames_are_those_of_files(url: str, there: Path, clip: Path, tmp_path: Path) -> None:
    dream_file(clip, tmp_path / "straight.mkv", LOOK, QUICK, build=load_waves)
    result = dream_url(f"{url}/clip.mp4", f"{url}/a b.mkv", LOOK, QUICK, build=load_waves)
    assert frames_of(there / "a b.mkv") == frames_of(tmp_path / "straight.mkv")
    assert names_of(there) == ["a b.mkv", "clip.mp4"]
    assert not cache_folder(WORK, f"{url}/a b.mkv").exists()
    size = (there / "a b.mkv").stat().st_size
    assert result.line().endswith(f"{size / 1000:.0f} kB: {url}/a b.mkv")
    assert (result.summary()["output"], result.summary()["bytes"]) == (f"{url}/a b.mkv", size)
    dream_url(f"{url}/clip.mp4", str(tmp_path / "here.mkv"), LOOK, QUICK, build=load_waves)
    dream_url(str(clip), f"{url}/from here.mkv", LOOK, QUICK, build=load_waves)
    assert frames_of(tmp_path / "here.mkv") == frames_of(there / "from here.mkv")
    assert frames_of(tmp_path / "here.mkv") == frames_of(there / "a b.mkv")


def test_without_a_name_the_output_is_beside_the_input(url: str, there: Path) -> None:
    dream_url(f"{url}/clip.mp4", None, LOOK.override({"output.codec": "h264"}), QUICK, build=load_waves)
    assert names_of(there) == ["clip.dream.mp4", "clip.mp4"]


def test_what_is_there_is_replaced_where_that_is_allowed(url: str, there: Path) -> None:
    (there / "out.mkv").write_text("old")
    with pytest.raises(WriteError, match=r"out\.mkv exists; use --yes to replace it"):
        dream_url(f"{url}/clip.mp4", f"{url}/out.mkv", LOOK, QUICK, build=load_waves)
    with pytest.raises(WriteError, match="input and output are the same"):
        dream_url(f"{url}/clip.mp4", f"{url}/clip.mp4", LOOK, QUICK, build=load_waves)
    assert (there / "out.mkv").read_text() == "old"
    yes = RunOptions(confirm_overwrite=lambda _: True)
    dream_url(f"{url}/clip.mp4", f"{url}/out.mkv", LOOK, yes, build=load_waves)
    assert len(frames_of(there / "out.mkv")) == 24


def test_what_could_not_be_sent_is_not_dreamed_again(
    url: str, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise WriteError("no network")

    with monkeypatch.context() as patch:
        patch.setattr(remote_video, "send", fail)
        with pytest.raises(WriteError, match="no network"):
            dream_url(f"{url}/clip.mp4", f"{url}/out.mkv", LOOK, QUICK, build=load_waves)
    assert not (there / "out.mkv").exists()
    progress = Frames()
    again = RunOptions(chunk=Fraction(1, 4), threads=1, device="cpu", progress=progress)
    dream_url(f"{url}/clip.mp4", f"{url}/out.mkv", LOOK, again, build=load_waves)
    assert progress.dreamed == 0
    assert len(frames_of(there / "out.mkv")) == 24


def test_another_run_is_not_disturbed(url: str, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = f"{url}/out.mkv"
    with held(cache_folder(WORK, out)), pytest.raises(BusyError, match="another run writes this output"):
        dream_url(f"{url}/clip.mp4", out, LOOK, QUICK, build=load_waves)
    monkeypatch.setattr("dreamvid.media.remote._BEAT_SECONDS", 0.02)
    monkeypatch.setattr("dreamvid.media.remote._DEAD_SECONDS", 1.0)
    with (
        RemoteLock(f"{out}.work/lock.txt", "elsewhere:/cache"),
        pytest.raises(BusyError, match="another run works there, on 'elsewhere'"),
    ):
        dream_url(f"{url}/clip.mp4", out, LOOK, QUICK, build=load_waves)
    assert not (there / "out.mkv").exists()


def test_no_password_is_kept(
    url: str, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Fails:
        def __init__(self, plan: Plan, *_: Any, **__: Any) -> None:
            (plan.folder / "part-000001").mkdir()

        def run(self, *_: object) -> None:
            raise WriteError("the cluster is gone")

    caplog.set_level("DEBUG", "dreamvid")
    monkeypatch.setattr(run, "Cluster", Fails)
    monkeypatch.setattr(RemoteWork, "remove", lambda _: None)
    options = RunOptions(threads=1, device="cpu", cluster="auto", command=("dreamvid", "video", url))
    with pytest.raises(WriteError, match="the cluster is gone"):
        dream_url(f"{url}/clip.mp4", f"{url}/out.mkv", LOOK, options, build=load_waves)
    assert (there / "out.mkv.work/plan.zip").exists()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in caplog.text


def test_a_cluster_that_fails_at_once_leaves_no_plan(
    url: str, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise SettingsError("no Ray cluster answers there")

    monkeypatch.setattr(run, "Cluster", fail)
    options = RunOptions(threads=1, device="cpu", cluster="auto")
    with pytest.raises(SettingsError, match="no Ray"):
        dream_url(f"{url}/clip.mp4", f"{url}/out.mkv", LOOK, options, build=load_waves)
    assert not [path for path in there.rglob("*") if path.is_file() and path.name != "clip.mp4"]


def test_a_cluster_needs_two_urls(url: str, clip: Path) -> None:
    options = RunOptions(cluster="auto")
    for source, output in ((str(clip), f"{url}/out.mkv"), (f"{url}/clip.mp4", "out.mkv")):
        with pytest.raises(SettingsError, match="input and output must both be URLs"):
            dream_url(source, output, LOOK, options)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["video", "AT/clip.mp4", "--preview", "2"], "--preview and folders of pictures"),
        (["video", "AT/clip.mp4", "-o", "AT/frames/"], "--preview and folders of pictures"),
        (["video", "AT/nosuch.mp4", "-o", "AT/a.mkv"], "no such file: AT/nosuch.mp4"),
        (["video", "AT/clip.mp4", "-o", "AT/a.xyz"], "cannot write .xyz files"),
        (["video", "AT/clip.mp4", "-o", "AT/frames"], "a folder of pictures is not sent; name a file"),
        (["video", "AT/clip.mp4", "-o", "AT/f_%04d.png"], "a folder of pictures is not sent; name a file"),
        (["video", "AT/clip.mp4", "-o", "nosuch://a/b.mkv"], "Protocol not known: nosuch"),
        (["video", "ftp://me:hunter2@host/a.mp4"], "no part of a URL"),
        (["image", "ftp://me:hunter2@host/a.mp4"], "ftp://host/a.mp4 is a URL"),
        (["zoom", "-o", "ftp://me:hunter2@host/a.mp4"], "ftp://host/a.mp4 is a URL"),
        (["image", "AT/clip.mp4"], "is a URL; download it first: only 'dreamvid video' reads URLs"),
        (["zoom", "-o", "AT/a.mp4"], "is a URL; only 'dreamvid video' writes to URLs"),
    ],
)
def test_wrong_calls_are_one_line(
    arguments: list[str], line: str, url: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([argument.replace("AT/", f"{url}/") for argument in arguments])
    error = capsys.readouterr().err
    assert left.value.code == 1
    assert line.replace("AT/", f"{url}/") in error
    assert error.count("\n") == 1
    assert "hunter2" not in error
    assert names_of(there) == ["clip.mp4"]


def test_python_reads_and_writes_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(remote_video, "dream_url", lambda *names: asked.append(names[:2]))
    dream_video("s3://bucket/a.mov", "s3://bucket/b.mov")
    dream_video("s3://bucket/a.mov", Path("b.mov"))
    dream_video("a.mov", "s3://bucket/b.mov")
    assert asked == [
        ("s3://bucket/a.mov", "s3://bucket/b.mov"),
        ("s3://bucket/a.mov", "b.mov"),
        ("a.mov", "s3://bucket/b.mov"),
    ]
