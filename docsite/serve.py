"""The site on this machine: built again when a source changes, and loaded again by the browser."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

from livereload import Server, handlers
from tornado.ioloop import IOLoop

from docsite.build import source_files


def times() -> dict[Path, int]:
    """When each source was last written."""
    return {path: path.stat().st_mtime_ns for path in source_files() if path.exists()}


def watch(loop: IOLoop) -> None:
    """Build again whenever a source changes; a mistake is shown, and its repair waited for."""
    # Processes of their own have the new code, and not the one that started
    export = [sys.executable, "-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"]
    build = [sys.executable, "-m", "docsite"]
    seen = times()
    while True:
        time.sleep(0.3)
        if times() != seen:
            failed = subprocess.run(export).returncode
            seen = times()  # before the build: what is saved during it has to be built, too
            if not failed and subprocess.run(build).returncode == 0:
                loop.add_callback(handlers.LiveReloadHandler.reload_waiters)


def serve(site: Path, port: int) -> None:
    """Serve what is built to this machine alone, and watch; until Ctrl-C."""
    logging.disable(logging.WARNING)  # no line for each page and each browser
    IOLoop.current().add_callback(print, f"http://127.0.0.1:{port}/  (Ctrl-C stops it)", flush=True)
    Thread(target=watch, args=[IOLoop.current()], daemon=True).start()
    server = Server()
    server.watch(os.devnull)  # livereload would look for changes itself, and not serve meanwhile
    server.setHeader("Cache-Control", "no-store")
    server.serve(port, host="127.0.0.1", root=site, restart_delay="forever")  # no reload at start
