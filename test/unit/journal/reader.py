#!/usr/bin/env python3
"""Reads a journal from the description in lib/journal/journal.h alone.

Prints one line for each record that counts: sequence number, type, length,
CRC-32C of the bytes.  test_reader compares it with what the journal says.
"""
import os
import struct
import sys

MASK = (1 << 64) - 1


def siphash24(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rot(x, n):
        return ((x << n) | (x >> (64 - n))) & MASK

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK
            v[1] = rot(v[1], 13) ^ v[0]
            v[0] = rot(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK
            v[3] = rot(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK
            v[3] = rot(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK
            v[1] = rot(v[1], 17) ^ v[2]
            v[2] = rot(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (m,) in struct.iter_unpack("<Q", padded):
        v[3] ^= m
        rounds(2)
        v[0] ^= m
    v[2] ^= 255
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])


TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = c >> 8 ^ TABLE[(c ^ b) & 255]
    return c ^ 0xFFFFFFFF


def header(block):
    for copy in (block[:2048], block[2048:4096]):
        n = struct.unpack(">H", copy[10:12])[0]
        if copy[:8] == b"hmjrnl\r\n" and n <= 2044 and \
                struct.unpack(">I", copy[n:n + 4])[0] == crc32c(copy[:n]):
            return copy
    sys.exit("no good copy of the header")


def records(data, key):
    off = 4096
    while off + 40 <= len(data):
        h = data[off:off + 40]
        size, kind, flags, _, seq, _, crc, _ = \
            struct.unpack(">IHBBQQII", h[:32])
        if kind == 0 or siphash24(key, h[:32]) != h[32:]:
            off += 8
            continue
        payload = data[off + 40:off + 40 + size]
        if crc32c(payload) == crc:
            yield seq, kind, flags, payload, off
        off += (40 + size + 7) // 8 * 8


def main(log):
    names = sorted(n for n in os.listdir(log) if n.isdigit())
    data = [open(os.path.join(log, n), "rb").read() for n in names]
    heads = [header(d) for d in data]
    for i, d in enumerate(data):
        if i + 1 < len(data):
            d = d[:struct.unpack(">Q", heads[i + 1][80:88])[0]]
        for seq, kind, flags, payload, _ in records(d, heads[i][32:48]):
            if kind == 1:
                continue
            if flags & 2:
                name = "body-%016x" % struct.unpack(">Q", payload[:8])
                payload = open(os.path.join(log, name), "rb").read()
            print(seq, kind, len(payload), "%08x" % crc32c(payload))


main(sys.argv[1])
