"""Turn settings into dreamers and stabilizers: the only module of the pipelines and commands that knows the engine.

The engine is imported inside functions, since TensorFlow takes seconds to load.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dreamvid import objective as objectives
from dreamvid.config.fields import named_files
from dreamvid.config.settings import MAX_CADENCE
from dreamvid.errors import ModelError, ObjectiveError, ReadError, SettingsError
from dreamvid.image.resize import resize
from dreamvid.objective import KINDS, Objective, Term
from dreamvid.pipelines.panorama import is_panorama
from dreamvid.pipelines.steps import gradient_steps
from dreamvid.schedule.fields import constant
from dreamvid.schedule.objective_schedule import AUTO
from dreamvid.schedule.times import START
from dreamvid.types import RGB, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from dreamvid.config.preset import Preset
    from dreamvid.config.settings import AscentSettings, ModelSettings, OctaveSettings, PrecisionChoice
    from dreamvid.config.visualization import VisualizationSettings
    from dreamvid.engine.activations import ActivationReader
    from dreamvid.engine.architectures import ModelEntry
    from dreamvid.engine.dreamer import DreamEngine
    from dreamvid.engine.gan.generator import Generator
    from dreamvid.engine.gan.trainer import GanTrainer
    from dreamvid.engine.network import Network
    from dreamvid.engine.visualizer import FeatureVisualizer
    from dreamvid.gan_file import GanSettings
    from dreamvid.pipelines.options import RunOptions
    from dreamvid.types import Stabilizer

_log = logging.getLogger(__name__)

_GUIDE_SIDE = 512
# Steadiness from which on detail stays as it is where the picture stands still.
_RESTING = 0.75
# Frames a second that are dreamed at least, where the cadence is auto.
_DREAMED_RATE = 6.0


@dataclass(frozen=True, slots=True)
class LoadedDreamer:
    """A dreamer that is ready, what ``auto`` became, and the further files that it was made from, by role."""

    dreamer: DreamEngine
    resolved: Callable[[Size], dict[str, object]]
    files: dict[str, Path]


def warn_unused_trip_fields(preset: Preset) -> None:
    """Warn that a zoom trip's settings move nothing, where what is dreamed is no trip."""
    if preset.camera != type(preset.camera)() or preset.trip != type(preset.trip)():
        _log.warning("the preset's camera and trip settings are for 'dreamvid zoom'; here nothing is moved")


def build_dreamer(
    preset: Preset, options: RunOptions, *, objective: Objective | None = None, still: bool = False
) -> LoadedDreamer:
    """Return the dreamer that a preset describes.

    ``objective`` overrules the preset's, for guide images given as arrays. A ``still`` is accentuated where the
    preset says so. Loads TensorFlow.

    Raises
    ------
    DreamvidError
        In one line: an unknown model, layer, channel or class, weights that do not fit, a missing guide image.
    """
    from dreamvid.engine import precision, runtime
    from dreamvid.engine.accentuation import AccentuationEngine
    from dreamvid.engine.dreamer import DreamEngine
    from dreamvid.engine.panorama import PanoramaEngine

    if preset.ascent.accentuate and not still:
        _log.warning("ascent.accentuate is for stills (dreamvid image); frames are dreamed as usual")
    preset = preset.at(START)  # what changes over time is set for each frame
    if objective is None and isinstance(preset.objective, Objective):
        objective = preset.objective
    guides = {} if objective is None else read_guides(objective)
    device = runtime.configure(device=options.device, threads=options.threads)
    network = load_network(
        preset.model,
        with_classes=objective is not None and objective.needs_classifier,
        trust=options.trust_model,
    )
    objective = objective or best_objective(network)
    chosen = precision.resolve(network, objective, preset.run.precision, device)
    kind = PanoramaEngine if is_panorama(preset) else DreamEngine
    engine = (AccentuationEngine if still and preset.ascent.accentuate else kind)(
        network,
        objective,
        octaves=preset.octaves,
        ascent=preset.ascent,
        run=preset.run,
        guides=guides,
        precision=chosen,
        xla=device.xla,
    )

    def resolved(size: Size) -> dict[str, object]:
        return {
            "objective": str(objective),
            "precision": chosen,
            "device": device.name,
            "plan": engine.plan_for(size),
        }

    return LoadedDreamer(engine, resolved, _files(preset, objective))


def build_visualizer(
    model: ModelSettings,
    output: str,
    settings: VisualizationSettings,
    options: RunOptions,
    *,
    octaves: OctaveSettings | None = None,
    ascent: AscentSettings | None = None,
    precision: PrecisionChoice = "auto",
) -> FeatureVisualizer:
    """Return what makes pictures of a layer's channels, or of classes where ``output`` is ``logits``.

    ``octaves`` and ``ascent`` are the settings of the dream of given images; their defaults where None.

    Loads TensorFlow; networks are cached, so that each layer of one costs no more than its own function.

    Raises
    ------
    DreamvidError
        In one line: an unknown model or layer, weights that do not fit, no classifier.
    """
    from dreamvid.engine import precision as formats
    from dreamvid.engine import runtime
    from dreamvid.engine.graph_transforms import LOGITS
    from dreamvid.engine.visualizer import BATCH, FeatureVisualizer

    device = runtime.configure(device=options.device, threads=options.threads)
    network = load_network(model, with_classes=output == LOGITS, trust=options.trust_model)
    chosen: str = precision
    if precision == "auto":
        chosen = formats.choose(network, (output,), device=device, batch=BATCH, side=settings.size).chosen
    return FeatureVisualizer(network, output, settings, octaves=octaves, ascent=ascent, precision=chosen)


def build_gan_trainer(settings: GanSettings, options: RunOptions) -> GanTrainer:
    """Return what trains a GAN, its networks with their first weights; loads TensorFlow.

    Raises
    ------
    EngineError
        Where there is no such device.
    """
    from dreamvid.engine import runtime
    from dreamvid.engine.gan.trainer import GanTrainer

    runtime.configure(device=options.device, threads=options.threads)
    return GanTrainer(settings)


def load_generator(path: Path, options: RunOptions) -> Generator:
    """Return the generator in a file; see :func:`dreamvid.engine.gan.generator.load_generator`. Loads TensorFlow."""
    from dreamvid.engine import runtime
    from dreamvid.engine.gan import generator

    runtime.configure(device=options.device, threads=options.threads)
    return generator.load_generator(path, trust=options.trust_model)


def needs_picture(preset: Preset) -> bool:
    """Return whether the preset's objective has terms that stand for channels chosen by a picture."""
    return preset.objective != AUTO and preset.objective.needs_picture


def choose_channels(preset: Preset, options: RunOptions, picture: RGB) -> Preset:
    """Return the preset with the channels that its objective leaves to a picture; see :mod:`dreamvid.engine.ranking`.

    A preset whose objective leaves none comes back as it is. Else loads TensorFlow, and logs what was chosen.

    Raises
    ------
    DreamvidError
        In one line: an unknown model or layer, or one with too few channels that the picture activates.
    """
    objective = preset.objective
    if objective == AUTO or not objective.needs_picture:
        return preset
    from dreamvid.engine import ranking, runtime

    runtime.configure(device=options.device, threads=options.threads)
    network = load_network(
        preset.model,
        with_classes=Objective(objective.terms).needs_classifier,
        trust=options.trust_model,
    )
    small = _limit(picture)

    def choose(term: Term) -> tuple[Term, ...]:
        chosen = ranking.choose_channels(term, network, small, preset.run.seed)
        if chosen != (term,):
            _log.warning("objective '%s' is '%s' (seed %d)", term, Objective(chosen), preset.run.seed)
        return chosen

    return preset.model_copy(update={"objective": objective.replace_terms(choose)})


def build_stabilizer(preset: Preset, *, rate: Fraction | float = 24, turnover: float = 0.0) -> Stabilizer:
    """Return what holds a preset's dreams steady; what was not given follows from its steadiness.

    ``rate`` is the video's, in frames a second; ``turnover`` is the share of the detail that is exchanged, as the
    objective changes.
    """
    from dreamvid.flow.optical_flow import make_estimator  # noqa: PLC0415  the same
    from dreamvid.flow.panorama import PanoramaStabilizer  # noqa: PLC0415  OpenCV loads only when something is dreamed
    from dreamvid.flow.stabilizer import CarriedDetail, IndependentFrames  # noqa: PLC0415  the same

    settings = preset.stability
    steadiness = constant(settings.steadiness)
    if steadiness == 0.0:
        return IndependentFrames()
    freedom = 1.0 - steadiness
    carried = CarriedDetail(
        make_estimator(settings.method, settings.flow.preset, settings.flow.scale),
        longest=settings.flow.scale,
        full=int(gradient_steps(preset, "first frame")),
        steps=int(gradient_steps(preset, "carried frame")),
        decay=1.0 - 0.25 * freedom**2 if settings.decay is None else constant(settings.decay),
        blend=0.625 * steadiness if settings.blend is None else constant(settings.blend),
        ascent_length=gradient_steps(preset, "still") * constant(preset.ascent.step_size),
        turnover=turnover,
        cadence=cadence_at(settings.cadence, rate),
        adaptive=settings.cadence == "auto",
        rests=steadiness >= _RESTING and settings.decay is None and settings.steps is None,
    )
    return PanoramaStabilizer(carried) if is_panorama(preset) else carried


def cadence_at(cadence: int | Literal["auto"], rate: Fraction | float) -> int:
    """Return how many frames one is dreamed of, at least, at a rate (frames a second)."""
    if cadence == "auto":
        return min(max(1, round(float(rate) / _DREAMED_RATE)), MAX_CADENCE)
    return cadence


def best_objective(network: Network) -> Objective:
    """Return what a network dreams best: as registered, the score of a ``.gan``, else a layer two thirds down.

    Raises
    ------
    ObjectiveError
        Where the network has no layer that can be dreamed.
    """
    for entry in known_models():
        if entry.name == network.name:
            return objectives.parse(entry.objective)
    if network.classes == ("score",):
        return objectives.score()
    if not network.layers:
        raise ObjectiveError(
            f"{network.name} has no layer that keeps the shape of a picture, so name what to enhance: "
            "--objective class:0, for example"
        )
    depth = max(layer.depth for layer in network.layers) * 2 // 3
    shallow = [layer.name for layer in network.layers if layer.depth <= depth]
    return objectives.layer(shallow[-1] if shallow else network.layers[0].name)


def load_network(
    settings: ModelSettings, *, with_classes: bool = False, trust: bool = False, seed_weights: bool = False
) -> Network:
    """Return a network; see :func:`dreamvid.engine.network.load_network`."""
    from dreamvid.engine import network

    return network.load_network(settings, with_classes=with_classes, trust=trust, seed_weights=seed_weights)


def open_network(model: ModelSettings, options: RunOptions, *, with_classes: bool) -> Network:
    """Return a network on the device of the options; errors are those of :func:`load_network`."""
    from dreamvid.engine import runtime

    runtime.configure(device=options.device, threads=options.threads)
    return load_network(model, with_classes=with_classes, trust=options.trust_model)


def is_classifier(network: Network) -> bool:
    """Return whether a network gives logits, as it was loaded."""
    return network.loaded.logits is not None and bool(network.classes)


def build_reader(network: Network, layers: Sequence[str]) -> ActivationReader:
    """Return what reads the activations of layers, or of the classes by ``logits``.

    Raises
    ------
    ObjectiveError
        Where a layer is unknown, or the network has no classifier.
    """
    from dreamvid.engine.activations import ActivationReader

    return ActivationReader(network, layers)


def known_models() -> tuple[ModelEntry, ...]:
    """Return every network that can be named; loads no TensorFlow."""
    from dreamvid.engine import architectures

    return architectures.known_models()


def dream_suggestions() -> dict[str, list[str]]:
    """Return objectives that dream well, by network: layers, and the classes of the embedded one; no TensorFlow."""
    from dreamvid.engine import architectures, labels

    suggestions = {
        entry.name: list(dict.fromkeys((entry.objective, *entry.layers)))
        for entry in architectures.known_models()
    }
    names = labels.class_names("dreamnet_classes.txt")
    suggestions["dreamnet"] += [f"class:{labels.synonyms(name)[0]}" for name in names]
    return suggestions


def step_cost(model: str) -> float | None:
    """Return the time of a network's gradient step as a multiple of dreamnet's; None where it is not known."""
    from dreamvid.engine import architectures

    try:
        return architectures.find_model(model).step_cost
    except ModelError:
        return None


def describe_layers(settings: ModelSettings, *, trust: bool = False) -> list[dict[str, object]]:
    """Return name, kind, shape, channels, stride and depth of each layer that an objective can name.

    The weights of a network that has a name are not needed, and not downloaded.
    """
    network = load_network(settings, trust=trust, seed_weights=settings.weights is None)
    names = ("name", "kind", "shape", "channels", "stride", "depth")
    return [
        {name: getattr(layer, name) for name in names} for layer in network.layers + network.pooled_layers
    ]


def check_objective(objective: Objective, network: Network) -> None:
    """Raise a one-line DreamvidError where the network lacks what an objective names, or a guide image is missing."""
    from dreamvid.engine.objectives import BoundObjective

    named = objective.replace_terms(_as_layer)
    if named.terms:
        BoundObjective.bind(named, network, read_guides(named))


def _as_layer(term: Term) -> tuple[Term, ...]:
    """Return the layer that a term names, where a picture will choose its channels; nothing where it names none."""
    if not KINDS[term.kind].needs_picture:
        return (term,)
    return (Term("layer", term.layer),) if term.layer else ()


def diagnose_engine(model: ModelSettings, device: str) -> dict[str, Any]:
    """Return facts about the network, TensorFlow, the device and the precision, with times of a gradient step."""
    from dreamvid.engine import precision, runtime
    from dreamvid.engine.weight_files import weights_folder

    configured = runtime.configure(device=device)
    network = load_network(model)
    objective = best_objective(network)
    return {
        "model": network.name,
        "objective": str(objective),
        **precision.diagnose(network, precision.needed_outputs(objective, network), configured),
        "keras weights folder": str(weights_folder()),
    }


def count_gpus() -> int:
    """Return the number of GPUs that TensorFlow sees."""
    from dreamvid.engine import runtime

    return sum(device.kind == "gpu" for device in runtime.devices())


def clear_cache() -> None:
    """Free the memory of networks and compiled functions that are cached in the process for the next dream."""
    from dreamvid.engine import dreamer

    dreamer.clear_cache()


def read_guides(objective: Objective) -> dict[str, RGB]:
    """Return the guide images that an objective names, at most 512 px on their longer side, by path."""
    guides: dict[str, RGB] = {}
    for file in objective.image_files:
        from dreamvid.media.still.reader import read_still  # noqa: PLC0415  loads imageio

        try:
            guides[file] = _limit(read_still(Path(file)).rgb)
        except ReadError as error:
            raise SettingsError(f"guide image: {error}") from error
    return guides


def _limit(image: RGB) -> RGB:
    height, width = image.shape[:2]
    factor = _GUIDE_SIDE / max(height, width)
    if factor >= 1.0:
        return image
    return resize(image, Size(max(1, round(height * factor)), max(1, round(width * factor))))


def _files(preset: Preset, objective: Objective) -> dict[str, Path]:
    files = {
        f"guide{i}": Path(t.argument)
        for i, t in enumerate(objective.terms)
        if t.argument in objective.image_files
    }
    files = {role: path for role, path in files.items() if path.is_file()}
    named = dict(named_files(preset.model)) | dict(named_files(preset.mask))
    return files | {role: path for role, path in named.items() if role != "model" or path.is_file()}
