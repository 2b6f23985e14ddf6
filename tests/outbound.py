"""Proves that a server with ONNX Runtime connects to nobody.

The library carries telemetry. Here the server runs under a filter of the kernel that
ends a process which connects to, or sends a datagram to, anything at all. Called with
a command, this is what sets the filter and becomes that command.
"""

import ctypes
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from served import EXAMPLES, CheckError, Server, ask

# By machine: its audit architecture, and the numbers of connect, sendto, sendmmsg.
SYSTEM_CALLS = {
    "x86_64": (0xC000003E, 42, 44, 307),
    "aarch64": (0xC00000B7, 203, 206, 269),
}

# linux/filter.h and linux/seccomp.h
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000
NUMBER, ARCHITECTURE, ADDRESS_LOW, ADDRESS_HIGH = 0, 4, 16 + 4 * 8, 16 + 4 * 8 + 4
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2

GUARD = [sys.executable, __file__]

ENGINE = 'engine = "onnxruntime"\n'
# Where they run: in the server's process, and in processes of their own.
MODELS = {"iris": "", "isolated": 'isolation = "process"\n'}

# How long the server answers requests; the library would report within seconds.
SECONDS = 10.0


def connect_to_nobody() -> None:
    """From here on, this process and its children are ended if they connect."""
    architecture, connect, sendto, sendmmsg = SYSTEM_CALLS[platform.machine()]
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_IF_EQUAL, 0, 9, architecture),
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 7, 0, connect),
        (JUMP_IF_EQUAL, 6, 0, sendmmsg),
        (JUMP_IF_EQUAL, 0, 4, sendto),
        # Without an address, sendto answers on a connection that somebody made to us.
        (LOAD, 0, 0, ADDRESS_LOW),
        (JUMP_IF_EQUAL, 0, 3, 0),
        (LOAD, 0, 0, ADDRESS_HIGH),
        (JUMP_IF_EQUAL, 0, 1, 0),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, KILL_PROCESS),
    ]
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if system.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def prove_the_guard() -> None:
    """A process that connects does not survive it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        connecting = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        for code, expected in [(connecting, -signal.SIGSYS), ("print()", 0)]:
            ended = subprocess.run(
                [*GUARD, sys.executable, "-c", code],
                check=False,
                capture_output=True,
            )
            if ended.returncode != expected:
                raise CheckError(f"the guard let '{code}' end as {ended.returncode}")


def serve_and_connect_to_nobody(models: Path) -> int:
    """Answers requests for a while with the library open; how many."""
    library = os.environ["LOADONCE_ONNXRUNTIME"]
    arguments = [models, "--port", "0", "--onnxruntime", library]
    with Server(*arguments, wrapper=GUARD) as server:
        address = server.address()
        server.wait_for_line("ready after")
        said = "".join(server.output)
        if "its telemetry off (ORT_DISABLE_TELEMETRY=1)" not in said:
            raise server.failure("did not say that telemetry is off")
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        if str(Path(library).resolve()) not in maps:
            raise server.failure("does not have the library open")
        body = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
        answered, end = 0, time.monotonic() + SECONDS
        while time.monotonic() < end:
            for model in MODELS:
                answer = ask(address, "POST", f"/v1/models/{model}:predict", body)
                if answer.status != 200:
                    raise server.failure(f"answered {answer.status}: {answer.text}")
                answered += 1
        server.stop()
    return answered


def main() -> None:
    prove_the_guard()
    with tempfile.TemporaryDirectory() as folder:
        for name, keys in MODELS.items():
            model = Path(folder) / name
            shutil.copytree(EXAMPLES / "iris", model)
            settings = (model / "model.toml").read_text()
            (model / "model.toml").write_text(f"{ENGINE}{keys}{settings}")
        answered = serve_and_connect_to_nobody(Path(folder))
    print(f"ok: {answered} requests in {SECONDS:.0f} s, and no connection to anybody")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        connect_to_nobody()
        os.execv(sys.argv[1], sys.argv[1:])
    try:
        main()
    except CheckError as error:
        sys.exit(f"error: {error}")
