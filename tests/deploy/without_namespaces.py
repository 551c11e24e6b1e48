"""`python -m tests.deploy.without_namespaces user|all -- COMMAND…`: exec it where the kernel refuses new namespaces.

As container engines do by default: a filter of system calls answers "not permitted" to `unshare`, for user
namespaces only or for all.
"""

import ctypes
import os
import platform
import struct
import sys

from deploy.embedded.accounts import CLONE_NEWNS, CLONE_NEWUSER

UNSHARE = {"x86_64": 272, "aarch64": 97}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, EPERM = 22, 2, 1
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16
REFUSE, ALLOW = 0x50000 | EPERM, 0x7FFF0000


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def refuse(flags: int) -> None:
    steps = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 3, UNSHARE[platform.machine()]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 0, 1, flags),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    refuse(CLONE_NEWUSER if sys.argv[1] == "user" else CLONE_NEWUSER | CLONE_NEWNS)
    os.execv(sys.argv[3], sys.argv[3:])
