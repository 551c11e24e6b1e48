"""The README's commands, run as they stand there. Standard library only: any Python 3.11 can walk the tour.

A block ```sh is run, all of them in one shell; a block after it in another language is what they print. What
differs from run to run (ids, keys, times, rates, ports, paths) is masked on both sides. `make dev` is left to
the caller: it runs in a terminal of its own.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

README = Path(__file__).resolve().parents[1] / "README.md"
WALKED = ("Two minutes with it", "Using it")
"""The sections whose commands are run, in order."""
WITH_DATA = (*WALKED, "With real conversations")
"""Where `DATA` in the environment names a folder with the real conversations."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_VARYING = [
    (r"\bvb_\w+", "<key>"),
    (r"\b([a-z]+)_[0-9a-f]{16,}\b", r"<\1>"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"[\d.,]+( s\b| messages/s)", r"<n>\1"),
    (r"\S+/\.verbatim\b", "<data>"),
]
_PROGRESS = re.compile(r"^[\d,]+ conversations, [\d,]+ messages, [\d,]+ messages/s\n", re.MULTILINE)
"""What a long import tells meanwhile, where the machine is slow."""
_END = "--- end of step"


class Step(NamedTuple):
    script: str
    expected: str | None
    """None where the README shows no output."""

    @property
    def starts_the_service(self) -> bool:
        return self.script.strip() == "make dev"


class Walked(NamedTuple):
    step: Step
    code: int
    printed: str

    @property
    def as_told(self) -> bool:
        expected = self.step.expected
        return self.code == 0 and (expected is None or masked(expected) == masked(self.printed))


def section(title: str, text: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def steps(text: str, titles: Sequence[str] = WALKED) -> list[Step]:
    found: list[Step] = []
    for title in titles:
        blocks: list[tuple[str, str]] = _BLOCK.findall(section(title, text))
        following = [*blocks[1:], ("", "")]
        for (language, script), (after, output) in zip(blocks, following, strict=False):
            if language == "sh":
                found.append(Step(script, output if after in ("text", "json") else None))
    return found


def masked(text: str) -> str:
    text = "\n".join(line.rstrip() for line in text.replace("\r", "").strip().splitlines())
    text = _PROGRESS.sub("", text)
    for shown, mask in _VARYING:
        text = re.sub(shown, mask, text)
    return text


def walk(
    text: str,
    folder: Path,
    environ: Mapping[str, str],
    start: Callable[[], str],
    titles: Sequence[str] = WALKED,
    **identity: Any,
) -> Iterator[Walked]:
    """Run the steps in a folder, a shell for all, as the user that `identity` says to subprocess.

    `start` is `make dev`: it answers what that printed once ready.
    """
    with subprocess.Popen(
        ["/bin/sh"],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **identity,
    ) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        for number, step in enumerate(steps(text, titles)):
            if step.starts_the_service:
                yield Walked(step, 0, start())
                continue
            file = folder / f".step-{number}"
            file.write_text(step.script, "utf-8")
            shell.stdin.write(f". ./{file.name} < /dev/null; echo '{_END}' $?\n")
            shell.stdin.flush()
            printed, code = _until_end(shell.stdout)
            file.unlink()
            yield Walked(step, code, printed)
        shell.stdin.close()


def _until_end(output: IO[str]) -> tuple[str, int]:
    lines: list[str] = []
    for line in output:
        before, end, code = line.partition(_END)
        lines.append(before)
        if end:
            return "".join(lines), int(code)
    raise EOFError("".join(lines))
