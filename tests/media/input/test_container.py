from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from dreamvid.errors import ReadError
from dreamvid.media.input.container import open_input
from dreamvid.media.input.probe import probe
from dreamvid.media.input.source import open_source
from dreamvid.text import printable

MakeClip = Callable[..., Path]


def refusal(path: str | Path) -> str:
    """Return the one line with which a path is refused."""
    with pytest.raises(ReadError) as caught:
        list(open_source(path))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "url", ["http://localhost/a.mp4", "https://x/y.mkv", "rtsp://a/b", "file:///etc/passwd"]
)
def test_urls_are_refused(url: str) -> None:
    assert refusal(url).startswith(f"{url} is a URL")


def test_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.mp4").startswith("no such file")
    assert "no such file" in refusal("concat:a.mp4|b.mp4")
    assert "without pictures" in refusal(tmp_path)
    assert "not a regular file" in refusal("/dev/null")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "not a regular file" in refusal(tmp_path / "pipe.mp4")


PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nSECRET\n#EXT-X-ENDLIST\n",
    "ffconcat": b"ffconcat version 1.0\nfile 'SECRET'\n",
    "dash": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period/></MPD>",
    "pls": b"[playlist]\nFile1=SECRET\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt"])
def test_playlists_and_scripts_are_refused(
    make_clip: MakeClip, tmp_path: Path, kind: str, suffix: str
) -> None:
    target = make_clip(name="target.mp4")
    script = tmp_path / f"script{suffix}"
    script.write_bytes(PLAYLISTS[kind].replace(b"SECRET", str(target).encode()))
    message = refusal(script)
    assert "playlist or script" in message or "text" in message


def test_no_video_in_it(make_clip: MakeClip, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in refusal(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("Grüße\n" * 900)
    assert "is text, not a video" in refusal(tmp_path / "text.mp4")
    (tmp_path / "noise.mkv").write_bytes(bytes(range(256)) * 40)
    assert "not a video that dreamvid can read" in refusal(tmp_path / "noise.mkv")
    (tmp_path / "still.mp4").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    assert "dreamvid image" in refusal(tmp_path / "still.mp4")
    whole = make_clip(name="whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: whole.index(b"moov") - 4])
    assert "moov" in refusal(tmp_path / "cut.mp4")


def test_sound_alone_is_no_video(make_clip: MakeClip, tmp_path: Path) -> None:
    path = tmp_path / "tone.m4a"
    with (
        av.open(str(make_clip(sound=0.3)), "r") as source,
        av.open(str(path), "w", "mp4") as target,
    ):
        track = source.streams.audio[0]
        copy = target.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    assert "sound but no video" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_an_unreadable_file(make_clip: MakeClip) -> None:
    path = make_clip()
    path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize(
    "name", ["-dash.mp4", "co:lon.mp4", "http:.mp4", "%03d.mp4", 'a\'b "c".mp4', "ünï.mp4", "..mp4"]
)
def test_odd_names_are_harmless(make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = make_clip(name="clip.mp4", frames=3)
    path = path.rename(path.with_name(name))
    monkeypatch.chdir(path.parent)
    assert len(list(open_source(name))) == 3


def test_a_name_that_is_no_utf_8(make_clip: MakeClip) -> None:
    path = make_clip(frames=3)
    odd = path.with_name(os.fsdecode(b"caf\xe9\n.mp4"))
    path.rename(odd)
    assert probe(odd).video.frames == 3
    assert "\n" not in printable(odd)
    printable(odd).encode()


def test_the_file_is_closed_again(make_clip: MakeClip) -> None:
    with open_input(make_clip()) as container:
        assert container.streams.video
    folder = Path("/proc/self/fd")
    if folder.exists():
        assert not [f for f in folder.iterdir() if f.exists() and "clip.mp4" in str(f.resolve())]
