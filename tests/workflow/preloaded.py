"""Python programs that start with packages already imported: most of a small study's time is imports.

`executable` returns a program that takes arguments as `python` does. It asks a server, which has imported
packages of others and nothing of prunegrid, to fork itself and run what was asked for with the asker's
arguments, folder, environment, open files and, within one session, process group: a signal to the group
reaches all of it.
"""

import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

# Scoring and tabulating must not meet torch, so they are forked from a server that has none.
LIGHT = (
    "snakemake.cli",
    "snakemake.script",
    "snakemake.dag",
    "snakemake.workflow",
    "snakemake_executor_plugin_slurm",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_svg",
    "PIL.Image",
    "jsonschema",
)
HEAVY = (
    *LIGHT,
    "torch",
    "accelerate",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.processing_auto",
    "transformers.models.auto.image_processing_auto",
    "transformers.models.llava.modeling_llava",
    "transformers.models.clip.modeling_clip",
    "transformers.models.llama.modeling_llama",
)
NEEDS_TORCH = (".predict.py", ".measure_flow.py", ".measure_latency.py")
_LENGTH = 8


def executable(folder: Path) -> Path:
    """Start the servers, which end with this process, and return the program, in a new folder."""
    import atexit
    import subprocess

    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    for kind in ("light", "heavy"):
        command = [sys.executable, __file__, "serve", str(folder / kind), kind]
        server = subprocess.Popen(command, env=environment)
        atexit.register(server.kill)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{__file__}" ask "{folder}" "$@"\n')
    program.chmod(0o755)
    return program


def _serve(address: str, kind: str) -> None:
    import importlib
    import signal

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    for module in HEAVY if kind == "heavy" else LIGHT:
        importlib.import_module(module)
    # Who asked waits for its program; the server need not.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asker, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(asker, str(Path(address).with_name("python")))
        asker.close()


def _run(asker: socket.socket, program: str) -> None:
    """Become the program that was asked for; tell the asker how it ended."""
    import atexit
    import runpy
    import threading
    import traceback

    size, files, *_ = socket.recv_fds(asker, _LENGTH, 3)
    asked = json.loads(_received(asker, int.from_bytes(size)))
    # Another session's group cannot be joined.
    with suppress(OSError):
        os.setpgid(0, asked["group"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.executable, sys.argv = program, list(asked["arguments"])
    script = sys.argv[0]
    first = asked["folder"] if script == "-m" else str(Path(script).parent)
    named = os.environ.get("PYTHONPATH", "")
    sys.path[:] = [first, *filter(None, named.split(os.pathsep)), *sys.path[1:]]

    def end_with_asker() -> None:
        if not asker.recv(1):
            os._exit(137)

    threading.Thread(target=end_with_asker, daemon=True).start()
    status = 0
    try:
        if script == "-m":
            sys.argv[:] = sys.argv[1:]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    asker.sendall(bytes([status % 256]))
    os._exit(status)


def _received(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        parts.append(connection.recv(size))
        size -= len(parts[-1])
    return b"".join(parts)


def _ask(folder: str, arguments: list[str]) -> int:
    kind = "heavy" if arguments[0].endswith(NEEDS_TORCH) else "light"
    server = socket.socket(socket.AF_UNIX)
    _connect(server, os.path.join(folder, kind))  # noqa: PTH118 - pathlib takes longer to import.
    asked = {
        "arguments": arguments,
        "folder": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "group": os.getpgrp(),
    }
    message = json.dumps(asked).encode()
    socket.send_fds(server, [len(message).to_bytes(_LENGTH)], [0, 1, 2])
    server.sendall(message)
    status = server.recv(1)
    # Without a word it was killed.
    return status[0] if status else 137


def _connect(server: socket.socket, address: str) -> None:
    import time

    for _ in range(600):
        try:
            server.connect(address)
            return
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.1)
    raise TimeoutError(address)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(*sys.argv[2:])
    else:
        sys.exit(_ask(sys.argv[2], sys.argv[3:]))
