"""Writes the next frozen log: `python -m tests.domain.make_log`.

Change the story below so that it tells what is new, run it once, read what it wrote, commit it. Logs
that are there already are never written again: see frozen/README.md.
"""

import json
from datetime import timedelta
from pathlib import Path

from domain import commands as c
from domain.codec import Codec
from domain.decide import decide
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from domain.state import ConversationState, evolve
from domain.summaries import Passage, Piece, Summarizer
from tests.domain.builders import (
    NOON,
    answering,
    append,
    asking,
    compact,
    compacted,
    message,
    raw,
    start,
)
from tests.domain.replay import replay

FOLDER = Path(__file__).parent / "frozen"
BEGIN = NOON + timedelta(seconds=1)
SMALL = CompactionPolicy("sliding_window", 200, 4, 100)

LONG, WINDOW, MODEL = "acme:conv_long", "acme:conv_window", "globex-2:conv_model"
EXTRACTS = Summarizer("extracts", "1")

STORY: list[tuple[str, c.Command]] = [
    (
        LONG,
        start(
            message("l1", "system", content=raw("You help with trips."), token_count=9),
            message("l2", content=raw("I am Ada. My booking is ZRH-4711."), token_count=16),
            asking("l3", "call_1", "call_2", content=raw(None), token_count=30),
            answering("l4", "call_2", content=raw('{"seat": "12A"}'), token_count=12),
            answering("l5", "call_1", content=raw('{"status": "paid"}'), token_count=11),
            message("l6", "assistant", content=raw("You sit in 12A."), token_count=12),
            message("l7", content=raw("Good. And the luggage?"), token_count=10),
            compaction=SMALL,
        ),
    ),
    (
        LONG,
        compact(
            compacted(
                (2, 6),
                compaction_id="cmp_1",
                watermark=7,
                tokens_before=103,
                tokens_after=60,
                summary_id="sum_1",
                pieces=(
                    Piece(2, "user", 10, 34, "My booking is ZRH-4711.", 2.5),
                    Piece(4, "tool", 0, 8, 'seat="12A"', 1.25),
                ),
                summarized=5,
                first_sequence=2,
                last_sequence=6,
                summarizer=EXTRACTS,
            ),
            thought_at=8,
        ),
    ),
    (LONG, append(message("l8", "assistant", content=raw("One bag."), token_count=7))),
    (LONG, c.PinMessage("l4", 4, (3, 4, 5), 48, 10)),
    (LONG, c.RetractMessage("l6", 6, 0)),
    (LONG, c.UnpinMessage("l4", 4, -48, 12)),
    (LONG, c.PinMessage("l2", 2, (2,), 11, 13)),
    (
        LONG,
        compact(
            compacted(
                (7, 7),
                strategy="summarization",
                keep_recent=1,
                target_tokens=80,
                trigger="automatic",
                compaction_id="cmp_2",
                watermark=8,
                tokens_before=78,
                tokens_after=70,
                summary_id="sum_2",
                pieces=(Piece(4, "tool", 0, 8, 'seat="12A"', 1.25),),
                summarized=4,
                first_sequence=3,
                last_sequence=7,
                superseded=("sum_1",),
                summarizer=EXTRACTS,
            ),
            thought_at=14,
        ),
    ),
    (LONG, append(asking("l9", "call_3", token_count=14))),
    (LONG, c.UnpinMessage("l2", 2)),
    (WINDOW, start(*(message(f"w{n}") for n in range(1, 6)))),
    (
        WINDOW,
        compact(
            compacted(
                (1, 3), strategy="sliding_window", keep_recent=2, tokens_before=53, tokens_after=23
            ),
            thought_at=6,
        ),
    ),
    (WINDOW, append(message("w6"))),
    (MODEL, start(*(message(f"m{n}") for n in range(1, 4)))),
    (
        MODEL,
        compact(
            compacted(
                (1, 2),
                tokens_before=33,
                tokens_after=28,
                summary_id="sum_1",
                passages=(Passage(1, 2, "Zürich was agreed on.", "gpt-4o-mini"),),
                summarized=2,
                first_sequence=1,
                last_sequence=2,
                summarizer=Summarizer("openai", "1", "gpt-4o-mini"),
                instructions="Keep the places.",
            ),
            thought_at=4,
        ),
    ),
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
