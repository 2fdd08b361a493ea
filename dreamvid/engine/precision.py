"""Choose the network's number format by timing one gradient step of each on this machine.

A format is chosen over float32 only where it is at least a tenth faster and its gradient points the same way:
a cosine of 0.95 or more. The result is cached in the user's cache folder, by machine, versions and network.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from dreamvid._version import __version__
from dreamvid.engine.graph_transforms import LOGITS
from dreamvid.engine.objectives import resolve_score
from dreamvid.engine.runtime import DeviceInfo, devices, tf, versions
from dreamvid.objective import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamvid.config.settings import PrecisionChoice
    from dreamvid.engine.network import Network
    from dreamvid.objective import Objective
    from dreamvid.types import Size

MIN_COSINE = 0.95
MIN_SPEEDUP = 1.1
_FORMATS = ("bfloat16", "float16")
_SIDE = 256
_MAX_PIXELS = 4 * _SIDE * _SIDE
"""Most pixels of a batch that is measured."""
_REPEATS = 3
_HOPELESS = 2.0
"""A format whose first step takes so many times as long as float32's best gets no other try."""
_MAX_CONVOLUTION_RATIO = 1.5
"""A format that takes so many times as long for one convolution is not tried on the network."""
_FIELDS = {"precision", "seconds", "cosine", "note"}


@dataclass(frozen=True)
class FormatReport:
    """One format: seconds of a gradient step, cosine of its gradient with float32's, and a verdict.

    Both numbers are None where the format was given up before, because even one convolution is slow in it.
    """

    precision: str
    seconds: float | None
    cosine: float | None
    note: str


@dataclass(frozen=True)
class PrecisionChoiceReport:
    """The chosen format and its measurements; ``cached`` where an earlier run made them."""

    chosen: str
    formats: tuple[FormatReport, ...]
    device: str
    cached: bool


def resolve(network: Network, objective: Objective, choice: PrecisionChoice, device: DeviceInfo) -> str:
    """Return the format for this objective: ``choice``, or measured for ``auto``."""
    if choice != "auto":
        return choice
    return choose(network, needed_outputs(objective, network), device=device).chosen


def needed_outputs(objective: Objective, network: Network) -> tuple[str, ...]:
    """Return the layers that an objective looks at, each once; terms of classes and scores look at the logits."""
    terms = (resolve_score(term, network) for term in objective.terms)
    return tuple(dict.fromkeys(LOGITS if KINDS[term.kind].needs_classifier else term.layer for term in terms))


def choose(
    network: Network,
    outputs: Sequence[str],
    *,
    device: DeviceInfo | None = None,
    cache: Path | None = None,
    batch: int = 1,
    side: int = _SIDE,
) -> PrecisionChoiceReport:
    """Return the fastest format whose gradient can be trusted, measured or remembered.

    A step is of ``batch`` pictures whose sides are ``side`` px: lower formats gain more on more pixels. ``cache`` is
    the JSON file of earlier answers; by default in the user's cache folder. One that cannot be read or written is
    done without.
    """
    device = device or devices()[-1]
    cache = cache or Path(platformdirs.user_cache_dir("dreamvid", appauthor=False)) / "precision.json"
    key = _key(network, outputs, device, batch, side)
    remembered = _from_json(_read_cache(cache).get(key), device)
    if remembered is not None:
        return remembered
    with tf.device(device.device):
        formats = _measure(network, outputs, batch, side)
    report = PrecisionChoiceReport(_decide(formats), formats, device.name, cached=False)
    _write_cache(cache, key, {"formats": [asdict(item) for item in formats]})
    return report


def diagnose(network: Network, outputs: Sequence[str], device: DeviceInfo) -> dict[str, Any]:
    """Return, for ``dreamvid doctor``: versions, devices, and the precision with its measurements."""
    report = choose(network, outputs, device=device)
    return {
        **versions(),
        "devices": [f"{each.kind}: {each.name}" for each in devices()],
        "device": f"{device.kind}: {device.name}",
        "xla": device.xla,
        "precision": report.chosen,
        "precision_measured": "earlier (cached)" if report.cached else "now",
        "precision_formats": {item.precision: _line(item) for item in report.formats},
    }


def _line(item: FormatReport) -> str:
    if item.seconds is None or item.cosine is None:
        return item.note
    return f"{item.seconds * 1000.0:.1f} ms a step, gradient cosine {item.cosine:.4f}, {item.note}"


def _decide(formats: Sequence[FormatReport]) -> str:
    base = next(item.seconds for item in formats if item.precision == "float32")
    assert base is not None
    best, least = "float32", base / MIN_SPEEDUP
    for item in formats:
        if item.seconds is None or item.cosine is None or item.precision == "float32":
            continue
        if item.cosine >= MIN_COSINE and item.seconds <= least:
            best, least = item.precision, item.seconds
    return best


def _measure(network: Network, outputs: Sequence[str], batch: int, side: int) -> tuple[FormatReport, ...]:
    extractor = network.extractor(outputs)
    picture = _picture(extractor.fixed_size, max(side, extractor.min_size))
    pixels = picture.shape[1] * picture.shape[2]
    picture = tf.repeat(picture, min(batch, max(1, _MAX_PIXELS // pixels)), axis=0)
    base, reference_gradient = _step(extractor, picture, limit=math.inf)
    assert base is not None
    reports = [FormatReport("float32", base, 1.0, "the reference")]
    reference_time = _convolution("float32")
    for precision in _FORMATS:
        if _convolution(precision) > _MAX_CONVOLUTION_RATIO * reference_time:
            reports.append(
                FormatReport(precision, None, None, "much slower than float32 in a single convolution")
            )
            continue
        try:
            seconds, gradient = _step(network.extractor(outputs, precision=precision), picture, limit=base)
        except tf.errors.OpError:
            reports.append(FormatReport(precision, None, None, "not possible on this device"))
            continue
        cosine = _cosine(gradient, reference_gradient)
        reports.append(FormatReport(precision, seconds, cosine, _verdict(base / seconds, cosine)))
    return tuple(reports)


def _verdict(speedup: float, cosine: float) -> str:
    if cosine < MIN_COSINE:
        return f"{speedup:.2f} times as fast, but its gradient is off"
    return f"{speedup:.2f} times as fast"


def _picture(fixed: Size | None, side: int) -> Any:
    """Return ``[1, H, W, 3]`` in [0, 1] with detail at all scales, the same every time."""
    rng = np.random.default_rng(0)
    height, width = fixed or (side, side)
    total = sum(
        tf.image.resize(rng.uniform(-1.0, 1.0, (1, 2**k, 2**k, 3)).astype(np.float32), (height, width)) / 2**k
        for k in range(2, 8)
    )
    return tf.clip_by_value(0.5 + 0.8 * total, 0.0, 1.0)


def _step(extractor: Any, picture: Any, *, limit: float) -> tuple[float, Any]:
    """Return the seconds of one gradient step, the best of few, and the gradient; one try far beyond ``limit``."""

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow is untyped
    def ascend(rgb: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(rgb)
            score = tf.add_n([tf.reduce_mean(tf.square(output)) for output in extractor(rgb)])
        return tape.gradient(score, rgb)

    gradient = ascend(picture).numpy()
    best = math.inf
    for _ in range(_REPEATS):
        start = time.perf_counter()
        ascend(picture).numpy()
        best = min(best, time.perf_counter() - start)
        if best > _HOPELESS * limit:
            break
    return best, gradient


def _convolution(precision: str) -> float:
    """Return the seconds of one 3 x 3 convolution of 64 channels, infinite where it cannot be done."""
    try:
        value = tf.cast(tf.fill([1, 64, 64, 64], 0.5), precision)
        kernel = tf.cast(tf.fill([3, 3, 64, 64], 0.01), precision)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            tf.nn.conv2d(value, kernel, 1, "SAME").numpy()
            times.append(time.perf_counter() - start)
    except (tf.errors.OpError, TypeError):
        return math.inf
    return min(times[1:])


def _cosine(first: Any, second: Any) -> float:
    a, b = np.asarray(first, np.float64).ravel(), np.asarray(second, np.float64).ravel()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0.0 and math.isfinite(size) else 0.0


def _key(network: Network, outputs: Sequence[str], device: DeviceInfo, batch: int, side: int) -> str:
    facts = {
        "device": device.name,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "dreamvid": __version__,
        "network": fingerprint(network),
        "outputs": list(outputs),
        "pictures": [batch, side],
        **versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def fingerprint(network: Network) -> str:
    """Return a short digest of a network's structure and of some of each layer's weights."""
    digest = hashlib.sha256(network.name.encode())
    for node in network.loaded.graph.nodes:
        digest.update(f"{node.name} {node.kind} {node.shapes}".encode())
        for array in node.arrays()[:2]:
            digest.update(np.ascontiguousarray(array.ravel()[:64]).tobytes())
    return digest.hexdigest()[:16]


def _from_json(data: Any, device: DeviceInfo) -> PrecisionChoiceReport | None:
    try:
        formats = tuple(FormatReport(**{name: item[name] for name in _FIELDS}) for item in data["formats"])
        chosen = _decide(formats)
    except (TypeError, KeyError, StopIteration, AssertionError):
        return None
    return PrecisionChoiceReport(chosen, formats, device.name, cached=True)


def _read_cache(cache: Path) -> dict[str, Any]:
    """Return all answers; none where the file is missing or damaged."""
    try:
        data = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write_cache(cache: Path, key: str, answer: Any) -> None:
    """Add one answer to the file, atomically; a cache that cannot be written is no error."""
    entries = _read_cache(cache) | {key: answer}
    part = None
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(dir=cache.parent, prefix=".precision", suffix=".part")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(entries, file, indent=1)
        Path(part).replace(cache)
    except OSError:
        if part is not None:
            Path(part).unlink(missing_ok=True)
