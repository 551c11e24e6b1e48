"""Writes the next frozen log: `python -m tests.domain.make_log`.

Change the story below so that it tells what is new, run it once, read what it wrote, commit it. Logs
that are there already are never written again: see frozen/README.md.
"""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from domain import commands as c
from domain.codec import Codec
from domain.decide import decide
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from domain.state import ConversationState, evolve
from tests.domain.builders import (
    NOON,
    answering,
    append,
    asking,
    delete,
    message,
    raw,
    restore,
    start,
    update,
)
from tests.domain.replay import replay

FOLDER = Path(__file__).parent / "frozen"
BEGIN = NOON + timedelta(seconds=1)
SMALL = CompactionPolicy("sliding_window", 200, 4, 100)

ORDER, TRIP, EMPTY, NASTY, OTHER = (
    "acme:conv_order",
    "acme:trip-2026_02",
    "acme:conv_empty",
    "acme:conv_nasty",
    "globex-2:conv_order",
)

STORY: list[tuple[str, c.Command]] = [
    (
        ORDER,
        start(
            message("m1", "system", content=raw("You help with orders."), token_count=9),
            message("m2", "user", content=raw("Where is order 4711?"), token_count=11, name="Ada"),
            source="widget",
            user_id="ada",
            assistant_id="shop",
            metadata={"channel": "web", "tier": "gold"},
            compaction=SMALL,
        ),
    ),
    (OTHER, start(message("m1", "user"), source="playground")),
    (
        ORDER,
        append(
            asking(
                "m3",
                "call_1",
                "call_2",
                content=raw(None),
                model="gpt-4o",
                finish_reason="tool_calls",
                input_tokens=40,
                output_tokens=22,
                cost_cents=Decimal("0.032"),
            ),
            answering("m4", "call_2", content=raw('{"status": "shipped"}')),
        ),
    ),
    (TRIP, start(created_at=BEGIN - timedelta(days=400), title="Old trip")),
    (ORDER, append(answering("m5", "call_1"))),
    (ORDER, append(asking("m6", "call_1"), message("m7", "user"))),
    (ORDER, c.PinMessage("m2", 2)),
    (ORDER, c.PinMessage("m7", 7)),
    (TRIP, update(title="A trip to Zürich", metadata={"from": "import", "old": "yes"})),
    (TRIP, append(message("t1", created_at=BEGIN - timedelta(days=399), token_count=70))),
    (TRIP, update(archived=True, assistant_id="guide", metadata={"old": None, "from": "file"})),
    (EMPTY, start()),
    (ORDER, c.RetractMessage("m6", 6, 10)),
    (ORDER, c.RetractMessage("m7", 7, 10)),
    (ORDER, c.PinMessage("m1", 1)),
    (ORDER, c.UnpinMessage("m1", 1)),
    (ORDER, update(compaction=c.PolicyPatch(strategy="hybrid", target_tokens=None))),
    (TRIP, append(message("t2", "assistant", cost_cents=Decimal("12.5")))),
    (EMPTY, delete()),
    (
        NASTY,
        start(
            message("n1", content=msgspec.Raw(b'"NUL \\u0000 \xf0\x9f\x98\x80 \\ud83d\\ude00"')),
            message(
                "n2",
                "developer",
                content=msgspec.Raw(
                    b'[ {"type":"text", "text":"a"}, {"type":"hologram","w":1.50} ]'
                ),
                extra=msgspec.Raw(b'{"big":123456789012345678901234567890,"big":1e-400}'),
                metadata={"k": ""},
            ),
            asking("n3", "dup", "dup", kind="reasoning", incomplete="max_tokens"),
            answering("n4", "dup"),
        ),
    ),
    (TRIP, update(archived=True)),
    (TRIP, delete()),
    (TRIP, restore()),
    (OTHER, update(title="x" * 300, user_id="someone else")),
    (OTHER, update(title=None)),
    (ORDER, append(asking("m8", "call_3", cost_cents=Decimal("0.000000000001")))),
]


def main() -> None:
    codec = Codec()
    states: dict[str, ConversationState] = {}
    lines: list[str] = []
    for number, (stream, command) in enumerate(STORY, 1):
        for event in decide(states.get(stream), command):
            position = len(lines) + 1
            version = states[stream].version + 1 if stream in states else 1
            meta = Meta(
                event_id=f"evt_{position:04}",
                occurred_at=BEGIN + timedelta(seconds=number),
                command_id=f"cmd_{number:04}",
                actor="key_a" if stream.startswith("acme") else "key_g",
                request_id=f"req_{number:04}" if number % 3 else None,
                causation="evt_0001" if number % 7 == 0 else None,
            )
            states[stream] = evolve(states.get(stream), event, version, meta.occurred_at)
            topic, state = codec.encode(meta, event)
            line = {"stream": stream, "version": version, "position": position, "topic": topic}
            lines.append(json.dumps(line | {"state": state.decode()}, ensure_ascii=False))
    name = f"log-{len(list(FOLDER.glob('log-*.jsonl'))) + 1:04}"
    log, expected = FOLDER / f"{name}.jsonl", FOLDER / f"{name}.expected.json"
    with log.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    with expected.open("x", encoding="utf-8") as file:
        json.dump(replay(log), file, ensure_ascii=False, indent=1)
        file.write("\n")
    print(f"{log}: {len(lines)} events; read {expected} before you commit it")


if __name__ == "__main__":
    main()
