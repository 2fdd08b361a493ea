"""GPano: read from XMP, kept, and written for panoramas."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dreamvid.media.still.panorama import goes_around, panorama_packet, read_panorama
from dreamvid.media.still.reader import Still, read_embedded, read_still
from dreamvid.media.still.writer import write_still
from dreamvid.types import Size

if TYPE_CHECKING:
    from pathlib import Path

PART = {
    "ProjectionType": "equirectangular",
    "PoseHeadingDegrees": "12.5",
    "CroppedAreaImageWidthPixels": "1000",
    "CroppedAreaImageHeightPixels": "300",
    "FullPanoWidthPixels": "1000",
    "FullPanoHeightPixels": "500",
    "CroppedAreaLeftPixels": "0",
    "CroppedAreaTopPixels": "80",
}
PICTURE = Still(np.full((30, 100, 3), 0.5, np.float32))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_every_format_keeps_what_a_panorama_says(suffix: str, depth: int, tmp_path: Path) -> None:
    path = tmp_path / f"around{suffix}"
    written = replace(PICTURE, depth=depth, panorama=PART)
    write_still(path, written, metadata={"dreamvid": "{}"}, overwrite=False)
    found = read_still(path).panorama
    assert found["PoseHeadingDegrees"] == "12.5"
    assert found["FullPanoHeightPixels"] == "50"  # it is a tenth of the size
    assert found["CroppedAreaTopPixels"] == "8"
    assert read_embedded(path) == "{}"


def test_a_bitmap_holds_nothing_and_is_written_all_the_same(tmp_path: Path) -> None:
    write_still(tmp_path / "around.bmp", PICTURE, panorama=True, overwrite=False)
    assert not read_still(tmp_path / "around.bmp").panorama


def test_flat_pictures_say_nothing(tmp_path: Path) -> None:
    write_still(tmp_path / "flat.jpg", PICTURE, overwrite=False)
    assert not read_still(tmp_path / "flat.jpg").panorama
    assert b"GPano" not in (tmp_path / "flat.jpg").read_bytes()


def test_elements_and_attributes_are_read() -> None:
    elements = (
        b"<GPano:ProjectionType>equirectangular</GPano:ProjectionType><GPano:PoseRollDegrees>1 &lt; 2</GPano:"
    )
    assert read_panorama(elements) == {"ProjectionType": "equirectangular", "PoseRollDegrees": "1 < 2"}
    assert read_panorama(b'GPano:ProjectionType="cylindrical"') == {}
    assert read_panorama(None) == {}


def test_a_part_of_the_circle_does_not_go_around() -> None:
    assert goes_around(PART)
    assert goes_around({"ProjectionType": "equirectangular"})
    assert not goes_around(PART | {"CroppedAreaImageWidthPixels": "500"})
    assert not goes_around({})


def test_a_new_panorama_is_described_around_the_horizon() -> None:
    found = read_panorama(panorama_packet({}, Size(50, 200)).encode())
    assert found["FullPanoWidthPixels"] == "200"
    assert found["FullPanoHeightPixels"] == "100"
    assert found["CroppedAreaTopPixels"] == "25"
