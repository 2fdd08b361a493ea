"""Settings and checks of every test, and the tiers: unit, engine, e2e and exhaustive.

A test without a marker is a unit test, which must not load TensorFlow (about 8 s); ``pytest -m unit``, which runs
these alone, refuses to import it.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext

TIERS = {"engine", "e2e", "exhaustive"}
TENSORFLOW_FOLDERS = {"engine", "tools"}
"""Folders whose test modules import TensorFlow; not even collected for ``-m unit``."""

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a shell lets what it starts in the background ignore it


class NoTensorFlow:
    """Refuses to import TensorFlow and Keras."""

    def find_spec(self, name: str, *_: object) -> None:
        if name in {"tensorflow", "keras"}:
            raise AssertionError(f"a unit test imports {name}; mark it engine or e2e")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr == "unit":
        sys.meta_path.insert(0, NoTensorFlow())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.option.markexpr == "unit" and collection_path.name in TENSORFLOW_FOLDERS:
        return True
    return None


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if TENSORFLOW_FOLDERS & set(item.path.parts):
            item.add_marker("engine")
        if not TIERS & {marker.name for marker in item.iter_markers()}:
            item.add_marker("unit")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # Logged file names may hold surrogates, which pytest-xdist cannot send.
    report.sections = [(name, text.encode(errors="replace").decode()) for name, text in report.sections]
    return report


settings.register_profile("dreamvid", deadline=None)  # machines are shared, and slow at times
settings.load_profile("dreamvid")


@pytest.fixture(autouse=True)
def _no_errors_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    errors = [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not errors, errors


@pytest.fixture(autouse=True)
def _seeded_networks() -> None:
    """Seed Keras, whose layers begin with random weights; a unit test has not loaded it."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a network whose layer ``detectors`` finds red (channel 0) and vertical edges (channel 1).

    Their stride is 2 px. Its classes are the means of both: ``logits`` 0 and 1. Its input runs from 0 to 1.
    """
    import numpy as np  # noqa: PLC0415  only where TensorFlow is loaded
    from tensorflow import keras

    path = tmp_path_factory.mktemp("detectors") / "detectors.keras"
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1, :, 0] = 1.0, -0.5, -0.5
    kernel[:, 0, :, 1], kernel[:, 2, :, 1] = -1 / 9, 1 / 9
    picture = keras.Input((None, None, 3))
    convolution = keras.layers.Conv2D(2, 3, 2, padding="same", activation="relu", name="detectors")
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(convolution(picture))
    classes = keras.layers.Dense(2, activation="softmax", name="classes")
    model = keras.Model(picture, classes(mean))
    convolution.set_weights([kernel, np.zeros(2, np.float32)])
    classes.set_weights([np.eye(2, dtype=np.float32), np.zeros(2, np.float32)])
    model.save(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window; the test is skipped where there is none."""
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.name == "nt" or os.geteuid() else ["--no-sandbox"]  # it refuses to run as root
        opened = driver.chromium.launch(executable_path=command, args=sandbox)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 860})
    opened.set_default_timeout(60_000)
    yield opened
    opened.close()
