"""The site on this machine: built again when a source changes, and loaded again by the browser."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from docsite.build import build, source_files

# In each page that is served, not in the files: ask what was built, until the answer changes
RELOAD = b"""<script>(() => {
  const events = new EventSource("/.built");
  let first;
  events.onmessage = ({ data }) => { first ??= data; if (data !== first) location.reload(); };
})();</script></body>"""


class Builds:
    """Counts the builds, and lets others wait for the next one."""

    def __init__(self):
        self.number, self.changed = 0, threading.Condition()

    def add(self) -> None:
        with self.changed:
            self.number += 1
            self.changed.notify_all()

    def next_after(self, seen: int) -> int:
        with self.changed:
            self.changed.wait_for(lambda: self.number != seen, timeout=20)
            return self.number


def handler_for(site: Path, builds: Builds) -> Callable:
    """What answers a browser."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=site)

        def do_GET(self):
            if self.path == "/.built":
                return self.tell()
            page = Path(self.translate_path(self.path))
            page = page / "index.html" if page.is_dir() else page
            if page.suffix != ".html" or not page.is_file():
                return super().do_GET()
            content = page.read_bytes().replace(b"</body>", RELOAD)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def end_headers(self):
            self.send_header("Cache-Control", "no-store")
            super().end_headers()

        def tell(self) -> None:
            """The number of the build, now and after each further one, until the page is left."""
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            number = builds.number
            try:
                while True:
                    self.wfile.write(f"data: {number}\n\n".encode())
                    number = builds.next_after(number)
            except OSError:  # the browser has gone
                pass

        def log_message(self, *_):
            pass

    return Handler


def times() -> dict[Path, int]:
    """When each source was last written."""
    return {path: path.stat().st_mtime_ns for path in source_files() if path.exists()}


def watch(builds: Builds) -> None:
    """Build again whenever a source changes; a mistake is shown, and its repair waited for."""
    seen = times()
    while True:
        time.sleep(0.3)
        found = times()
        if found == seen:
            continue
        changed = {path for path in found.keys() | seen.keys() if found.get(path) != seen.get(path)}
        # In a process of its own, which has the new code and not the one that started
        start = time.perf_counter()
        commands = [["-c", "from nbdev.doclinks import nbdev_export; nbdev_export()"]]
        commands = commands * any(path.suffix == ".ipynb" for path in changed) + [["-m", "docsite"]]
        done = [subprocess.run([sys.executable, *command]).returncode for command in commands]
        seen = times()
        if not any(done):
            print(f"built again in {time.perf_counter() - start:.1f} s", flush=True)
            builds.add()


def serve(port: int) -> None:
    """Build, serve, watch; until Ctrl-C."""
    site, _ = build()
    builds = Builds()
    threading.Thread(target=watch, args=[builds], daemon=True).start()
    with ThreadingHTTPServer(("127.0.0.1", port), handler_for(site, builds)) as server:
        print(f"http://127.0.0.1:{server.server_port}/  (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
