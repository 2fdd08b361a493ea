"""Trains dreamnet, the embedded network, on small photographs.

    python tools/train_dreamnet.py SHARDS WORK [--seed 0]

SHARDS is a folder of ``train_*.npz`` and ``val_*.npz`` (see `dreamnet.photographs.read_shards`), WORK the folder of
checkpoints; run it again and it goes on where it was. At the end WORK holds ``dreamnet.keras``, which takes its place
in ``dreamvid/engine/weights``, ``log.jsonl`` and its plot. KERAS_BACKEND chooses tensorflow (default) or jax.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(
    shards: Annotated[Path, typer.Argument(help="Folder of train_*.npz and val_*.npz.", exists=True)],
    work: Annotated[Path, typer.Argument(help="Folder of checkpoints and results.")],
    seed: Annotated[int, typer.Option(help="Seed of weights, order and augmentation.")] = 0,
    precision: Annotated[
        str, typer.Option(help="float32, or mixed_bfloat16 where processor or GPU are fast at it.")
    ] = "mixed_bfloat16",
) -> None:
    """Train dreamnet and write its log."""
    import json  # noqa: PLC0415

    import keras  # noqa: PLC0415  slow to import

    from dreamnet.equalize import equalize, equalize_in_dreams  # noqa: PLC0415
    from dreamnet.export import export  # noqa: PLC0415
    from dreamnet.network import build_network  # noqa: PLC0415
    from dreamnet.photographs import enlarged, normalized, read_shards  # noqa: PLC0415
    from dreamnet.plot import plot  # noqa: PLC0415
    from dreamnet.recipe import DREAMED, EQUALIZED_BY, EQUALIZED_IN_DREAMS, RECIPE  # noqa: PLC0415
    from dreamnet.training import train  # noqa: PLC0415

    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    photographs = read_shards(shards, "train_*.npz")
    validation = read_shards(shards, "val_*.npz")
    network = build_network(int(photographs.labels.max()) + 1, fused=True)
    typer.echo(f"{len(photographs)} photographs, {network.count_params():,} parameters")
    records = train(
        network,
        RECIPE,
        photographs,
        validation,
        work,
        seed=seed,
        report=lambda record: print(json.dumps(record), flush=True),
    )
    (work / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    plot(records, work / "dreamnet_training.png")
    keras.config.set_dtype_policy("float32")
    finished = build_network(network.output_shape[-1])
    finished.set_weights(network.get_weights())
    equalize(finished, normalized(photographs.pictures[:EQUALIZED_BY]))
    equalize_in_dreams(finished, EQUALIZED_IN_DREAMS, enlarged(photographs.pictures[:DREAMED]))
    export(finished, work / "dreamnet.keras")


if __name__ == "__main__":
    typer.run(main)
