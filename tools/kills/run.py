"""Kills `twist` at events of the file system and compares what it has after it was resumed with what it has undisturbed.

    python3 tools/kills/run.py target/release/twist --kills 200

Every scenario (`scenarios.py`) is run once from beginning to end under `strace`, which lists every create, rename, link, removal
and write below its folders. Then it is run again and again, each time ended by SIGKILL right before one of these events,
evenly spread; it is resumed with `--resume`, or with the same command if nothing can be resumed; and then all its folders
are compared, file by file (`compare.py`): equal apart from times, nothing missing, nothing left over. Exit code 1 at any
difference. With `--disks N` each run that can be resumed also meets N disks of growing size that are too small for it, and
is resumed when there is room (this needs the right to mount). Needs Linux, Python 3.9 and strace.
"""

import argparse
import os
import shutil
import sys
import tempfile

import events
from compare import differences, snapshot
from scenarios import make


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("twist", help="the binary")
    parser.add_argument("--kills", type=int, default=200, help="how many in all")
    parser.add_argument("--disks", type=int, default=0, help="how many full disks for each run that can be resumed")
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    args = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("strace is needed: install it with the system's package manager")
    twist = os.path.abspath(args.twist)
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        place = os.path.realpath(place)
        env = {**os.environ, "TWIST_CACHE": f"{place}/cache", "OMP_NUM_THREADS": "1", "TWIST_TORCH_CUDA": "off"}
        must = lambda command: check(events.run(command, place, env), command)
        scenarios = [one for one in make(twist, place, must) if args.only in one.name]
        shares = sum(one.share for one in scenarios)
        rows = [scenario(one, max(1, round(args.kills * one.share / shares)), args.disks, place, env) for one in scenarios]
    print(f"\n{'scenario':24}{'events':>8}{'kills':>8}{'full disks':>12}{'different':>11}")
    rows.append(("all", *(sum(row[column] for row in rows) for column in range(1, 5))))
    for row in rows:
        print(f"{row[0]:24}{row[1]:8}{row[2]:8}{row[3]:12}{row[4]:11}")
    sys.exit(1 if rows[-1][4] else 0)


def check(done, command):
    code, out, err = done
    if code:
        sys.exit(f"exit code {code} of {' '.join(command)}\n{out}{err}")
    return out


def scenario(one, kills, disks, place, env):
    """Kills a scenario that many times; returns its name, its events, the kills and full disks that came about, and the
    differences."""
    one.prepare()
    code, out, err, found = events.record(one.command, place, env, [root + os.sep for root in one.roots])
    check((code, out, err), one.command)
    expected, needed = snapshot(one.roots, place), sum(map(size_of, one.roots))
    chosen = [found[index * len(found) // kills] for index in range(min(kills, len(found)))] if kills < len(found) else found
    done = different = 0
    for event in chosen:
        one.prepare()
        if not events.kill_before(event, one.command, place, env):
            continue
        done += 1
        again = one.again()
        code, out, err = events.run(again, place, env)
        lines = differences(expected, snapshot(one.roots, place))
        if code and not (one.refusal and one.refusal in err):
            lines.append(f"exit code {code}: {err.strip()}")
        if lines:
            different += 1
            print(f"{one.name}: killed before {event.short(place)}, then {' '.join(again[1:3])} …")
            print("".join(f"    {line}\n" for line in lines), end="", flush=True)
    full = 0
    for number in range(disks if one.resumes else 0):
        lines = on_full_disk(one, needed * (number + 1) // (disks + 1), expected, place, env)
        if lines is not None:
            full, different = full + 1, different + bool(lines)
            print("".join(f"{one.name}: after a full disk, {line}\n" for line in lines), end="", flush=True)
    print(f"{one.name}: {done} kills at {len(found)} events, {full} full disks, {different} different", flush=True)
    return one.name, len(found), done, full, different


def size_of(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)


def on_full_disk(one, size, expected, place, env):
    """Runs a scenario on a disk of `size` bytes, and resumes it when there is room; `None` if the disk was large enough."""
    one.prepare()
    disk = one.roots[0]
    os.makedirs(disk, exist_ok=True)
    check(events.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], place, env), ["mount"])
    try:
        code, out, err = events.run(one.command, place, env)
        if code == 0:
            return None
        lines = [] if code == 1 and "no space left" in err else [f"exit code {code}: {err.strip()}"]
        check(events.run(["mount", "-o", "remount,size=1g", disk], place, env), ["mount"])
        code, out, err = events.run(one.again(), place, env)
        lines += [f"exit code {code}: {err.strip()}"] if code else []
        return lines + differences(expected, snapshot(one.roots, place))
    finally:
        events.run(["umount", disk], place, env)


if __name__ == "__main__":
    main()
