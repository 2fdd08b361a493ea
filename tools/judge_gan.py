"""Judge a trained GAN: how close its pictures are to those that it was trained on, and which digits it writes.

    python tools/judge_gan.py NAME.gan SOURCE [--count 1000]

SOURCE is what it was trained on: a video, a folder, or ``digits``. Prints JSON with RMS distances in codes of 0 to
255: of generated pictures to the nearest real one, of real pictures to their nearest other one, and between random
real pictures. A generator that repeats its pictures has distances near 0; one that makes no such pictures, those of
random ones.

For ``digits``, a classifier trained on the real ones (500 extremely randomized trees, Geurts et al. 2006) names the
generated ones: with confidence where at least 40 % of the trees agree. It shows what that means on real digits that
it was not trained on, and on means of two of these.
"""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from dreamvid.gan_file import GENERATOR, GanFile, latent_vectors, open_gan
from dreamvid.pipelines.gan.digits import DIGITS
from dreamvid.pipelines.gan.pictures import read_training_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONFIDENT = 0.4
_TREES = 500
_HELD_OUT = 0.25


def main(
    gan: Annotated[Path, typer.Argument(help="A .gan file.")],
    source: Annotated[Path, typer.Argument(help="What it was trained on.")],
    count: Annotated[int, typer.Option(help="Generated pictures, of the seeds 0, 1, 2, ...")] = 1000,
) -> None:
    """Judge a trained GAN."""
    file = open_gan(gan)
    real = read_training_pictures(
        source, file.settings.size, start=Fraction(0), duration=None, keep_going=True
    ).codes
    generated = generate(file, count)
    report: dict[str, Any] = {
        "steps": file.settings.steps,
        "minutes": round(file.settings.seconds / 60.0, 1),
        "distances": distances(_flat(generated), _flat(real)),
    }
    if str(source) == DIGITS:
        report["digits"] = name_digits(_flat(generated), _flat(real))
    print(json.dumps(report, indent=2))


def generate(file: GanFile, count: int) -> NDArray[np.float32]:
    """Return pictures ``[count, S, S, C]`` in [0, 255]."""
    import keras  # noqa: PLC0415  slow to import

    with file.extract(GENERATOR) as path:
        generator = keras.models.load_model(path, compile=False)
    low, high = file.settings.input_range
    pictures = generator.predict(latent_vectors(range(count), file.settings.latent_size), verbose=0)
    return np.asarray((pictures - low) * (255.0 / (high - low)), np.float32)


def distances(generated: NDArray[np.float32], real: NDArray[np.float32]) -> dict[str, float]:
    """Return the median RMS distances of pictures ``[N, values]``; ``share_below_real`` is of generated pictures.

    It is the share that is closer to a real picture than the median real picture is to another.
    """
    to_real = _nearest(generated, real)
    among_real = _nearest(real, real)
    random = np.random.default_rng(0)
    pairs = random.permutation(len(real)), random.permutation(len(real))
    apart = np.sqrt(np.square(real[pairs[0]] - real[pairs[1]]).mean(axis=1))
    return {
        "generated_to_nearest_real": round(float(np.median(to_real)), 2),
        "generated_to_nearest_real_10_percent": round(float(np.quantile(to_real, 0.1)), 2),
        "generated_to_nearest_generated": round(float(np.median(_nearest(generated, generated))), 2),
        "real_to_nearest_real": round(float(np.median(among_real)), 2),
        "random_real_pairs": round(float(np.median(apart[apart > 0])), 2),
        "share_below_real": round(float((to_real < np.median(among_real)).mean()), 3),
    }


def name_digits(generated: NDArray[np.float32], real: NDArray[np.float32]) -> dict[str, Any]:
    """Return the shares that are named with confidence, and the share of each class among these."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  slow to import
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415  the same
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  the same

    labels = load_digits().target
    known, held_out, known_labels, held_out_labels = train_test_split(
        real, labels, test_size=_HELD_OUT, random_state=0, stratify=labels
    )
    trees = ExtraTreesClassifier(_TREES, random_state=0).fit(known, known_labels)
    blends = (held_out + held_out[np.random.default_rng(0).permutation(len(held_out))]) / 2.0
    votes = trees.predict_proba(generated)
    confident = votes.max(axis=1) >= _CONFIDENT
    named = Counter(votes.argmax(axis=1)[confident].tolist())
    held_out_votes = trees.predict_proba(held_out)
    sure = held_out_votes.max(axis=1) >= _CONFIDENT
    return {
        "confident": round(float(confident.mean()), 3),
        "classes": {digit: round(named[digit] / len(generated), 3) for digit in range(10)},
        "confident_held_out_real": round(float(sure.mean()), 3),
        "right_where_confident": round(
            float((held_out_votes.argmax(axis=1) == held_out_labels)[sure].mean()), 3
        ),
        "confident_means_of_two": round(
            float((trees.predict_proba(blends).max(axis=1) >= _CONFIDENT).mean()), 3
        ),
    }


def _flat(pictures: NDArray[Any]) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = pictures.reshape(len(pictures), -1).astype(np.float32)
    return flat


def _nearest(pictures: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the RMS distance of each picture to the nearest other one."""
    found: list[float] = []
    for picture in pictures:
        squares = np.square(others - picture).mean(axis=1)
        if others is pictures:
            squares[len(found)] = np.inf
        found.append(float(np.sqrt(squares.min())))
    return np.array(found)


if __name__ == "__main__":
    typer.run(main)
