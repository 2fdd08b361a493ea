"""Nothing in an input makes dreamvid open another file, start a program or connect anywhere.

Each input names a file and an address that would be noticed; it is read in a process that is watched by an audit hook
of the interpreter and, where there is one, by strace, while somebody listens at the address.
"""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

WATCHER = Path(__file__).with_name("watcher.py")
STRACE = shutil.which("strace")


@pytest.fixture
def address() -> Iterator[tuple[str, socket.socket]]:
    """Where nobody should ever call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/bait", listener


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_reference(mov: bytes, bait: str) -> bytes:
    """Return a QuickTime file whose samples lie in another one: by URL, and by an alias with its path."""
    at = mov.index(b"dref") - 4
    old = mov[at : at + struct.unpack_from(">I", mov, at)[0]]
    place = bait.encode()
    entries = box(b"url ", bytes(4), place + b"\0") + box(b"alis", bytes(4), bytes(150), place)
    new = box(b"dref", struct.pack(">II", 0, 2), entries)
    grown = len(new) - len(old)
    data = bytearray(mov.replace(old, new))
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        where = data.index(kind) - 4
        struct.pack_into(">I", data, where, struct.unpack_from(">I", data, where)[0] + grown)
    return bytes(data)


def baits(bait: str, url: str, mov: bytes) -> dict[str, bytes]:
    """Return inputs by name, each of which points at the bait or the address."""
    texts = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXTINF:10,\n{bait}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"#EXTM3U\n#EXTINF:10,\nfile://{bait}\n#EXTINF:10,\n{url}\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{bait}'\nfile '{url}'\n",
        "concat.mkv": f"ffconcat version 1.0\nfile {bait}\n",
        "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "stream.mpd": f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}</BaseURL></MPD>',
        "picture.svg": f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="x"><image xlink:href="{url}"/></svg>',
        "picture.png": f'<!DOCTYPE a [<!ENTITY b SYSTEM "file://{bait}">]><svg>&b;</svg>',
        "script.mvg": f"push graphic-context\nimage over 0,0 0,0 '{url}'\npop graphic-context\n",
        "script.eps": f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({bait}) (r) file\n",
        "list.asx": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "list.pls": f"[playlist]\nFile1={url}\n",
        "script.avs": f'AviSource("{bait}")\n',
        "image%03d.png": "",
        "lavfi": f"movie={bait}",
    }
    made = {name: text.encode() for name, text in texts.items()}
    made["reference.mov"] = with_reference(mov, bait)
    made["reference-url.mov"] = with_reference(mov, url)
    return made


@pytest.mark.skipif(sys.platform == "win32", reason="the watcher's limits are those of POSIX")
@pytest.mark.parametrize(
    "traced", [False, pytest.param(True, marks=pytest.mark.skipif(not STRACE, reason="no strace"))]
)
def test_no_input_leads_to_another(
    traced: bool,  # noqa: FBT001  both ways
    good_clips: dict[str, Path],
    address: tuple[str, socket.socket],
    tmp_path: Path,
) -> None:
    url, listener = address
    bait = tmp_path / "bait" / "secret.mov"
    bait.parent.mkdir()
    bait.write_bytes(good_clips["prores.mov"].read_bytes())
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    for name, data in baits(str(bait), url, bait.read_bytes()).items():
        (inputs / name).write_bytes(data or b"x")
    frames = inputs / "frames"
    frames.mkdir()
    shutil.copy(good_clips["moving.apng"], frames / "0.png")
    entry = {"file": "0.png", "pts": "0"}
    content = {"format": "dreamvid-frames", "rate": "24", "sound": str(bait), "frames": [entry]}
    (frames / "frames.json").write_text(json.dumps(content))
    paths = [str(path) for path in sorted(inputs.iterdir())]
    paths += [
        url,
        f"file:{bait}",
        f"concat:{bait}",
        f"subfile,,start,0,end,9,,:{bait}",
        f"crypto:{bait}",
        f"data:{bait}",
    ]
    trace = tmp_path / "trace"
    prefix = [
        STRACE or "",
        "-f",
        "-qq",
        "-e",
        "trace=open,openat,connect,execve,sendto",
        "-s",
        "400",
        "-o",
        str(trace),
    ]
    done = subprocess.run(
        [*(prefix if traced else []), sys.executable, str(WATCHER), str(inputs), *paths],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events, results = json.loads(done.stdout)
    assert not events
    assert len(results) == 2 * len(paths)
    readable = [one for one in results if not one.split(": ")[1].startswith("ReadError")]
    assert all("frames/" in one or one.startswith(("frames", "reference")) for one in readable), readable
    with pytest.raises(TimeoutError):
        listener.accept()
    if traced:
        calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
        assert any("reference.mov" in call for call in calls), "strace saw nothing"
        begun = next(index for index, call in enumerate(calls) if "openat(" in call and str(inputs) in call)
        outside = [c for c in calls[begun:] if "bait" in c or "sin_port" in c or "execve(" in c]
        assert not outside
