"""Ctrl-C in the first half second, while a command is being imported."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.services.cli.support import clean_environ

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["verbatim"]
MODULE, _, FUNCTION = SCRIPT.partition(":")
WAYS = {
    "python -m": "runpy.run_module('services.cli', run_name='__main__', alter_sys=True)",
    "verbatim": f"from {MODULE} import {FUNCTION}; sys.exit({FUNCTION}())",
}
STRUCK = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, {handler})

class Strikes:
    def find_spec(self, name, *_):
        if name == {name!r}:
            print("struck", flush=True)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Strikes())
sys.argv = ["verbatim", "config"]
{way}
"""


def struck(way: str, name: str, handler: str = "signal.default_int_handler") -> tuple[int, str]:
    """Its code, and all that it told, where SIGINT comes when the module of this name is looked for."""
    program = STRUCK.format(way=WAYS[way], name=name, handler=handler)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=clean_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told, _ = process.communicate(timeout=60)
    return process.returncode, told


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name",
    [
        "services.cli.main",
        "rich_click",
        "services.cli.config",  # the command's own module
        "msgspec",
    ],
)
def test_it_ends_without_a_word(way: str, name: str) -> None:
    assert struck(way, name) == (130, "struck\n")


@pytest.mark.parametrize("way", WAYS)
def test_who_ignores_it_goes_on_ignoring_it(way: str) -> None:
    """As a shell's background processes do."""
    code, told = struck(way, "rich_click", "signal.SIG_IGN")
    assert code == 0
    assert "VERBATIM_PORT" in told


def test_once_a_command_has_begun_it_is_its_own_matter() -> None:
    """Commands that keep what they have done, and say how to go on, hear of it as of any KeyboardInterrupt."""
    program = """
import signal, sys
import services.cli.config as module
def told(*_, **__):
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
module.config.callback = told
sys.argv = ["verbatim", "config"]
from services.cli.__main__ import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "True\n", ended.stderr
