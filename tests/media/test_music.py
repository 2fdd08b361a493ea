from __future__ import annotations

import io
import os
import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from dreamvid.audio.music import AudioTrack, fit_track, write_track
from dreamvid.config.settings import OutputSettings
from dreamvid.errors import DamagedError, ReadError, SettingsError, WriteError
from dreamvid.media.input.audio import read_audio
from dreamvid.media.output.writer import open_writer
from dreamvid.types import Frame, Size, VideoInfo

if TYPE_CHECKING:
    from pathlib import Path

RATE = 44_100
Sound = NDArray[np.float32]


def read_track(path: Path, **part: Any) -> AudioTrack:
    return AudioTrack(*read_audio(path, **part))


def tone(seconds: float, rate: int = RATE, channels: int = 2, hertz: float = 440.0) -> Sound:
    time = np.arange(round(seconds * rate)) / rate
    return np.stack(
        [0.5 / (1 + i) * np.sin(2 * np.pi * hertz * time) for i in range(channels)], axis=1
    ).astype(np.float32)


def encode(
    path: Path, sound: Sound, codec: str, muxer: str, *, rate: int = RATE, layout: str | None = None
) -> Path:
    layout = layout or ("mono" if sound.shape[1] == 1 else "stereo")
    with path.open("wb") as file, av.open(file, "w", format=muxer) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.reshape(1, -1)), "flt", layout)
        frame.sample_rate, frame.pts = rate, 0
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.format.name, layout, rate, frame_size=size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def refusal(path: Path, **part: Any) -> str:
    with pytest.raises(ReadError) as caught:
        read_track(path, **part)
    message = str(caught.value)
    assert "\n" not in message
    return message


def loudness(sound: Sound) -> float:
    return float(np.sqrt(np.square(sound, dtype=np.float64).mean()))


@pytest.mark.parametrize(
    ("name", "codec", "muxer"),
    [
        ("a.wav", "pcm_s16le", "wav"),
        ("deep.wav", "pcm_s24le", "wav"),
        ("float.wav", "pcm_f32le", "wav"),
        ("a.aiff", "pcm_s16be", "aiff"),
        ("a.flac", "flac", "flac"),
        ("a.caf", "pcm_s16le", "caf"),
        ("alac.m4a", "alac", "ipod"),
        ("a.mka", "flac", "matroska"),
    ],
)
def test_lossless_files_are_read_sample_for_sample(tmp_path: Path, name: str, codec: str, muxer: str) -> None:
    sound = tone(1.0)
    track = read_track(encode(tmp_path / name, sound, codec, muxer))
    assert track.rate == RATE
    assert track.samples.dtype == np.float32
    assert track.samples.shape == sound.shape
    assert np.abs(track.samples - sound).max() < 2e-4


@pytest.mark.parametrize(
    ("name", "codec", "muxer", "rate"),
    [
        ("a.mp3", "libmp3lame", "mp3", RATE),
        ("a.m4a", "aac", "ipod", RATE),
        ("a.aac", "aac", "adts", RATE),
        ("a.opus", "libopus", "ogg", 48_000),
        ("a.webm", "libopus", "webm", 48_000),
        ("a.ac3", "ac3", "ac3", 48_000),
    ],
)
def test_compressed_files_are_read(tmp_path: Path, name: str, codec: str, muxer: str, rate: int) -> None:
    track = read_track(encode(tmp_path / name, tone(1.0, rate), codec, muxer, rate=rate))
    assert track.rate == rate
    assert track.duration == pytest.approx(1.0, abs=0.06)
    middle = track.samples[rate // 4 : rate * 3 // 4]
    assert loudness(middle[:, 0]) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert loudness(middle[:, 1]) == pytest.approx(0.25 / np.sqrt(2), rel=0.1)


def test_the_sound_of_a_video_is_read(make_clip: Any) -> None:
    track = read_track(make_clip(sound=0.5))
    assert track.duration == pytest.approx(0.5, abs=0.05)
    assert loudness(track.samples) > 0.01


def test_8_bit_mono_and_high_rates_are_read(tmp_path: Path) -> None:
    mono = read_track(encode(tmp_path / "a.wav", tone(0.5, 8_000, 1), "pcm_u8", "wav", rate=8_000))
    assert mono.samples.shape == (4000, 1)
    high = read_track(encode(tmp_path / "b.wav", tone(0.5, 96_000), "pcm_s24le", "wav", rate=96_000))
    assert (high.rate, high.samples.shape) == (96_000, (48_000, 2))


@pytest.mark.parametrize(("layout", "channels"), [("2.1", 3), ("quad", 4), ("5.1", 6), ("7.1", 8)])
def test_more_channels_become_stereo_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, layout: str, channels: int
) -> None:
    sound = tone(0.5, channels=channels)
    track = read_track(encode(tmp_path / "a.wav", sound, "pcm_s16le", "wav", layout=layout))
    assert track.samples.shape == (len(sound), 2)
    assert 0.1 < loudness(track.samples) < 1.0
    assert caplog.messages == [f"a.wav: its {layout} sound is mixed down to stereo"]


@pytest.mark.parametrize("channels", [1, 2])
def test_mono_and_stereo_are_read_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, channels: int
) -> None:
    read_track(encode(tmp_path / "a.wav", tone(0.5, channels=channels), "pcm_s16le", "wav"))
    assert not caplog.messages


def test_sound_beyond_the_range_is_made_quieter_and_what_is_no_number_is_silence(tmp_path: Path) -> None:
    sound = tone(0.5) * 3.0
    sound[100:110] = np.nan
    samples = read_track(encode(tmp_path / "a.wav", sound, "pcm_f32le", "wav")).samples
    assert np.abs(samples).max() == pytest.approx(1.0)
    assert np.isfinite(samples).all()
    assert not samples[102:108].any()


def test_a_part_is_read_to_the_sample(tmp_path: Path) -> None:
    sound = tone(2.0)
    path = encode(tmp_path / "a.flac", sound, "flac", "flac")
    whole = read_track(path).samples
    part = read_track(path, start=0.25, duration=0.5).samples
    assert np.array_equal(part, whole[11025 : 11025 + 22050])
    assert len(read_track(path, start=1.5, duration=9.0).samples) == RATE // 2


def test_no_more_is_decoded_than_is_asked_for(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(60.0), "pcm_s16le", "wav")
    path.write_bytes(path.read_bytes()[: 44 + RATE * 4])  # one second of the minute
    assert read_track(path, duration=0.5).duration == 0.5


def test_one_line_says_what_is_no_music(tmp_path: Path, make_clip: Any) -> None:
    assert refusal(tmp_path / "no.mp3").startswith("no such file")
    assert "is a folder" in refusal(tmp_path)
    assert "holds no sound" in refusal(make_clip())
    text = tmp_path / "a.mp3"
    text.write_text("la la la\n" * 100)
    assert "is not a file of sound" in refusal(text)
    text.write_text("#EXTM3U\nfile:///etc/passwd\n")
    assert "is a playlist" in refusal(text)
    text.write_bytes(b"")
    assert "is empty" in refusal(text)
    path = encode(tmp_path / "a.wav", tone(1.0), "pcm_s16le", "wav")
    assert refusal(path, start=5.0).endswith("a.wav has no sound after 5 s")
    write_track(AudioTrack(tone(0.0), RATE), path)
    assert "no sound after 0 s" in refusal(path)


@pytest.mark.parametrize(
    "part", [{"start": -1.0}, {"start": np.nan}, {"duration": 0.0}, {"duration": np.nan}]
)
def test_a_part_that_is_none_is_refused(tmp_path: Path, part: Any) -> None:
    with pytest.raises(SettingsError):
        read_track(encode(tmp_path / "a.wav", tone(0.1), "pcm_s16le", "wav"), **part)


def test_a_damaged_track_is_refused_and_a_scratch_is_borne(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", tone(20.0), "flac", "flac")
    data = bytearray(path.read_bytes())
    scratched = data.copy()
    scratched[len(data) // 2] ^= 0xFF
    path.write_bytes(scratched)
    assert read_track(path).duration == pytest.approx(20.0, abs=0.3)
    for place in range(9000, len(data) - 9000, 500):
        data[place : place + 200] = os.urandom(200)
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="is damaged"):
        read_track(path)


def test_damage_anywhere_is_one_line_or_music(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    whole = [
        encode(tmp_path / "a.wav", tone(0.3), "pcm_s24le", "wav").read_bytes(),
        encode(tmp_path / "a.mp3", tone(0.3), "libmp3lame", "mp3").read_bytes(),
        encode(tmp_path / "a.m4a", tone(0.3), "aac", "ipod").read_bytes(),
    ]
    for index in range(150):
        data = np.frombuffer(whole[index % 3], np.uint8).copy()
        data[random.integers(0, 200, 3)] = random.integers(0, 256, 3)
        (tmp_path / "b").write_bytes(data[: random.integers(1, len(data))].tobytes())
        try:
            samples = read_track(tmp_path / "b").samples
        except ReadError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert samples.shape[1] in {1, 2}
            assert np.abs(samples).max() <= 1.0


def test_a_track_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamvid.media.input.audio._MAX_SAMPLES", RATE)
    path = encode(tmp_path / "a.wav", tone(3.0), "pcm_s16le", "wav")
    assert "too long" in refusal(path)
    assert read_track(path, start=1.5, duration=0.9).duration == pytest.approx(0.9)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("duration", [1.0, 0.7123, 7.3])
def test_a_track_is_cut_to_the_sample_without_fades(channels: int, duration: float) -> None:
    track = AudioTrack(tone(8.0, channels=channels), RATE)
    fitted = fit_track(track, duration, fade_in=0.0, fade_out=0.0)
    assert np.array_equal(fitted.samples, track.samples[: round(duration * RATE)])


def test_fades_take_a_quarter_at_most() -> None:
    track = AudioTrack(np.ones((10 * RATE, 2), np.float32), RATE)
    long = fit_track(track, 10.0).samples[:, 0]
    assert long[0] == 0.0
    assert long[round(0.025 * RATE)] == pytest.approx(0.5, abs=0.01)
    assert long[round(0.06 * RATE)] == long[round(7.99 * RATE)] == 1.0
    assert long[9 * RATE] == pytest.approx(0.5, abs=0.01)
    assert long[-1] < 1e-4
    short = fit_track(track, 1.0).samples[:, 0]
    assert short[round(0.74 * RATE)] == 1.0
    assert short[round(0.875 * RATE)] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [1, 5, 300, RATE, 2 * RATE])
def test_a_short_track_is_looped_without_a_gap(length: int, channels: int) -> None:
    track = AudioTrack(np.full((length, channels), 0.5, np.float32), RATE)
    fitted = fit_track(track, 5.0, fade_in=0.0, fade_out=0.0)
    assert fitted.samples.shape == (5 * RATE, channels)
    assert np.abs(fitted.samples - 0.5).max() < 0.01


def test_a_loop_keeps_its_period() -> None:
    sound = np.zeros((RATE, 1), np.float32)
    sound[RATE // 2] = 1.0
    fitted = fit_track(AudioTrack(sound, RATE), 10.0, fade_in=0.0, fade_out=0.0)
    hits = np.flatnonzero(fitted.samples[:, 0] > 0.9)
    assert set(np.diff(hits)) == {RATE - RATE // 100}


def test_a_written_track_is_read_back(tmp_path: Path) -> None:
    track = AudioTrack(tone(1.0) * 2.0, RATE)
    write_track(track, tmp_path / "a.wav")
    again = read_track(tmp_path / "a.wav")
    assert again.rate == RATE
    assert np.abs(again.samples - track.samples).max() < 1e-4
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
    with pytest.raises(WriteError):
        write_track(track, tmp_path / "no" / "a.wav")


def write_video(path: Path, sound: Path, seconds: int) -> None:
    info = VideoInfo(Size(48, 64), Fraction(24), frames=24 * seconds, duration=Fraction(seconds))
    writer = open_writer(path, info=info, output=OutputSettings(speed="fast"), streams_from=sound)
    with writer:
        for index in range(24 * seconds):
            rgb = np.full((48, 64, 3), 0.5, np.float32)
            writer.write(Frame(index, Fraction(index, 24), rgb, duration=Fraction(1, 24)))


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "aac"), (".webm", "opus"), (".mov", "pcm_s16le"), (".mkv", "pcm_s16le")]
)
def test_a_video_holds_the_music_in_its_own_way_in_sync(
    tmp_path: Path, suffix: str, codec: str, rate: int
) -> None:
    track = fit_track(AudioTrack(tone(3.0, rate), rate), 4.0, fade_in=0.0, fade_out=0.0)
    track.samples[: rate // 2] = 0.0
    write_track(track, tmp_path / "a.wav")
    out = tmp_path / f"out{suffix}"
    write_video(out, tmp_path / "a.wav", 4)
    with av.open(io.BytesIO(out.read_bytes())) as container:
        (stream,) = container.streams.audio
        assert stream.codec_context.codec.canonical_name == codec
        assert stream.codec_context.sample_rate == (48_000 if codec == "opus" else rate)
    heard = read_track(out)
    assert heard.duration == pytest.approx(4.0, abs=1100 / heard.rate)
    begin = np.argmax(np.abs(heard.samples[:, 0]) > 0.1) / heard.rate
    assert begin == pytest.approx(0.5, abs=0.012)
