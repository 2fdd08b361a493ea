"""Import TensorFlow once, quietly, and set up its devices.

Every other module of the engine takes ``tf`` and ``keras`` from here. TensorFlow's C++ side writes to file
descriptor 2 while it loads, whatever the log level says; that output is held back and shown only where
the import fails.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dreamvid.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_CPP_MAX_VLOG_LEVEL": "0",
    "GRPC_VERBOSITY": "ERROR",
    "GLOG_minloglevel": "3",
}


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, by C++ above all.

    Python tracebacks are never lost: an exception leaves this context before anything prints it.
    """
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(saved, 2)
    finally:
        os.close(saved)


def _import() -> tuple[Any, Any]:
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with quiet_stderr():
            import keras  # noqa: PLC0415  the same
            import tensorflow  # noqa: ICN001, PLC0415  loaded inside so that its chatter can be held back
    except (ImportError, OSError, AttributeError, RuntimeError, SystemError) as error:
        reason = str(error).strip().splitlines()
        raise EngineError(
            f"TensorFlow cannot be loaded ({reason[0][:200] if reason else type(error).__name__}); "
            "reinstall it with: pip install --force-reinstall tensorflow"
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise EngineError(
            f"Keras was loaded with the backend {keras.backend.backend()} before dreamvid; "
            "set KERAS_BACKEND=tensorflow"
        )
    tensorflow.get_logger().setLevel("ERROR")
    logging.getLogger("absl").setLevel(logging.ERROR)
    return tensorflow, keras


tf, keras = _import()
_process: int | None = None
"""The process that has used TensorFlow here; one that is forked from it has this variable, too."""


@dataclass(frozen=True)
class DeviceInfo:
    """Where the network runs: ``name`` is the processor's own name, ``xla`` whether its graphs are compiled."""

    kind: Literal["cpu", "gpu"]
    name: str
    xla: bool
    device: str
    """TensorFlow's name, for ``tf.device``: ``/CPU:0``, ``/GPU:1``."""


def configure(*, device: str = "auto", threads: int | None = None) -> DeviceInfo:
    """Choose the device and set it up: memory growth and XLA on GPUs, threads on the CPU.

    ``device`` is ``auto`` (the first GPU, else the CPU), ``cpu``, ``gpu`` or ``gpu:1``. ``threads`` is the
    number of CPU threads; all cores where it is None. Threads and memory growth can only be set before
    TensorFlow's first operation; later calls leave them as they are.

    Raises
    ------
    EngineError
        Where there is no such device, ``threads`` is not positive, or TensorFlow would hang in a forked process.
    """
    global _process  # noqa: PLW0603  there is one TensorFlow
    if _process not in {None, os.getpid()}:
        raise EngineError(
            "this process was forked from one that has dreamed already, where TensorFlow would hang; "
            "use multiprocessing.get_context('spawn')"
        )
    _process = os.getpid()
    match = re.fullmatch(r"auto|cpu|gpu(?::(\d+))?", device.strip().lower())
    if match is None:
        raise EngineError(f"device '{device}' must be auto, cpu, gpu or gpu:NUMBER")
    if threads is not None:
        _set_threads(threads)
    if match[0] == "cpu":
        return DeviceInfo("cpu", _cpu_name(), xla=False, device="/CPU:0")
    with quiet_stderr():
        gpus = tf.config.list_physical_devices("GPU")
    index = int(match[1] or 0)
    if index >= len(gpus):
        if match[0] == "auto":
            return DeviceInfo("cpu", _cpu_name(), xla=False, device="/CPU:0")
        raise EngineError(
            f"device '{device}' is not here: TensorFlow sees {len(gpus)} GPUs; use --device cpu, "
            "or install the GPU libraries with: pip install 'dreamvid[cuda]'"
        )
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        tf.config.set_visible_devices([gpus[index]], "GPU")
    except RuntimeError:  # TensorFlow has started: what is visible stays so
        pass
    visible = tf.config.get_visible_devices("GPU")
    number = visible.index(gpus[index]) if gpus[index] in visible else 0
    return DeviceInfo("gpu", _gpu_name(gpus[index]), xla=True, device=f"/GPU:{number}")


def devices() -> tuple[DeviceInfo, ...]:
    """Return every device that TensorFlow sees, the CPU first."""
    with quiet_stderr():
        gpus = tf.config.list_physical_devices("GPU")
    infos = [DeviceInfo("cpu", _cpu_name(), xla=False, device="/CPU:0")]
    infos += [DeviceInfo("gpu", _gpu_name(gpu), xla=True, device=f"/GPU:{i}") for i, gpu in enumerate(gpus)]
    return tuple(infos)


def versions() -> dict[str, str]:
    """Return the versions of TensorFlow and Keras."""
    return {"tensorflow": str(tf.__version__), "keras": str(keras.__version__)}


def _set_threads(threads: int) -> None:
    if threads < 1:
        raise EngineError(f"threads must be 1 or more, not {threads}")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(min(threads, 2))
    except RuntimeError:  # TensorFlow has started: it keeps the threads that it has
        pass


def _gpu_name(gpu: Any) -> str:
    details = tf.config.experimental.get_device_details(gpu)
    return str(details.get("device_name") or gpu.name)


def cpu_flags() -> frozenset[str]:
    """Return what the processor can do, in Linux's words (``avx2``, ``avx512f``); empty on other systems."""
    return frozenset(_cpu_facts().get("flags", "").split())


def _cpu_name() -> str:
    """Return the processor's name with what decides number formats: AVX-512 BF16, AMX."""
    import platform  # noqa: PLC0415  needed here alone

    name = _cpu_facts().get("model name") or platform.processor() or platform.machine()
    flags = cpu_flags()
    special = [
        flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16") if flag in flags
    ]
    return f"{name} ({os.cpu_count()} cores{', ' if special else ''}{' '.join(special)})"


def _cpu_facts() -> dict[str, str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  a kernel file, read by line
            return dict(_split(line) for line in lines if ":" in line)
    except OSError:
        return {}


def _split(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()
