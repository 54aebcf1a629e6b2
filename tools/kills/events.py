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
    """The `nth` call of `call` in some thread, as a line of strace."""

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
    """Runs a command to its end; returns exit code, output, and the changes that it made below `roots`.

    strace counts the calls of each thread by itself, and ends the process in the first thread that reaches a number. So only
    changes of the thread that makes the most calls of a kind can be met; the others are left out.
    """
    trace = os.path.join(cwd, "trace.txt")
    traced = ["strace", "-f", "-y", "-qq", "-s", "0", "--seccomp-bpf", "-e", "trace=" + ",".join(CHANGES), "-e",
              "signal=none", "-o", trace]
    code, out, err = run(traced + command, cwd, env)
    calls = {}
    with open(trace, encoding="utf-8", errors="replace") as lines:
        for place, line in enumerate(lines):
            found = re.match(r"(\d+)\s+(\w+)\(", line)
            if found:
                thread, call = found.groups()
                calls.setdefault(call, {}).setdefault(thread, []).append((place, line))
    events = []
    for call, threads in calls.items():
        for thread, lines in threads.items():
            others = max((len(lines) for other, lines in threads.items() if other != thread), default=0)
            for nth, (place, line) in enumerate(lines, 1):
                creates = call != "openat" or "O_CREAT" in line
                if nth > others and creates and any(root in line for root in roots):
                    events.append((place, Event(call, nth, line)))
    return code, out, err, [event for _, event in sorted(events, key=lambda pair: pair[0])]


def kill_before(event, command, cwd, env):
    """Runs a command that gets SIGKILL as it comes to `event`; returns whether it did."""
    inject = f"inject={event.call}:signal=SIGKILL:when={event.nth}"
    # Without --seccomp-bpf, with which strace injects no signals.
    traced = ["strace", "-f", "-qq", "-e", "trace=" + event.call, "-e", inject, "-e", "signal=none",
              "-o", "/dev/null"]
    code, _, _ = run(traced + command, cwd, env)
    return code in (KILLED, -9)
