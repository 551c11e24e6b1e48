"""What making a shorter context costs: seconds for a long one, memory over a long life."""

import random
import time
import tracemalloc

import msgspec

from domain.compaction.engine import Live, Told, think
from domain.compaction.entries import Entry
from domain.compaction.strategies import Wanted
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights


def memory(tools: Tools, compactions: int) -> None:
    """One conversation that is said and compacted again and again, as the worker does it."""
    weights = Weights()
    wanted = Wanted("hybrid", 20, 2_000, 16_000)
    told: Told | None = None
    live: list[Entry] = []
    place = last = 0
    held: list[int] = []
    tracemalloc.start()
    for number in range(compactions):
        more = _long_talk(tools, 2_000, number)
        live += [msgspec.structs.replace(each, sequence=last + each.sequence) for each in more]
        last = live[-1].sequence
        thought = think(Live(live, told, place), wanted, tools, weights)
        assert thought is not None
        assert thought.tokens_after <= 2_000
        told = Told("s", thought.told.pieces, thought.told.passages, thought.summarized)
        live = sorted((e for g in thought.stay for e in g.entries), key=lambda e: e.sequence)
        place = thought.place
        if (number + 1) % (compactions // 4) == 0:
            held.append(tracemalloc.get_traced_memory()[0] >> 10)
    peak = tracemalloc.get_traced_memory()[1] >> 10
    tracemalloc.stop()
    print(
        f"{compactions:,} compactions of one conversation ({last:,} messages): {' / '.join(f'{k:,}' for k in held)} KiB"
        f" held after each quarter, {peak:,} KiB at the peak.\n"
    )


def speed(tools: Tools, tokens: int) -> None:
    """A context of so many tokens, compacted to a tenth, by a process that never saw it."""
    entries = _long_talk(tools, tokens)
    total = sum(entry.tokens for entry in entries)
    wanted = Wanted("hybrid", 20, total // 10, 16_000)
    began, used = time.perf_counter(), time.process_time()
    thought = think(Live(entries), wanted, tools, Weights())
    used, seconds = time.process_time() - used, time.perf_counter() - began
    assert thought is not None
    tracemalloc.start()
    think(Live(entries), wanted, tools, Weights())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"{total:,} tokens in {len(entries):,} messages to {thought.tokens_after:,}: {used:.2f} s of the processor, {seconds:.2f} s on the clock, cold; {peak / 2**20:.0f} MiB at the peak.\n"
    )


def _long_talk(tools: Tools, tokens: int, seed: int = 7) -> list[Entry]:
    chance = random.Random(seed)
    words = [
        f"{a}{b}"
        for a in ("ship", "order", "pay", "wind", "blue", "cost", "road")
        for b in ("ing", "er", "ful", "ment", "ly")
    ]
    entries: list[Entry] = []
    total = 0
    while total < tokens:
        number = len(entries) + 1
        text = " ".join(
            f"Parcel {chance.randrange(10**6)} of {chance.choice(words)} {chance.choice(words)} goes to {chance.choice(words)} on 2026-0{chance.randrange(1, 9)}-1{chance.randrange(9)}."
            for _ in range(chance.randrange(1, 12))
        )
        role = "user" if number % 2 else "assistant"
        cost = tools.count(text) + 4
        entries.append(
            Entry(number, f"m{number}", role, msgspec.Raw(msgspec.json.encode(text)), cost)
        )
        total += cost
    return entries
