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

# Scoring and tabulating must not meet torch, so they are forked from a server that has none. What is only met
# on the way, such as Snakemake's own notebooks and reports, is named by what it takes longest to import.
LIGHT = (
    "snakemake.cli",
    "snakemake.script",
    "snakemake.dag",
    "snakemake.workflow",
    "snakemake.profiles",
    "snakemake.report.html_reporter",
    "snakemake_executor_plugin_slurm",
    "nbformat",
    "requests",
    "smart_open",
    "yte",
    "numpy",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.stats",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_svg",
    "PIL.Image",
    "PIL.JpegImagePlugin",
    "jsonschema",
)
HEAVY = (
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
# Name of an environment variable: packages that read where the hub is when they are imported, are not yet.
OWN_HUB = "PRUNEGRID_TEST_OWN_HUB"
_LENGTH = 8


def executable(folder: Path, owner: int) -> Path:
    """Start the servers, which end with the process `owner`, and return the program, in a folder."""
    import subprocess

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    subprocess.Popen([sys.executable, __file__, "serve", str(folder), str(owner)], env=environment)
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{__file__}" ask "{folder}" "$@"\n')
    program.chmod(0o755)
    return program


def _serve(folder: Path, owner: int) -> None:
    import importlib

    # Who asks before all is imported waits.
    listening = {kind: _listening(folder / kind) for kind in ("light", "heavy")}
    for module in LIGHT:
        importlib.import_module(module)
    # Both have what the light ones import.
    kind = "light" if os.fork() else "heavy"
    if kind == "heavy":
        for module in HEAVY:
            importlib.import_module(module)
    _answer(listening.pop(kind), folder / "python", owner)


def _listening(address: Path) -> socket.socket:
    found = socket.socket(socket.AF_UNIX)
    found.bind(str(address))
    found.listen(64)
    # In seconds: how often a server looks whether it is still needed.
    found.settimeout(1)
    return found


def _answer(listening: socket.socket, program: Path, owner: int) -> None:
    import gc
    import signal

    # Who asked waits for its program; the server need not.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # No collection of a forked program looks at, and thereby copies, what was imported.
    gc.collect()
    gc.freeze()
    while True:
        try:
            asker, _ = listening.accept()
        except TimeoutError:
            try:
                os.kill(owner, 0)
            except ProcessLookupError:
                return
            continue
        asker.setblocking(True)
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(asker, str(program))
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
    heavy = arguments[0].endswith(NEEDS_TORCH) and not os.environ.get(OWN_HUB)
    kind = "heavy" if heavy else "light"
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
        _serve(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(_ask(sys.argv[2], sys.argv[3:]))
