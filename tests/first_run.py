"""A newcomer's first minutes, timed: `python3 tests/first_run.py [--user NAME] [--no-test] [--keep]`.

A clean clone of what is committed here, in an empty folder, with an environment that holds nothing but HOME and a
plain PATH: `make dev`, the README's tour as it stands there, `make test`. As another user for root who names
one. Standard library only.
"""

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from tests import readme  # noqa: E402 - found by the line above

READY, LAST = "Verbatim is ready", "Ctrl-C stops it"
MOST_SECONDS = 1_800


class Newcomer:
    def __init__(self, home: Path, user: str | None) -> None:
        self.clone = home / "verbatim"
        self.environ = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        self._identity: dict[str, Any] = {}
        self._services: list[subprocess.Popen[bytes]] = []
        clone = ["git", "clone", "--quiet", str(CHECKOUT), str(self.clone)]
        subprocess.run(clone, check=True)
        if user is not None:
            account = pwd.getpwnam(user)
            own = ["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", str(home)]
            subprocess.run(own, check=True)
            self._identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def make(self, target: str, output: Any = None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["make", target],
            cwd=self.clone,
            env=self.environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **self._identity,
        )

    def start(self) -> str:
        """`make dev`; what it prints once it is ready."""
        begun = time.monotonic()
        for earlier in self._services:
            earlier.wait()
        log = self.clone.with_name(f"dev-{len(self._services)}.out")
        with log.open("wb") as output:
            process = self.make("dev", output)
        self._services.append(process)
        while LAST not in log.read_text("utf-8"):
            if process.poll() is not None or time.monotonic() > begun + MOST_SECONDS:
                sys.exit(f"make dev did not come up:\n{log.read_text('utf-8')}")
            time.sleep(0.02)
        told = log.read_text("utf-8")
        print(told.partition(READY)[0].rstrip())
        print(f"make dev is ready after {time.monotonic() - begun:.1f} s", flush=True)
        return READY + told.partition(READY)[2]

    def tour(self) -> bool:
        text = (self.clone / "README.md").read_text("utf-8")
        begun = time.monotonic()
        well = True
        for step in readme.walk(text, self.clone, self.environ, self.start, **self._identity):
            if not step.as_told:
                well = False
                print(f"not as told:\n{step.step.script}\n{step.printed}\nexit code {step.code}")
        print(
            f"the tour took {time.monotonic() - begun:.1f} s, {'as told' if well else 'NOT as told'}"
        )
        return well

    def stop(self) -> None:
        for process in self._services:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait()

    def test(self) -> bool:
        begun = time.monotonic()
        code = self.make("test").wait()
        print(f"make test took {time.monotonic() - begun:.0f} s, exit code {code}")
        return code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", help="run as this one")
    parser.add_argument("--no-test", action="store_true", help="leave `make test` out")
    parser.add_argument("--keep", action="store_true", help="keep the clone")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="verbatim-first-run-"))
    newcomer = Newcomer(home, given.user)
    well = False
    try:
        try:
            well = newcomer.tour()
        finally:
            newcomer.stop()
        if not given.no_test:
            well = newcomer.test() and well
    finally:
        if given.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home)
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
