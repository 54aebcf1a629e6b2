#!/usr/bin/env python3
"""Writes hostile and odd images into a folder: sizes that a header only claims, bombs, lies, and files that are not images.

    tools/hostile/images.py FOLDER            files for tools/hostile/run.py
    tools/hostile/images.py FOLDER --seeds    small ones alone, as a corpus for `cargo xtask fuzz`

Standard library only. Nothing here needs more than 20 MB of disk; one file is sparse.
"""

import argparse
import struct
import sys
import zlib
from pathlib import Path

SIDE = 11_585  # the largest square below 2^27 pixels
SEED_BYTES = 64 << 10


# --- PNG ---------------------------------------------------------------------------------------------------------------

def chunk(kind, data, length=None):
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", check)


def deflated(pieces):
    """zlib data of many pieces, of which each may be large."""
    packer, out = zlib.compressobj(1), []
    for piece in pieces:
        out.append(packer.compress(piece))
    return b"".join(out) + packer.flush()


def png(width, height, depth=8, color=2, rows=True, interlaced=0, before=b"", extra=()):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    line = b"\0" * (1 + (width * samples * depth + 7) // 8)
    data = deflated([*([line] * height if rows else []), *extra])
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before
            + (chunk(b"IDAT", data) if rows or extra else b"") + chunk(b"IEND", b""))


def interlaced_png(side, depth, color):
    bits = depth * {0: 1, 2: 3, 6: 4}[color]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    lines = []
    for x, y, dx, dy in passes:
        width, height = (side - x + dx - 1) // dx, (side - y + dy - 1) // dy
        lines += [b"\0" * (1 + (width * bits + 7) // 8)] * height if width else []
    return png(side, side, depth, color, rows=False, interlaced=1, extra=lines)


def zeros(size):
    return ([b"\0" * (1 << 20)] * (size >> 20))


# --- TIFF --------------------------------------------------------------------------------------------------------------

SHORT, LONG, BIG = 3, 4, 16


def tiff(entries, data=b"", big=False, following=0):
    """A TIFF of one directory: entries are tag -> (type, values or raw count and place); data lies behind the header."""
    start = 16 if big else 8
    where = start + len(data)
    size, count, place = ("Q", "Q", 8) if big else ("I", "H", 4)
    items, tail = [], b""
    for tag, (kind, values) in sorted(entries.items()):
        if isinstance(values, dict):  # a lie: its count and place as given
            items.append(struct.pack(f"<HH{size}{size}", tag, kind, values["count"], values["place"]))
            continue
        body = struct.pack(f"<{len(values)}{ {SHORT: 'H', LONG: 'I', BIG: 'Q'}[kind]}", *values)
        if len(body) > place:
            offset = where + struct.calcsize(f"<{count}") + len(entries) * (20 if big else 12) + place + len(tail)
            tail, body = tail + body, struct.pack(f"<{size}", offset)
        items.append(struct.pack(f"<HH{size}", tag, kind, len(values)) + body.ljust(place, b"\0"))
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, where) if big else struct.pack("<2sHI", b"II", 42, where)
    return head + data + struct.pack(f"<{count}", len(items)) + b"".join(items) + struct.pack(f"<{size}", following) + tail


def tiff_image(width, height, samples=3, bits=8, compression=1, model=2, rows=None, data=b"", **more):
    """One strip, or as many of `rows` rows as lie in `data` one after another with equal lengths."""
    rows = height if rows is None else rows
    strips = -(-height // rows)
    each = len(data) // strips
    entries = {
        256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [bits] * samples), 259: (SHORT, [compression]),
        262: (SHORT, [model]), 273: (LONG, [8 + each * i for i in range(strips)]), 277: (SHORT, [samples]),
        278: (LONG, [rows]), 279: (LONG, [each] * strips),
    }
    if samples == 4 and model == 2:
        entries[338] = (SHORT, [2])
    entries.update({int(tag[1:]): value for tag, value in more.items()})
    return tiff(entries, data)


# --- JPEG --------------------------------------------------------------------------------------------------------------

def segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


# One code of one bit: DC difference 0 and end of block, so a block is two zero bits.
TABLES = (segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC4, b"\0\1" + b"\0" * 15 + b"\0")
          + segment(0xC4, b"\x10\1" + b"\0" * 15 + b"\0"))


def frame(width, height, components=1, kind=0xC0, sampling=0x11):
    body = struct.pack(">BHHB", 8, height, width, components)
    for number in range(components):
        body += bytes([number + 1, sampling if number == 0 else 0x11, 0])
    return segment(kind, body)


def scan(components, spectral=(0, 63, 0)):
    body = bytes([len(components)]) + b"".join(bytes([c, 0]) for c in components) + bytes(spectral)
    return segment(0xDA, body)


def jpeg(*parts):
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def blocks(width, height, sampling=1):
    """Entropy-coded data of a black component: two zero bits a block."""
    count = ((width + 7) // 8) * ((height + 7) // 8) * sampling
    return b"\0" * ((2 * count + 7) // 8)


# --- BMP and WebP ------------------------------------------------------------------------------------------------------

def bmp(width, height, bits=24, compression=0, data=b"\0" * 64):
    return (b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0) + data)


def riff(*chunks):
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
                              for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def lossless(width, height, data=b"\0" * 16):
    return b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + data


def canvas(width, height, flags=0):
    return (b"VP8X", struct.pack("<I", flags) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3])


# --- All of them -------------------------------------------------------------------------------------------------------

def pngs():
    yield "png_2e24_wide.png", lambda: png(1 << 24, 1, 1, 0)
    yield "png_2e27_wide.png", lambda: png(1 << 27, 1, 1, 0)
    yield "png_1e8_wide.png", lambda: png(10**8, 1, 1, 0)
    yield "png_1e8_tall.png", lambda: png(1, 10**8, 1, 0, rows=False, extra=zeros(200 << 20))
    yield "png_65535_wide.png", lambda: png(65_535, 1)
    yield "png_65535_tall.png", lambda: png(1, 65_535)
    yield "png_65535_x_2048.png", lambda: png(65_535, 2048, 1, 0)
    yield "png_rgba16_square.png", lambda: png(SIDE, SIDE, 16, 6)
    yield "png_rgba16_interlaced.png", lambda: interlaced_png(SIDE, 16, 6)
    yield "png_one_bit_square.png", lambda: png(SIDE, SIDE, 1, 0)
    yield "png_claims_60000.png", lambda: png(60_000, 60_000, rows=False)
    yield "png_claims_2e31.png", lambda: png(2**31 - 1, 2**31 - 1, rows=False)
    yield "png_without_width.png", lambda: png(0, 5, rows=False)
    profile = lambda: chunk(b"iCCP", b"icc\0\0" + deflated(zeros(1 << 30)))
    yield "png_profile_bomb.png", lambda: png(4, 4, before=profile())
    text = lambda kind: chunk(kind, b"text\0\0" + deflated(zeros(1 << 30)))
    yield "png_text_bomb.png", lambda: png(4, 4, before=text(b"zTXt"))
    yield "png_data_bomb.png", lambda: png(4, 4, extra=zeros(1 << 30))
    yield "png_many_chunks.png", lambda: png(4, 4, before=chunk(b"prVt", b"") * 300_000)
    yield "png_chunk_of_2e31.png", lambda: png(4, 4, before=chunk(b"prVt", b"", length=2**31 - 1))
    yield "png_frames_2e31.png", lambda: png(4, 4, before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    yield "png_without_palette.png", lambda: png(4, 4, 8, 3)
    yield "png_turned_square.png", lambda: png(SIDE, SIDE, before=chunk(
        b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"))


def tiffs():
    whole = lambda size: deflated(zeros(size))
    yield "tiff_rgba16_one_strip.tif", lambda: tiff_image(SIDE, SIDE, 4, 16, 8, data=whole(1 << 30))
    yield "tiff_rgb8_one_strip.tif", lambda: tiff_image(SIDE, SIDE, 3, 8, 8, data=whole(400 << 20))
    yield "tiff_rgb8_turned.tif", lambda: tiff_image(SIDE, SIDE, 3, 8, 8, data=whole(400 << 20), t274=(SHORT, [6]))
    yield "tiff_f64_one_strip.tif", lambda: tiff_image(
        SIDE, SIDE, 1, 64, 8, 1, data=whole(1 << 30), t339=(SHORT, [3]))
    yield "tiff_claims_2e32.tif", lambda: tiff_image(2**32 - 1, 2**32 - 1, data=b"\0" * 64)
    yield "tiff_wide_tile.tif", lambda: tiff({
        256: (LONG, [16]), 257: (LONG, [16]), 258: (SHORT, [32]), 259: (SHORT, [8]), 262: (SHORT, [1]),
        277: (SHORT, [1]), 317: (SHORT, [3]), 322: (LONG, [2**31]), 323: (LONG, [16]), 324: (LONG, [8]),
        325: (LONG, [64]), 339: (SHORT, [3])}, deflated([b"\0" * 4096]))
    yield "tiff_tall_tile.tif", lambda: tiff({
        256: (LONG, [16]), 257: (LONG, [16]), 258: (SHORT, [8]), 259: (SHORT, [5]), 262: (SHORT, [1]),
        277: (SHORT, [1]), 322: (LONG, [65_536]), 323: (LONG, [2**31]), 324: (LONG, [8]), 325: (LONG, [64])}, b"\x80\0" * 32)
    yield "tiff_2e32_strips.tif", lambda: tiff_image(
        9, 9, data=b"\0" * 300, t273=(LONG, {"count": 2**32 - 1, "place": 8}))
    yield "tiff_2e30_strips.tif", lambda: tiff({
        256: (LONG, [9]), 257: (LONG, [2**30]), 258: (SHORT, [8]), 262: (SHORT, [1]), 278: (LONG, [1]),
        273: (LONG, {"count": 2**30, "place": 8}), 279: (LONG, {"count": 2**30, "place": 8})}, b"\0" * 64)
    yield "tiff_65535_samples.tif", lambda: tiff_image(1000, 1000, 1, 8, 1, 1, data=b"\0" * 64, t277=(SHORT, [65_535]))
    yield "tiff_circle.tif", lambda: tiff({256: (LONG, [3]), 257: (LONG, [3])}, following=8)
    yield "bigtiff_far_strip.tif", lambda: tiff({
        256: (LONG, [9]), 257: (LONG, [9]), 258: (SHORT, [8]), 262: (SHORT, [1]), 273: (BIG, [2**63]),
        278: (LONG, [9]), 279: (BIG, [2**63])}, b"\0" * 64, big=True)
    yield "tiff_jpeg_claims_65535.tif", lambda: tiff_image(16, 16, compression=7, data=jpeg(
        TABLES, frame(65_535, 65_535, 3), scan([1, 2, 3]), b"\0" * 64))
    yield "tiff_jpeg_cut_off.tif", lambda: tiff_image(
        64, 64, compression=7, data=jpeg(TABLES, frame(64, 64, 3), scan([1, 2, 3]), b"\0" * 8)[:-4])
    yield "tiff_not_a_number.tif", lambda: tiff_image(
        8, 8, 1, 32, 1, 1, data=struct.pack("<64f", *[float("nan")] * 64), t339=(SHORT, [3]))
    yield "tiff_signed.tif", lambda: tiff_image(8, 8, 1, 16, 1, 1, data=b"\xff\xfc" * 64, t339=(SHORT, [2]))


def jpegs():
    yield "jpeg_claims_65535.jpg", lambda: jpeg(TABLES, frame(65_535, 65_535, 3), scan([1, 2, 3]), b"\0" * 64)
    yield "jpeg_claims_65535_progressive.jpg", lambda: jpeg(
        TABLES, frame(65_535, 65_535, 3, 0xC2), scan([1, 2, 3], (0, 0, 0)), b"\0" * 64)
    yield "jpeg_progressive_square.jpg", lambda: jpeg(
        TABLES, frame(SIDE, SIDE, 3, 0xC2), scan([1, 2, 3], (0, 0, 0)), blocks(SIDE, SIDE, 3))
    yield "jpeg_progressive_gray.jpg", lambda: jpeg(
        TABLES, frame(SIDE, SIDE, 1, 0xC2), scan([1], (0, 0, 0)), blocks(SIDE, SIDE))
    yield "jpeg_baseline_square.jpg", lambda: jpeg(
        TABLES, frame(SIDE, SIDE, 3), scan([1, 2, 3]), blocks(SIDE, SIDE, 3))
    yield "jpeg_scans_square.jpg", lambda: jpeg(
        TABLES, frame(SIDE, SIDE, 3, sampling=0x22), *[scan([c]) + blocks(SIDE, SIDE) for c in (1, 2, 3)])
    yield "jpeg_thousand_scans.jpg", lambda: jpeg(
        TABLES, frame(2048, 2048, 1, 0xC2), *[scan([1], (0, 0, 0)) + blocks(2048, 2048) for _ in range(1000)])
    yield "jpeg_65535_wide.jpg", lambda: jpeg(TABLES, frame(65_535, 8), scan([1]), blocks(65_535, 8))
    yield "jpeg_many_comments.jpg", lambda: jpeg(
        segment(0xFE, b"") * 300_000, TABLES, frame(8, 8), scan([1]), b"\0" * 4)
    yield "jpeg_junk_between.jpg", lambda: jpeg(
        TABLES, b"\x01" * (1 << 20), frame(8, 8), scan([1]), b"\0" * 4)
    yield "jpeg_without_height.jpg", lambda: jpeg(TABLES, frame(8, 0), scan([1]), b"\0" * 4)
    yield "jpeg_far_exif.jpg", lambda: jpeg(
        segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f"), TABLES, frame(8, 8), scan([1]), b"\0" * 4)
    yield "jpeg_sampling_15.jpg", lambda: jpeg(
        TABLES, frame(800, 800, 3, sampling=0xFF), scan([1, 2, 3]), blocks(800, 800, 9))


def others():
    yield "bmp_claims_2e31.bmp", lambda: bmp(2**31 - 1, 2**31 - 1)
    yield "bmp_lowest_height.bmp", lambda: bmp(8, -(2**31))
    yield "bmp_run_lengths.bmp", lambda: bmp(30_000, 4_000, 8, 1, b"\xff\x01" * 1000)
    yield "webp_lossless_16384.webp", lambda: riff((b"VP8L", lossless(16_384, 16_384)))
    yield "webp_canvas_2e24.webp", lambda: riff(canvas(1 << 24, 1 << 24), (b"VP8L", lossless(4, 4)))
    yield "webp_animated.webp", lambda: riff(
        canvas(11_000, 11_000, 2), (b"ANIM", b"\0" * 6), (b"ANMF", b"\0" * 16 + b"VP8L" + struct.pack("<I", 21) + lossless(4, 4)))
    yield "heic.jpg", lambda: struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + b"\0" * 64
    yield "page.jpg", lambda: b"<!DOCTYPE html><html><body>not found</body></html>"
    yield "pointer.png", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    yield "zeros.jpg", lambda: b"\0" * 4096
    yield "empty.jpg", lambda: b""
    yield "escape\x1b]0;owned\x07\u202e.jpg", lambda: b"\x1b[2J\x1b]0;owned\x07"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", action="store_true", help="write files of at most 64 KiB, and no sparse one")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for kind in (pngs, tiffs, jpegs, others):
        for name, make in kind():
            data = make()
            if not args.seeds or len(data) <= SEED_BYTES:
                (args.folder / name).write_bytes(data)
                written += 1
    if not args.seeds:
        with open(args.folder / "sparse_4_gib.jpg", "wb") as file:
            file.write(b"\xff\xd8\xff\xe0")
            file.truncate(4 << 30)
        written += 1
    print(f"{written} files in {args.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
