"""What is chosen for a suffix, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import pytest

from dreamvid.config.settings import OutputSettings
from dreamvid.errors import SettingsError, WriteError
from dreamvid.media.containers import CONTAINERS
from dreamvid.media.output import codecs
from dreamvid.media.output.codecs import ENCODERS, available_encoders, choose_codec
from dreamvid.types import Size, VideoInfo

PLAIN = VideoInfo(Size(48, 64), Fraction(24))
CLEAR = VideoInfo(Size(48, 64), Fraction(24), has_alpha=True)


@pytest.mark.parametrize(
    ("suffix", "info", "codec", "pix_fmt"),
    [
        (".mp4", PLAIN, "h264", "yuv420p"),
        (".MOV", PLAIN, "h264", "yuv420p"),
        (".mkv", PLAIN, "h264", "yuv420p"),
        (".webm", PLAIN, "vp9", "yuv420p"),
        (".mp4", CLEAR, "h264", "yuv420p"),
        (".mov", CLEAR, "prores", "yuva444p10le"),
        (".mkv", CLEAR, "ffv1", "bgra"),
        (".webm", CLEAR, "vp9", "yuva420p"),
        (".gif", PLAIN, "gif", "rgb24"),
        (".apng", CLEAR, "apng", "rgba"),
        (".webp", CLEAR, "webp", "bgra"),
        ("", CLEAR, "png", "rgba"),
    ],
)
def test_auto_chooses_by_suffix_and_alpha(suffix: str, info: VideoInfo, codec: str, pix_fmt: str) -> None:
    choice = choose_codec(suffix, OutputSettings(), info)
    assert (choice.codec, choice.pix_fmt) == (codec, pix_fmt)


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize(
    "codec", ["h264", "h265", "vp9", "av1", "prores", "ffv1", "hap", "hap-alpha", "hap-q", "dxv"]
)
def test_a_codec_is_taken_or_another_place_for_it_is_named(suffix: str, codec: Any) -> None:
    settings = OutputSettings(codec=codec)
    if codec in CONTAINERS[suffix].codecs:
        assert choose_codec(suffix, settings, PLAIN).codec == codec
        return
    with pytest.raises(SettingsError, match=f"cannot hold {codec}; use ") as caught:
        choose_codec(suffix, settings, PLAIN)
    named = str(caught.value).split("; use ")[1].split(" or ")
    for other in named:
        assert choose_codec(other, settings, PLAIN).codec == codec


def test_a_crf_out_of_the_codecs_range_names_the_range() -> None:
    with pytest.raises(SettingsError, match=r"output\.crf: h264 takes 0 to 51, not 60"):
        choose_codec(".mp4", OutputSettings(crf=60), PLAIN)
    assert choose_codec(".webm", OutputSettings(crf=60), PLAIN).options["crf"] == "60"


@pytest.mark.parametrize("suffix", [".gif", ".apng", ""])
def test_a_crf_without_effect_is_told(suffix: str) -> None:
    choice = choose_codec(suffix, OutputSettings(crf=20), PLAIN)
    assert any("crf 20 has no effect" in note for note in choice.notes)


def test_a_missing_encoder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", set())
    monkeypatch.setattr(codecs, "can_encode_hap", lambda: False)
    with pytest.raises(WriteError, match="no encoder for h264"):
        choose_codec(".mp4", OutputSettings(), PLAIN)
    assert set(available_encoders().values()) == {None}


def test_every_codec_of_the_settings_has_an_encoder_here() -> None:
    found = available_encoders()
    assert set(found) == set(ENCODERS)
    assert all(found.values()), found


def test_depth_ten_without_such_a_format_is_told() -> None:
    choice = choose_codec(".gif", OutputSettings(depth="10"), PLAIN)
    assert choice.depth == 8
    assert any("depth 10 has no effect" in note for note in choice.notes)


def test_libvpx_without_high_depth_says_which_setting_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shallow:
        is_encoder = True
        video_formats = ()

        def __init__(self, *_: str) -> None: ...

    monkeypatch.setattr(codecs, "AvCodec", Shallow)
    with pytest.raises(SettingsError, match="depth 8 or another codec"):
        choose_codec(".webm", OutputSettings(depth="10"), PLAIN)
