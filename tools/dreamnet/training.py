"""Runs a recipe from start to end, with a checkpoint after every pass."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from dreamnet.learner import make_learner, recognized
from dreamnet.photographs import batches, normalized
from dreamnet.recipe import OneCycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from dreamnet.photographs import Photographs
    from dreamnet.recipe import EmbeddedSettings, Phase

Record = dict[str, float | int | str]


@dataclass
class Progress:
    """How far a training is: whole passes done in the phase of this index, and one record for each pass so far."""

    phase: int
    passes: int
    records: list[Record]


def train(
    network: keras.Model,
    recipe: EmbeddedSettings,
    photographs: Photographs,
    validation: Photographs,
    folder: Path,
    *,
    seed: int = 0,
    report: Callable[[Record], None] = lambda _record: None,
) -> list[Record]:
    """Train a network by a recipe and return one record a pass.

    ``folder`` gets ``checkpoint.npz`` after every pass and ``<phase>.weights.h5`` after every phase. Where it holds a
    checkpoint, the training goes on from there, and ends as if it had never been cut.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(0, 0, [])
    for index, phase in enumerate(recipe.phases):
        optimizer = _optimizer(network, phase, recipe, len(photographs) // recipe.batch)
        progress = _restore(folder / "checkpoint.npz", index, network, optimizer) or progress
        if progress.phase > index:
            continue
        learner = make_learner(network, optimizer, phase, recipe)
        sized = photographs
        for number in range(progress.passes, len(phase.sides)):
            if sized.pictures.shape[1] != phase.sides[number]:
                sized = photographs.resized(phase.sides[number])
            record = _pass(learner, sized, phase, recipe, (seed, index, number))
            learner.store()
            top1, top5 = recognized(network, normalized(validation.pictures), validation.labels)
            record |= {"validation_top1": round(top1, 4), "validation_top5": round(top5, 4)}
            progress = Progress(index, number + 1, [*progress.records, record])
            _save(folder / "checkpoint.npz", progress, network, optimizer)
            report(record)
        network.save_weights(folder / f"{phase.name}.weights.h5")
        progress = Progress(index + 1, 0, progress.records)
    return progress.records


def _pass(
    learner: Any, photographs: Photographs, phase: Phase, recipe: EmbeddedSettings, seed: tuple[int, int, int]
) -> Record:
    started = time.monotonic()
    scores = []
    side = phase.sides[seed[2]]
    for batch in batches(photographs, recipe.batch, side, seed=seed, noise=phase.radius > 0):
        scores.append(learner.learn(batch))
        if len(scores) > 1:
            scores[-2] = tuple(float(score) for score in scores[-2])
    scores[-1] = tuple(float(score) for score in scores[-1])
    loss, accuracy = np.mean(np.array(scores), axis=0)
    return {
        "phase": phase.name,
        "pass": seed[2] + 1,
        "side": side,
        "radius": phase.radius,
        "loss": round(float(loss), 4),
        "accuracy": round(float(accuracy), 4),
        "seconds": round(time.monotonic() - started, 1),
    }


def _optimizer(network: keras.Model, phase: Phase, recipe: EmbeddedSettings, steps: int) -> keras.Optimizer:
    optimizer = keras.optimizers.SGD(
        OneCycle(phase.peak, steps * len(phase.sides), phase.warm_up),
        momentum=recipe.momentum,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimizer.build(network.trainable_variables)
    return optimizer


def _variables(network: keras.Model, optimizer: keras.Optimizer) -> dict[str, Any]:
    found = {f"network_{index}": variable for index, variable in enumerate(network.variables)}
    return found | {f"optimizer_{index}": variable for index, variable in enumerate(optimizer.variables)}


def _save(path: Path, progress: Progress, network: keras.Model, optimizer: keras.Optimizer) -> None:
    """Write a checkpoint beside the last one, then take its place, so that one of them is always whole."""
    values: dict[str, Any] = {
        name: np.asarray(value) for name, value in _variables(network, optimizer).items()
    }
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(file, progress=np.array(json.dumps(vars(progress))), **values)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _restore(path: Path, phase: int, network: keras.Model, optimizer: keras.Optimizer) -> Progress | None:
    """Take up a checkpoint of this phase or a later one; None where there is none."""
    if not path.exists():
        return None
    with np.load(path) as saved:
        progress = Progress(**json.loads(str(saved["progress"])))
        if progress.phase == phase:
            for name, variable in _variables(network, optimizer).items():
                variable.assign(saved[name])
    return progress if progress.phase >= phase else None
