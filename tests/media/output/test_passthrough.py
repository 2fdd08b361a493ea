"""Sound, subtitles, chapters and metadata of the source, in sync and in every container."""

from __future__ import annotations

import re
import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 36
CLICK = 0.7
SYNC = 0.004
"""Seconds; a codec smears a click by less."""


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize(
    ("source", "codec"),
    [("s.mp4", "aac"), ("s.mkv", "aac"), ("s.mkv", "libopus"), ("s.mkv", "flac"), ("s.mov", "pcm_s16le")],
)
def test_sound_stays_in_sync_whatever_the_container(  # noqa: PLR0917  fixtures and parameters
    write: Any, clicking: Any, listen: Any, source: str, codec: str, suffix: str
) -> None:
    path = clicking(source, codec=codec)
    (heard,) = listen(write(f"o{suffix}", frames=FRAMES, streams_from=path).path)
    assert heard.click == pytest.approx(CLICK, abs=SYNC)
    assert heard.end == pytest.approx(1.5, abs=0.03)
    assert heard.language == "fra"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("start", [Fraction(1, 4), Fraction(1, 3)])
def test_a_cut_takes_the_sound_of_the_same_stretch(
    write: Any, clicking: Any, listen: Any, suffix: str, start: Fraction
) -> None:
    source = clicking(seconds=2.0)
    written = write(f"o{suffix}", frames=24, streams_from=source, cut=(start, Fraction(1)))
    (heard,) = listen(written.path)
    assert heard.click == pytest.approx(CLICK - float(start), abs=SYNC)
    assert heard.begin == pytest.approx(0, abs=0.03)
    assert heard.end == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize(("source", "codec"), [("s.mkv", "aac"), ("s.mp4", "aac"), ("s.mkv", "libopus")])
def test_sound_before_the_first_picture_is_kept(  # noqa: PLR0917  fixtures and parameters
    write: Any, clicking: Any, listen: Any, source: str, codec: str, suffix: str
) -> None:
    path = clicking(source, codec=codec, video_start=Fraction(1, 2))
    written = write(f"o{suffix}", frames=FRAMES, streams_from=path)
    (heard,) = listen(written.path)
    assert heard.click == pytest.approx(CLICK, abs=SYNC)
    assert heard.begin == pytest.approx(-0.5, abs=0.03)
    assert heard.end == pytest.approx(1.5, abs=0.03)
    assert written.times()[0] == pytest.approx(0.5, abs=0.002)


def test_no_packet_of_sound_before_the_first_picture_is_lost(write: Any, clicking: Any) -> None:
    source = clicking("s.mkv", video_start=Fraction(2, 5))
    assert _sound_packets(write("o.mp4", frames=FRAMES, streams_from=source).path) == _sound_packets(source)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cut_begins_with_its_first_picture_wherever_the_sound_begins(
    write: Any, clicking: Any, listen: Any, suffix: str
) -> None:
    source = clicking("s.mkv", video_start=Fraction(1, 2), seconds=2.0)
    written = write(f"o{suffix}", frames=24, streams_from=source, cut=(Fraction(1, 4), Fraction(1)))
    (heard,) = listen(written.path)
    assert written.times()[0] == 0
    assert heard.click == pytest.approx(CLICK - 0.25, abs=SYNC)
    assert heard.end == pytest.approx(1, abs=0.05)
    whole = write(f"p{suffix}", frames=24, streams_from=source, cut=(Fraction(0), Fraction(1)))
    (heard,) = listen(whole.path)
    assert heard.begin == pytest.approx(-0.5, abs=0.03)
    assert heard.end == pytest.approx(1, abs=0.05)


def test_a_silent_output_does_not_wait_for_sound(write: Any, clicking: Any) -> None:
    source = clicking("s.mkv", video_start=Fraction(1, 2))
    assert write(frames=FRAMES, streams_from=source, audio=False).times()[0] == 0


def test_sound_longer_than_the_video_is_kept_whole(write: Any, clicking: Any, listen: Any) -> None:
    (heard,) = listen(write(frames=6, streams_from=clicking(seconds=2.0)).path)
    assert heard.end == pytest.approx(2.0, abs=0.03)


def test_copied_sound_is_the_same_bytes(write: Any, clicking: Any) -> None:
    source = clicking()
    assert _sound_packets(write(frames=FRAMES, streams_from=source).path) == _sound_packets(source)


def _sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(audio=0) if p.size]


def test_five_channels_and_a_subwoofer_survive_a_new_encoding(write: Any, clicking: Any, listen: Any) -> None:
    written = write("o.webm", frames=FRAMES, streams_from=clicking(layout="5.1"))
    (heard,) = listen(written.path)
    assert (heard.codec, heard.layout, heard.rate) == ("opus", "5.1", 48000)
    assert written.said("cannot hold aac", "OPUS")


def test_no_audio_leaves_the_sound_out_and_the_rest_in(write: Any, clicking: Any, listen: Any) -> None:
    written = write(frames=FRAMES, streams_from=clicking(metadata={"title": "A walk"}), audio=False)
    assert listen(written.path) == []
    with av.open(str(written.path)) as container:
        assert container.metadata["title"] == "A walk"


@pytest.mark.parametrize("suffix", [".gif", ".apng", ".webp", ""])
def test_a_container_without_sound_says_so(write: Any, clicking: Any, suffix: str) -> None:
    assert write(f"o{suffix}", streams_from=clicking()).said("holds no sound")
    assert not write(f"p{suffix}", streams_from=clicking(), audio=False).said("sound")


def test_a_sound_file_alone_goes_along_from_the_start(write: Any, tmp_path: Path, listen: Any) -> None:
    path = tmp_path / "wind.wav"
    samples = np.zeros(48000, np.int16)
    samples[24000:24480] = 30000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(samples.tobytes())
    written = write(frames=24, streams_from=path)
    (heard,) = listen(written.path)
    assert heard.click == pytest.approx(0.5, abs=SYNC)
    assert (heard.codec, heard.layout) == ("aac", "mono")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_generated_sound_is_encoded_without_a_word(write: Any, wind: Path, listen: Any, suffix: str) -> None:
    written = write(f"o{suffix}", streams_from=wind, streams_are_generated=True)
    assert len(listen(written.path)) == 1
    assert not written.said("")


def test_generated_sound_is_not_noted_in_a_folder(write: Any, wind: Path) -> None:
    written = write("o", streams_from=wind, streams_are_generated=True)
    assert written.said("holds no sound", "left out")
    assert wind.name not in (written.path / "frames.json").read_text()


@pytest.fixture
def wind(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "wind.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(bytes(4 * 44100))
    return tmp_path / "wind.wav"


def _rename_codec(path: Path, track: int, code: bytes, new: bytes) -> None:
    """Rename the codec of the given one of all tracks of a code in an MP4 or QuickTime file."""
    data = bytearray(path.read_bytes())
    entry = [match.start() for match in re.finditer(b"stsd", bytes(data))][track] + 16
    assert data[entry : entry + 4] == code
    data[entry : entry + 4] = new
    if (description := data.find(b"esds", entry, entry + 64)) > 0:  # which names it once more
        data[description : description + 4] = b"free"
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("audio", [True, False])
def test_tracks_of_unknown_codecs_are_left_out_with_one_note(
    write: Any, clicking: Any, listen: Any, tmp_path: Path, suffix: str, *, audio: bool
) -> None:
    clicking("one.mp4", subtitles=[(0.0, 1.0, "hello")])
    path = tmp_path / "phone.mp4"
    with av.open(str(tmp_path / "one.mp4")) as source, av.open(str(path), "w") as copy:
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        streams[9] = copy.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux():
            if packet.dts is None:
                continue
            is_sound = packet.stream.type == "audio"
            data = av.Packet(bytes(packet)) if is_sound else None
            times = packet.pts, packet.dts, packet.time_base, packet.duration
            packet.stream = streams[packet.stream.index]
            copy.mux(packet)
            if data is not None:
                data.pts, data.dts, data.time_base, data.duration = times
                data.stream = streams[9]
                copy.mux(data)
    _rename_codec(path, 3, b"mp4a", b"Xfoa")
    _rename_codec(path, 2, b"tx3g", b"mebx")
    written = write(f"o{suffix}", frames=FRAMES, streams_from=path, audio=audio)
    assert len(listen(written.path)) == audio
    left_out = [note for note in written.notes if "left out" in note]
    assert len(left_out) == 1
    assert left_out[0].startswith("phone.mp4: left out: ")
    assert "track 2" in left_out[0]
    assert ("sound track 3 (unknown codec)" in left_out[0]) == audio


def _subtitles(path: Path) -> list[Any]:
    """Begin and duration (seconds) and words of each."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.subtitles[0]
        base = stream.time_base
        found = []
        for packet in container.demux(stream):
            decoded: Any = packet.decode() if packet.size else ()
            for shown in decoded:
                words = shown.dialogue.decode().strip()
                if words:
                    found.append(
                        (float((packet.pts or 0) * base), float((packet.duration or 0) * base), words)
                    )
        return found


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("source", ["s.mp4", "s.mkv"])
def test_subtitles_are_converted_where_the_container_needs_it(
    write: Any, clicking: Any, source: str, suffix: str
) -> None:
    path = clicking(source, subtitles=[(0.1, 0.5, "Bonjour"), (0.8, 1.2, "Au revoir")])
    written = write(f"o{suffix}", frames=FRAMES, streams_from=path)
    assert _subtitles(written.path) == [
        (pytest.approx(0.1), pytest.approx(0.4), "Bonjour"),
        (pytest.approx(0.8), pytest.approx(0.4), "Au revoir"),
    ]


def test_subtitles_are_cut_with_the_video(write: Any, clicking: Any) -> None:
    path = clicking("s.mkv", subtitles=[(0.1, 0.5, "one"), (0.8, 1.2, "two"), (1.3, 1.4, "three")])
    written = write("o.mkv", frames=17, streams_from=path, cut=(Fraction(3, 10), Fraction(7, 10)))
    assert _subtitles(written.path) == [
        (pytest.approx(0.0), pytest.approx(0.2), "one"),
        (pytest.approx(0.5), pytest.approx(0.2), "two"),
    ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_chapters_are_carried_and_cut(write: Any, clicking: Any, suffix: str) -> None:
    source = clicking("s.mkv", chapters=[(0, 500, "dawn"), (500, 1000, "day"), (1000, 1500, "dusk")])

    def chapters(path: Path) -> list[tuple[float, float, str]]:
        with av.open(str(path)) as container:
            return [
                (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
                for c in container.chapters()
                if c["time_base"]
            ]

    assert chapters(write(f"a{suffix}", frames=FRAMES, streams_from=source).path) == [
        (0, 0.5, "dawn"),
        (0.5, 1, "day"),
        (1, 1.5, "dusk"),
    ]
    cut = write(f"b{suffix}", frames=12, streams_from=source, cut=(Fraction(1, 4), Fraction(1, 2)))
    assert chapters(cut.path) == [(0, 0.25, "dawn"), (0.25, 0.5, "day")]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_metadata_of_the_source_and_our_own_are_both_there(write: Any, clicking: Any, suffix: str) -> None:
    source = clicking(metadata={"title": "A walk", "artist": "É. Ü."})
    ours = {"dreamvid": '{"seed":1}'}
    written = write(f"o{suffix}", frames=FRAMES, streams_from=source, metadata=ours)
    with av.open(str(written.path)) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    assert found["title"] == "A walk"
    assert found["artist"] == "É. Ü."
    assert found["dreamvid"] == '{"seed":1}'


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_damaged_sound_does_not_cost_the_video(write: Any, clicking: Any, suffix: str) -> None:
    source = clicking("s.mkv", codec="aac")
    data = bytearray(source.read_bytes())
    noise = np.random.default_rng(0)
    for at in range(len(data) // 2, len(data), 37):
        data[at] = int(noise.integers(256))
    source.write_bytes(data)
    written = write(f"o{suffix}", frames=FRAMES, streams_from=source)
    assert len(written.times()) == FRAMES
    assert not written.path.with_name(f".{written.path.name}.part").exists()


def test_a_stream_source_that_is_no_media_file_is_left_aside(write: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a sound")
    written = write(streams_from=path)
    assert len(written.times()) == 5
    assert written.said("no sound can be read")
