"""Where io_uring is forbidden, as container profiles do, start-up says what to allow and nothing runs."""
import ctypes
import struct
import subprocess

import through as doors

IO_URING_SETUP = 425
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, EPERM = 0x7FFF0000, 0x00050000, 1


class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def forbid_io_uring():
    """A seccomp filter, as a container runtime installs: io_uring_setup fails with EPERM, all else is allowed."""
    def instruction(code, jump_true, jump_false, value):
        return struct.pack("=HBBI", code, jump_true, jump_false, value)

    load_number, jump_if_equal, answer = 0x20, 0x15, 0x06
    code = (instruction(load_number, 0, 0, 0) + instruction(jump_if_equal, 0, 1, IO_URING_SETUP) +
            instruction(answer, 0, 0, SECCOMP_RET_ERRNO | EPERM) + instruction(answer, 0, 0, SECCOMP_RET_ALLOW))
    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0


def test_without_io_uring_the_start_says_what_to_allow(folder, authority, postgres):
    door = doors.ThroughSluice(folder / "gateway", authority, postgres)
    try:
        done = subprocess.run([door.sluice.program, "serve", "-c", door.sluice.file], capture_output=True, text=True,
                              preexec_fn=forbid_io_uring, timeout=60, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 4, said
        for word in ("io_uring", "io_uring_setup", "io_uring_enter", "io_uring_register"):
            assert word in said
        for secret in door.sluice.keys.values():
            assert secret not in said
    finally:
        door.stop()
