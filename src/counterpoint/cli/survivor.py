"""Lets calls in flight come home when a command is killed outright.

A call that was sent is paid for, whether or not anybody is left to read its answer. So the work is done in a child
process; the command itself only waits for it. Killed (SIGKILL, its process group too), the command takes nothing with
it: the child, in a group of its own, is told by the kernel that its parent is gone, sends nothing more, keeps the
answers in flight as they come, and ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from types import FrameType

_owned = False
"""Whether the process is the command's own: code that merely calls a command must not be forked."""

_PARENT_DEATH = 1
"""PR_SET_PDEATHSIG of Linux's prctl(2)."""


def own_process() -> None:
    """Say that this process runs one command and ends with it."""
    global _owned
    _owned = True


def divide() -> None:
    """Go on in a child process; the parent stays here until the child ends, and leaves with its exit code.

    Signals to the parent are passed on. Where that can't be done safely (other systems, threads running, torch's own
    among them, a process that isn't the command's own), the work goes on in this process, and what is in flight when it
    is killed is lost.
    """
    if not _owned or not sys.platform.startswith("linux") or threading.active_count() > 1 or "torch" in sys.modules:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel knew whom to tell
            os._exit(128 + signal.SIGTERM)
        return
    _pass_on(child)
    os._exit(_wait(child))


def _pass_on(child: int) -> None:
    """Hand signals to the child, which a terminal's keys don't reach in its own group; Ctrl-Z stops both of us."""

    def hand_on(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    def rest(_: int, __: FrameType | None) -> None:
        os.kill(child, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        signal.signal(number, hand_on)
    signal.signal(signal.SIGTSTP, rest)


def _wait(child: int) -> int:
    """The child's exit code; 128 and the signal's number if one ended it."""
    while True:
        try:
            _, status = os.waitpid(child, 0)
        except InterruptedError:
            continue
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code
