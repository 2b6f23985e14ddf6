"""Starts a template: the text that the server gives to `python -c`.

Takes the modules of `loadonce_worker` from the control socket, which is standard input,
so that nothing has to be installed beside the user's own packages. Knows no module of
the package; understood by any Python 3, so that an old one is refused in words.
"""

import sys

# With -c the first entry is the working directory, the model's folder. No file there
# may stand in for a module that is imported here, or by the package.
if sys.path and sys.path[0] == "":
    del sys.path[0]

import importlib.util
import json
import os
import socket

LARGEST_MESSAGE = 131072
OLDEST = (3, 9)


class SentModules:
    """Finds and loads modules whose sources are in memory."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        # A package has modules, whose names go on after its own and a dot.
        package = any(other.startswith(name + ".") for other in self.sources)
        return importlib.util.spec_from_loader(name, self, is_package=package)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        # Not in angle brackets, or tracebacks would not ask `get_source` for lines.
        file = name.replace(".", "/") + ".py"
        exec(compile(self.sources[name], file, "exec"), module.__dict__)

    def get_source(self, name):
        return self.sources[name]


def take_control():
    """Moves the control socket away from standard input, out of children's sight."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return control


def receive_sources(control):
    sources = {}
    while True:
        datagram = control.recv(LARGEST_MESSAGE)
        if not datagram:
            return sources
        name, source = datagram.decode("utf-8").split("\0", 1)
        sources[name] = source


def refuse_old_python(control):
    text = "{} is Python {}, and a model needs {}.{} or newer".format(
        sys.executable, sys.version.split()[0], *OLDEST
    )
    failed = {"type": "failed", "kind": "configuration", "message": text}
    control.send(json.dumps(dict(failed, traceback="")).encode())
    sys.exit(1)


def boot():
    control = take_control()
    sources = receive_sources(control)
    if not sources:
        # The server is gone: an end of file and an empty message are alike.
        sys.exit(0)
    if sys.version_info < OLDEST:
        refuse_old_python(control)
    sys.meta_path.insert(0, SentModules(sources))
    from loadonce_worker import template  # noqa: PLC0415

    template.main(control)


boot()
