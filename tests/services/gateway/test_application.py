"""The application of ten lines that README and docs show is true: its conversation appears by itself."""

import builtins
import re
from pathlib import Path

import pytest

from tests.services.gateway.asking import told
from tests.services.gateway.model_server import ModelServer, says
from tests.services.support import Api

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "docs/chat-completions.md"])
def test_it_runs_as_it_stands_there(
    api: Api, models: ModelServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    blocks = BLOCK.findall((ROOT / name).read_text("utf-8"))
    (program,) = [block for block in blocks if "chat.completions.create" in block]
    assert len([line for line in program.splitlines() if line]) <= 10
    here = re.sub(r'base_url="[^"]*"', f'base_url="{api.address}/v1"', program)
    here = re.sub(r'api_key="[^"]*"', f'api_key="{api.key}"', here)
    assert here.count(api.address) == here.count(api.key) == 1
    (model,) = re.findall(r'model="([^"]*)"', program)
    models.behave(model, says("I see."))
    lines = iter(["hello", "and again", ""])
    printed: list[str] = []
    monkeypatch.setattr(builtins, "input", lambda _: next(lines))
    monkeypatch.setattr(builtins, "print", printed.append)
    variables: dict[str, dict[str, str]] = {}
    exec(compile(here, name, "exec"), variables)
    assert printed == ["I see.", "I see."]
    turns = [("user", "hello"), ("assistant", "I see."), ("user", "and again"), ("assistant", "I see.")]  # fmt: skip
    assert told(api, variables["conversation"]["conversation_id"]) == turns
