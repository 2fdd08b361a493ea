"""The command line: exit codes, one-line errors, and nothing heavy before it is needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, get_args

import pytest

from dreamvid._version import __version__
from dreamvid.cli import main as main_module
from dreamvid.cli.explain import explain
from dreamvid.cli.flags import SETTING_OPTIONS
from dreamvid.cli.main import app, main
from dreamvid.config.fields import field_paths
from dreamvid.config.preset import Preset
from dreamvid.errors import ReadError
from dreamvid.pipelines.registry import PIPELINES

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, captured.out, captured.err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version", capsys=capsys) == (0, f"dreamvid {__version__}\n", "")


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys=capsys)
    assert code == 0
    assert "video" in out


@pytest.mark.parametrize("command", ["video", "image", "demo", "measure", "doctor", "models"])
def test_every_command_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(command, "--help", capsys=capsys)
    assert code == 0
    assert "Usage" in out


def test_help_loads_neither_tensorflow_nor_media_libraries() -> None:
    script = (
        "import sys\n"
        "from dreamvid.cli.main import main\n"
        "try:\n    main(['video', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "print([m for m in ('tensorflow', 'keras', 'cv2', 'av', 'imageio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_flag_is_a_field_with_its_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "600")
    _, out, _ = run("video", "--help", capsys=capsys)
    fields = field_paths(Preset)
    for option in SETTING_OPTIONS:
        if "video" in option.pipelines:
            assert option.flag in out
            assert str(fields[option.field].description) in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["video"],
        ["models"],
        ["vidoe", "x.mp4"],
        ["video", "x.mp4", "--no-such-option"],
        ["models", "layers"],
        ["image"],
    ],
)
def test_usage_errors_exit_2_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(*arguments, capsys=capsys)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert err.startswith("dreamvid: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--steps", "0"], "--steps (ascent.steps): must be from 1 to 10000, not '0'"),
        (["--steps", "many"], "--steps (ascent.steps): must be a whole number from 1 to 10000, not 'many'"),
        (["--octave-scale", "0.5"], "more than 1 and at most 4"),
        (["--codec", "H264"], "did you mean 'h264'"),
        (["--input-range", "0,inf"], "model.input_range"),
        (["--set", "="], "PATH=VALUE"),
        (["--set", "ascent=3"], "ascent.steps"),
        (["--objective", "mixed3:1e99"], "weight"),
        (["--codec", "divx"], "output.codec"),
        (["--fps", "0"], "output.fps"),
        (["--set", "ascent.stpes=3"], "did you mean 'ascent.steps'"),
        (["--set", "ascent.steps"], "PATH=VALUE"),
        (["--objective", "mean(mixed3"], "cannot be read"),
        (["--threads", "none"], "--threads"),
        (["--progress", "loud"], "--progress"),
        (["--strength", "nan"], "look.strength"),
    ],
)
def test_values_out_of_range_exit_1_in_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run("video", "x.mp4", *arguments, capsys=capsys)
    assert code == 1
    assert says in err
    assert len(err.splitlines()) == 1


def test_an_error_is_one_line_even_if_its_message_is_not() -> None:
    assert explain(ReadError("two\nlines")) == "two lines"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ImportError("libGL.so.1: cannot open shared object file"), "opencv-python-headless"),
        (ImportError("No module named 'av'"), "reinstall"),
        (MemoryError(), "out of memory"),
        (OSError(28, "No space left on device", "x.mp4"), "x.mp4: No space left"),
        (OSError(28, "No space left on device"), "writing failed: No space left"),
        (RuntimeError("can't start new thread"), "--threads 1"),
        (RuntimeError("boom"), "--traceback"),
    ],
)
def test_other_errors_are_explained(error: Exception, says: str) -> None:
    assert says in explain(error)


def test_an_interrupted_run_exits_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "app", interrupt)
    code, _, err = run("video", "x.mp4", capsys=capsys)
    assert code == 130
    assert "interrupted" in err


def test_a_traceback_only_when_asked_for(tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    with pytest.raises(ReadError):
        main(["video", str(missing), "--traceback"])


def test_models_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("models", "list", "--json", capsys=capsys)
    assert code == 0
    names = [entry["name"] for entry in json.loads(out)]
    assert names[0] == "dreamnet"
    assert {"inceptionv3", "vgg16", "resnet50v2"} <= set(names)


def test_the_app_has_the_commands_of_the_guide() -> None:
    assert {command.name for command in app.registered_commands if not command.hidden} == {
        "video",
        "zoom",
        "sweep",
        "image",
        "activations",
        "atlas",
        "render",
        "replay",
        "plan",
        "part",
        "join",
        "studio",
        "demo",
        "jobs",
        "measure",
        "doctor",
    }


def test_usage_errors_name_the_command_whose_help_helps(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'dreamvid video --help'" in run("video", "x.mp4", "--nope", capsys=capsys)[2]
    assert "'dreamvid models --help'" in run("models", "nope", capsys=capsys)[2]


def test_a_file_that_looks_like_an_option_is_told_from_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-dash.mp4").touch()
    code, _, err = run("video", "-dash.mp4", capsys=capsys)
    assert code == 2
    assert "./-dash.mp4" in err


@pytest.mark.parametrize("command", ["video", "image"])
def test_an_input_that_may_not_be_read_exits_1(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("x")
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the tests may be root
    assert run(command, tmp_path / "secret", capsys=capsys)[0] == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_obstacle(closed: str) -> None:
    command = f'exec "{sys.executable}" -m dreamvid models list {closed}'
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0


def test_a_closed_standard_stream_never_lends_its_number_to_a_file() -> None:
    script = (
        "import os, sys; from dreamvid.cli import main as m; m._open_standard_streams(); "
        "sys.exit(os.open(os.devnull, os.O_RDONLY))"
    )
    command = f'exec "{sys.executable}" -c "{script}" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], check=False).returncode > 2


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="terminals do not hang up on this system")
def test_nohup_is_respected(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main_module, "app", lambda *_, **__: 0)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run("video", capsys=capsys)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        run("video", capsys=capsys)
        assert callable(signal.getsignal(signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


def test_every_pipeline_of_presets_has_a_row_and_a_command() -> None:
    names = set(get_args(Preset.model_fields["pipeline"].annotation))
    assert set(PIPELINES) == names
    subcommands = [
        command
        for group in app.registered_groups
        for command in (group.typer_instance or app).registered_commands
    ]
    assert names <= {command.name for command in [*app.registered_commands, *subcommands]}
    assert {name for option in SETTING_OPTIONS for name in option.pipelines} == names
