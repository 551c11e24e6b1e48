"""Works that end together."""

import asyncio

import pytest

from projections.relay import together
from projections.relay.together import until_one_ends


async def test_one_that_swallows_its_cancellation_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "AGAIN_SECONDS", 0.01)
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1

    async with asyncio.timeout(60):
        await until_one_ends(deaf(), asyncio.sleep(0))
    assert swallowed == 3


async def test_what_one_raises_is_raised_and_the_others_have_ended() -> None:
    ended = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        await until_one_ends(other(), failing())
    assert ended.is_set()


async def test_cancelled_from_outside_it_ends_all() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    outer = asyncio.create_task(until_one_ends(work(), asyncio.sleep(60)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert ended.is_set()
