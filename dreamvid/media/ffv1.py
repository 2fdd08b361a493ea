"""Checking FFV1's slice checksums: FFmpeg's decoder notices a wrong one, conceals it and reports nothing."""

from __future__ import annotations

import zlib

_FOOTER = 8  # 3 bytes of size, 1 of error status, 4 of checksum (RFC 9043, 4.8)
_SIZE_BYTES = 3
_ALL_ONES = 0xFFFFFFFF
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class SliceChecker:
    """Check the packets of a stream; one whose first packet has no checksums is taken to have none."""

    def __init__(self) -> None:
        self._has_checksums: bool | None = None

    def intact(self, packet: bytes) -> bool:
        """Return whether all slices of a packet match their checksums."""
        good = _slices_match(packet)
        if self._has_checksums is None:
            self._has_checksums = good
        return good or not self._has_checksums


def _slices_match(packet: bytes) -> bool:
    """Walk through the slices from the last to the first, as each one's size stands in its footer."""
    end = len(packet)
    while end > _FOOTER:
        start = end - _FOOTER
        size = int.from_bytes(packet[start : start + _SIZE_BYTES], "big") + _FOOTER
        begin = end - size
        if begin < 0 or not _matches(packet[begin:end]):
            return False
        end = begin
    return not end


def _matches(piece: bytes) -> bool:
    """Return whether the CRC-32 of a slice with its checksum is 0 (RFC 9043, 4.9.3).

    It takes the most significant bit first and inverts nothing. zlib's goes the other way around and inverts;
    reversed bits and an inverted start undo both.
    """
    return zlib.crc32(piece.translate(_REVERSED), _ALL_ONES) == _ALL_ONES
