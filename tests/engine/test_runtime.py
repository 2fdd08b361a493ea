"""TensorFlow is imported quietly, and devices are chosen or refused in one line."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from dreamvid.engine.runtime import configure, devices, quiet_stderr, versions
from dreamvid.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "KERAS_"))}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=clean | environment
    )


def test_loading_and_computing_say_nothing() -> None:
    done = run(
        "from dreamvid.engine.runtime import configure, tf\nconfigure()\nassert tf.reduce_sum(tf.ones([3])) == 3"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loggers_still_speak_after_the_quiet_import() -> None:
    done = run("import dreamvid.engine.runtime\nfrom absl import logging\nlogging.error('heard')")
    assert "heard" in done.stderr
    assert "Traceback" not in done.stderr


def test_tensorflow_that_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libfoo.so: not found\\nmore lines')")
    code = (
        "from dreamvid.errors import EngineError\n"
        "try:\n    import dreamvid.engine.runtime\n"
        "except EngineError as error:\n    print(error)"
    )
    done = run(code, PYTHONPATH=str(tmp_path))
    assert done.stdout.startswith("TensorFlow cannot be loaded (libfoo.so: not found)")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_another_keras_backend_in_the_environment_does_not_matter() -> None:
    assert run("import dreamvid.engine.runtime", KERAS_BACKEND="jax").returncode == 0


def test_held_back_chatter_leaves_python_errors_alone(capfd: pytest.CaptureFixture[str]) -> None:
    def chatter() -> None:
        with quiet_stderr():
            os.write(2, b"chatter from C++\n")
            raise ValueError("heard")

    with pytest.raises(ValueError, match="heard"):
        chatter()
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_cpu_is_always_there() -> None:
    found = configure(device="cpu")
    assert found.kind == "cpu"
    assert found.device == "/CPU:0"
    assert not found.xla
    assert found.name
    assert devices()[0] == found


@pytest.mark.parametrize(
    ("device", "message"), [("tpu", "must be auto, cpu"), ("gpu:7", "pip install 'dreamvid")]
)
def test_device_that_is_not_there_is_one_line(device: str, message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        configure(device=device)
    assert "\n" not in str(caught.value)


def test_threads_must_be_positive_and_are_set() -> None:
    with pytest.raises(EngineError, match="1 or more"):
        configure(threads=0)
    code = (
        "from dreamvid.engine.runtime import configure, tf\nconfigure(device='cpu', threads=1)\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads())"
    )
    assert run(code).stdout == "1\n"


def test_versions_are_told() -> None:
    assert set(versions()) == {"tensorflow", "keras"}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_forked_after_a_dream_says_what_to_use() -> None:
    configure(device="cpu")
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_configure, args=(answers,))
    child.start()
    child.join(60)
    assert "multiprocessing.get_context('spawn')" in answers.get()


def _configure(answers: Any) -> None:
    try:
        configure(device="cpu")
        answers.put("configured")
    except EngineError as error:
        answers.put(str(error))
