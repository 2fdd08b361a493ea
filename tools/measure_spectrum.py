"""Measure the magnitude spectrum of photographs, of which ``dreamvid/engine/parameterization.py`` holds the result.

    python tools/measure_spectrum.py SHARDS

SHARDS is the folder with ``train_*.npz``, photographs of 64 x 64. Prints for each decorrelated color the coefficients
(a, b, c) of ``ln magnitude = a + b ln f + c (ln f)^2``, with f in cycles per picture and a standard deviation of 1
over the values of all pictures, and how far the measured means are from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from dreamnet.photographs import read_shards
from dreamvid.engine.parameterization import DECORRELATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COUNT = 4000


def main(shards: Annotated[Path, typer.Argument(help="Folder of train_*.npz.", exists=True)]) -> None:
    """Measure the spectrum."""
    photographs = read_shards(shards, "train_00.npz").pictures[:_COUNT].astype(np.float32) / 255.0
    centered = photographs - photographs.mean(axis=(0, 1, 2))
    print(f"standard deviation {centered.std():.4f}")
    magnitudes = mean_magnitudes(centered / centered.std())
    frequency = np.arange(1, len(magnitudes) + 1)
    for color, measured in enumerate(magnitudes.T):
        coefficients = np.polyfit(np.log(frequency), np.log(measured), 2)[::-1]
        fitted = np.exp(np.polyval(coefficients[::-1], np.log(frequency)))
        error = np.abs(np.log(fitted / measured)).max()
        print(color, np.round(coefficients, 3).tolist(), f"at most {np.expm1(error):.0%} off")


def mean_magnitudes(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean magnitude of each whole frequency from 1 to half a side, ``[frequencies, 3]``.

    ``pictures`` ``[N, S, S, 3]`` are weighted by a Hann window of mean square 1, so that their borders, which a
    Fourier transform joins, count for nothing.
    """
    side = pictures.shape[1]
    taper = np.hanning(side + 1)[:-1]
    window = np.outer(taper, taper)
    window /= np.sqrt(np.mean(window**2))
    colors = pictures @ np.linalg.inv(DECORRELATED)
    spectra = np.abs(np.fft.fft2(colors * window[..., None], axes=(1, 2))).mean(axis=0)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))) * side
    rings = np.rint(frequencies).astype(int)
    return np.stack([spectra[rings == ring].mean(axis=0) for ring in range(1, side // 2 + 1)])


if __name__ == "__main__":
    typer.run(main)
