"""The chart of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from dreamvid.pipelines.charts import write_training_chart
from dreamvid.pipelines.gan.log import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path


def test_a_longer_training_replaces_the_chart(tmp_path: Path) -> None:
    path = tmp_path / "some.training.png"
    charts = []
    for count in (0, 1, 60):
        write_training_chart(path, [dict.fromkeys(COLUMNS, float(step) / 100) for step in range(count)])
        with Image.open(path) as image:
            charts.append((image.size, path.read_bytes()))
    assert len({size for size, _ in charts}) == 1
    assert len({data for _, data in charts}) == 3
