"""Become the user ``nobody`` and run a program: ``python drop_root.py program argument...`` (Linux, started as root).

PostgreSQL refuses to run as root, but a checkout of root may lie in a folder that nobody else can enter (``/root``).
So the one capability that opens such folders is kept, and every other right of root is given up. Where the system does
not grant that, the program still runs as ``nobody``, and needs a checkout that others can enter.
"""

import ctypes
import os
import pwd
import sys

# Numbers of the Linux kernel's interface: <linux/prctl.h>, <linux/capability.h>.
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def become_nobody() -> None:
    """Change to ``nobody`` for good, keeping at most ``CAP_DAC_OVERRIDE``."""
    nobody = pwd.getpwnam("nobody")
    libc = ctypes.CDLL(None)
    if sys.platform == "linux":
        libc.prctl(PR_SET_KEEPCAPS, *(ctypes.c_ulong(value) for value in (1, 0, 0, 0)))
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    if sys.platform == "linux":
        mask = 1 << CAP_DAC_OVERRIDE
        data = (_Data * 2)(_Data(mask, mask, mask), _Data(0, 0, 0))
        if libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), data) == 0:
            values = (PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
            libc.prctl(PR_CAP_AMBIENT, *(ctypes.c_ulong(value) for value in values))


if __name__ == "__main__":
    become_nobody()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - that is its purpose
