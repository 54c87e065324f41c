"""Scalars from TensorBoard's event files, without TensorBoard.

    record   length 8 bytes │ checksum 4 │ data │ checksum 4        (TFRecord)
    data     an Event: wall_time 1, step 2, summary 5 ── value 1    (protocol buffer)
    value    tag 1, simple_value 2 or tensor 8

Numbers are little-endian; a checksum is CRC-32C, masked. Only scalars are read: single
floats, as `add_scalar` writes them in its old and in its new style.
"""

import struct
from collections.abc import Iterator

from pretrain.errors import PretrainError

_TABLE = []
for _i in range(256):
    for _ in range(8):
        _i = _i >> 1 ^ (0x82F63B78 if _i & 1 else 0)
    _TABLE.append(_i)


def masked_crc(data: bytes) -> int:
    """CRC-32C of the bytes, rotated and shifted as TFRecord files have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def is_event_file(data: bytes) -> bool:
    return len(data) >= 12 and masked_crc(data[:8]) == int.from_bytes(
        data[8:12], "little"
    )


def event_rows(file: str, data: bytes) -> list[dict]:
    """A row for each scalar; a last record that is cut short is left out."""
    rows, at = [], 0
    while at + 12 <= len(data):
        size, check = struct.unpack_from("<QI", data, at)
        if masked_crc(data[at : at + 8]) != check:
            raise PretrainError(f"{file} is damaged at byte {at}: a checksum is wrong.")
        end = at + 12 + size
        if end + 4 > len(data):
            break
        event = data[at + 12 : end]
        if masked_crc(event) != struct.unpack_from("<I", data, end)[0]:
            raise PretrainError(f"{file} is damaged at byte {at}: a checksum is wrong.")
        rows += scalars(event)
        at = end + 4
    return rows


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer: numbers as int, all else as bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while at < len(data):
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        size = varint() if size is None else size
        yield key >> 3, data[at : at + size]
        at += size


def scalars(event: bytes) -> list[dict]:
    """The rows of one event: its time, its step and a tag's number."""
    where, rows = {"wall_time": 0.0, "step": 0.0}, []
    for number, value in fields(event):
        if number == 1:
            where["wall_time"] = struct.unpack("<d", value)[0]
        elif number == 2:
            where["step"] = float(value)
        elif number == 5:
            for inner, one in fields(value):
                if inner == 1 and (found := scalar(one)):
                    rows.append(found)
    return [where | {tag: value} for tag, value in rows]


def scalar(value: bytes) -> tuple[str, float] | None:
    tag, number = "", None
    for field, content in fields(value):
        if field == 1:
            tag = content.decode("utf-8", "replace")
        elif field == 2:
            number = struct.unpack("<f", content)[0]
        elif field == 8:
            number = tensor(content)
    return None if number is None else (tag, number)


def tensor(content: bytes) -> float | None:
    """The number in a TensorProto of one float (type 1) or double (type 2)."""
    parts = dict(fields(content))
    kind = {1: ("<f", 5), 2: ("<d", 6)}.get(parts.get(1))
    if kind is None:
        return None
    raw = parts.get(4) or parts.get(kind[1]) or b""
    size = struct.calcsize(kind[0])
    return struct.unpack(kind[0], raw)[0] if len(raw) == size else None
