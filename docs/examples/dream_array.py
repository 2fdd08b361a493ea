"""Dream an array, a soft gradient: first with a sum of two layers, then with a class."""

from __future__ import annotations

import numpy as np

import dreamvid


def main(width: int = 160, height: int = 96) -> dict[str, float]:
    """Return how much each dream changed the picture: the dream RMS, as a share of the full range."""
    y, x = np.mgrid[0.0 : 1.0 : height * 1j, 0.0 : 1.0 : width * 1j]
    picture = np.stack([x, 0.5 + 0.2 * np.sin(9 * x) * y, 1.0 - y], axis=-1).astype(np.float32)

    preset = {"octaves": 2, "ascent": {"steps": 4}}
    objective = dreamvid.layer("mixed4") + 0.5 * dreamvid.layer("mixed3")
    layers = dreamvid.dream(picture, preset=preset, objective=objective)

    # A loaded dreamer can be used for many pictures.
    dreamer = dreamvid.load_dreamer(preset, objective=dreamvid.class_logit("ladybug"))
    ladybug = dreamvid.dream(picture, dreamer=dreamer)

    return {
        name: float(np.sqrt(np.mean(np.square(dreamed - picture))))
        for name, dreamed in (("layers", layers), ("ladybug", ladybug))
    }


if __name__ == "__main__":
    print(main())
