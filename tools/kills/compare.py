"""Whole folders, apart from times: what a run that was killed and went on must have in common with one that nobody disturbed.

Left aside are clock times and durations (`minutes`, `seconds`, `images_per_second`, `peak_memory_gib`), the process id in
`twist.lock`, and that a run which went on says so: `start` and `resumed` in its log, marks in the charts, and an event file of
its own for TensorBoard. Of two lines of a log for one event of one step the later one holds, as for every reader of it.
"""

import json
import os
import re
import struct

TIMES = ("time", "seconds", "minutes", "images_per_second", "peak_memory_gib")


def snapshot(roots, place):
    """Every file below `roots` by its name, ready to be compared."""
    found = {}
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, place)] = file.read()
    events = sorted(name for name in found if os.path.basename(name).startswith("events.out.tfevents."))
    boards = {}
    for name in events:
        boards.setdefault(os.path.join(os.path.dirname(name), "events.out.tfevents.*"), {}).update(scalars(found.pop(name)))
    found = {name: plain(os.path.basename(name), data) for name, data in found.items()}
    return {**found, **boards}


def differences(expected, got):
    """What differs, one line for each file."""
    lines = [f"{name} is missing" for name in expected if name not in got]
    lines += [f"{name} is left over" for name in got if name not in expected]
    lines += [f"{name}: {first_difference(expected[name], got[name])}" for name in expected
              if name in got and expected[name] != got[name]]
    return lines


def first_difference(expected, got):
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = [key for key in {**expected, **got} if expected.get(key) != got.get(key)]
        return "; ".join(f"{key}: {expected.get(key)} became {got.get(key)}" for key in keys[:2])
    if isinstance(expected, list) and isinstance(got, list):
        pairs = [(one, other) for one, other in zip(expected, got) if one != other]
        if not pairs:
            return f"{len(expected)} lines became {len(got)}"
        at = len(os.path.commonprefix(pairs[0]))
        return " became ".join(f"…{text[max(0, at - 60):at + 100]}…" for text in pairs[0])
    return f"{len(expected)} bytes became {len(got)}, or others"


def plain(name, data):
    """A file without what may differ."""
    if name == "twist.lock":
        return b""
    if name == "log.jsonl":
        return events(data)
    if name == "evaluations.jsonl":
        return sorted({json.dumps(timeless(json.loads(line)), sort_keys=True) for line in data.splitlines()})
    if name == "metrics.json":
        return timeless(json.loads(data))
    if name == "report.html":
        return page(data.decode())
    return data


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(inner) for key, inner in value.items() if key not in TIMES}
    return value


def events(data):
    """The log by event and step; the last start counts, whatever the step."""
    kept = {}
    for line in data.splitlines():
        line = timeless(json.loads(line))
        if line["event"] == "resumed":
            continue
        if line["event"] == "start":
            line.update(step=0, epoch=0)
        kept[line["event"], line["step"]] = line
    return {f"{event} {step}": kept[event, step] for event, step in sorted(kept)}


def page(text):
    """The report's lines without the times in it and without what happened on the way."""
    text = re.sub(r'<section id="[^"]*-events">.*?</section>', "", text, flags=re.S)
    text = re.sub(r"<strong>Speed</strong>.*?</figure>", "", text, flags=re.S)
    tiles = r'<div class="tile card" title="(wall-clock time|source images per second)[^>]*>.*?</div>'
    rows = r'<tr><th scope="row">(training time|images&#x2f;s|images/s|peak memory, GiB)</th>.*?</tr>'
    text = re.sub(f"{tiles}|{rows}", "", text, flags=re.S)
    text = re.sub(r'<path class="mark"[^>]*/>|<span class="at-mark"[^>]*>resumed</span>', "", text)
    text = re.sub(r"Training took [^.<]*\.", "", text)
    return text.split("\n")


def scalars(data):
    """TensorBoard's scalars by tag and step, without the rates. A record that a kill cut off ends the file."""
    found, at = {}, 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        record = data[at + 12:at + 12 + length]
        at += 16 + length
        if at > len(data):
            break
        fields = {number: value for number, value in message(record)}
        for number, value in message(fields.get(5, b"")):
            summary = dict(message(value)) if number == 1 else {}
            tag = summary.get(1, b"").decode()
            if tag and not tag.endswith("images_per_second"):
                found[f"{tag} at {fields.get(2, 0)}"] = struct.unpack("<f", summary[2])[0]
    return found


def message(data):
    """Field numbers and values of a protobuf message: numbers of varints, bytes of everything else."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, varint()
        else:
            size = {1: 8, 5: 4}.get(kind)
            size = varint() if size is None else size
            yield number, data[at:at + size]
            at += size
