#!/usr/bin/env python3
"""Gives hostile files to commands, one at a time, and checks what each costs.

    tools/hostile/images.py odd-images
    tools/hostile/run.py odd-images/* --run 'target/debug/twist data info {folder}' \
        --run 'target/debug/twist embed MODEL {folder} --threads 1 --out {out}.npy'

A command must end with exit code 0 or 1, without a panic, within the time and memory that are allowed, and print no
control characters. Time is that of processors, so a busy machine changes nothing. `{file}` stands for the hostile file,
`{folder}` for a folder that holds it and the files of --beside, `{out}` for a name to write to. Needs Linux and Python 3.9; prints a table and exits with 1 if anything failed.
"""

import argparse
import math
import os
import re
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

# What a terminal would act upon; line breaks, tabs, and the carriage return of progress bars aside.
ACTS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

# A process that waits for nothing is ended after so many times the processor time that it is allowed.
WAIT = 20


def run(command, allowed_seconds, address_space):
    """Exit code (negative for a signal), seconds by the clock and of processors, MiB at the peak, and what was printed."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                # Backstops for the machine: what counts is measured below.
                resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
                ceiling = math.ceil(3 * allowed_seconds)
                resource.setrlimit(resource.RLIMIT_CPU, (ceiling, ceiling))
                os.execvp(command[0], command)
            except OSError as error:
                os.write(2, f"{command[0]}: {error}\n".encode())
            os._exit(127)
        timer = threading.Timer(allowed_seconds * WAIT, os.kill, (child, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(child, 0)
        timer.cancel()
        seconds = time.monotonic() - began
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    spent = usage.ru_utime + usage.ru_stime
    return os.waitstatus_to_exitcode(status), seconds, spent, usage.ru_maxrss / 1024, text


def faults(code, spent, memory, text, allowed):
    """What is wrong with a result, in words."""
    found = []
    if code not in (0, 1):
        found.append(f"exit code {code}")
    if "panicked at" in text:
        found.append("panic")
    if spent > allowed.seconds:
        found.append("too slow")
    if memory > allowed.memory:
        found.append("too much memory")
    if ACTS.search(text):
        found.append("control characters")
    return ", ".join(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--run", action="append", required=True, metavar="COMMAND", dest="commands")
    parser.add_argument("--beside", action="append", default=[], type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=10, help=f"processor time allowed for each command [10]; by the clock {WAIT} times that")
    parser.add_argument("--memory", type=float, default=1024, help="MiB allowed for each command [1024]")
    parser.add_argument("--address-space", type=int, default=16 << 30, help="bytes, a backstop [16 GiB]")
    parser.add_argument("--show", action="store_true", help="print what each command printed")
    allowed = parser.parse_args()
    failed = tried = 0
    print(f"{'file':<36} {'command':>7} {'code':>4} {'s':>6} {'cpu s':>6} {'MiB':>6}  result")
    for file in allowed.files:
        for number, template in enumerate(allowed.commands, 1):
            place = Path(tempfile.mkdtemp(prefix="hostile-"))
            try:
                folder = place / "folder"
                folder.mkdir()
                for each in [file, *allowed.beside]:
                    (folder / each.name).symlink_to(each.resolve())
                words = {"file": str(file.resolve()), "folder": str(folder), "out": str(place / "out")}
                command = [word.format(**words) for word in shlex.split(template)]
                code, seconds, spent, memory, text = run(command, allowed.seconds, allowed.address_space)
            finally:
                shutil.rmtree(place)
            wrong = faults(code, spent, memory, text, allowed)
            tried, failed = tried + 1, failed + bool(wrong)
            name = ACTS.sub("?", file.name)
            print(f"{name:<36} {number:>7} {code:>4} {seconds:>6.1f} {spent:>6.1f} {memory:>6.0f}  {wrong or 'ok'}", flush=True)
            if allowed.show or wrong:
                lines = [ACTS.sub("?", line)[:200] for line in text.splitlines()]
                shown = lines if allowed.show else lines[-3:]
                print("".join(f"    {line}\n" for line in shown), end="")
    print(f"{tried} runs, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
