"""Events of the file system that a command causes, and ending it right before one of them. Needs `strace` (Linux)."""

import os
import re
import subprocess

# What changes files and folders. Reads leave nothing behind, so a kill between two of them is a kill before the next change.
CHANGES = (
    "openat", "creat", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
    "rmdir", "ftruncate", "write", "pwrite64", "writev", "fsync",
)
KILLED = 137


class Event:
    """The `nth` call of `call` in the main thread, as a line of strace."""

    def __init__(self, call, nth, line):
        self.call, self.nth, self.line = call, nth, line

    def short(self, root):
        """What it did, on one line."""
        names = [os.path.relpath(path, root) for path in re.findall(r'[<"](/[^>"]*)[>"]', self.line) if path.startswith(root)]
        return f"{self.call} {' -> '.join(dict.fromkeys(names))}"


def run(command, cwd, env, log=None, timeout=600):
    """Runs a command to its end; returns its exit code and its output."""
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


def record(command, cwd, env, roots):
    """Runs a command to its end; returns exit code, output, and the changes that its main thread made below `roots`."""
    trace = os.path.join(cwd, "trace.txt")
    traced = ["strace", "-f", "-y", "-qq", "-s", "0", "--seccomp-bpf", "-e", "trace=" + ",".join(CHANGES), "-e",
              "signal=none", "-o", trace]
    code, out, err = run(traced + command, cwd, env)
    events, counts, main = [], {}, None
    with open(trace, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = re.match(r"(\d+)\s+(\w+)\(", line)
            if not found:
                continue
            thread, call = found.groups()
            main = main or thread
            if thread != main:
                continue
            counts[call] = counts.get(call, 0) + 1
            creates = call != "openat" or "O_CREAT" in line
            if creates and any(root in line for root in roots):
                events.append(Event(call, counts[call], line))
    return code, out, err, events


def kill_before(event, command, cwd, env):
    """Runs a command that gets SIGKILL as it comes to `event`; returns whether it did."""
    inject = f"inject={event.call}:signal=SIGKILL:when={event.nth}"
    traced = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=" + event.call, "-e", inject, "-e", "signal=none",
              "-o", "/dev/null"]
    code, _, _ = run(traced + command, cwd, env)
    return code in (KILLED, -9)
