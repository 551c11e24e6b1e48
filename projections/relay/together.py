"""Works that belong together: when one ends, none goes on."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

AGAIN_SECONDS = 1.0


async def until_one_ends(*works: Coroutine[Any, Any, object]) -> None:
    """The others are cancelled and awaited. Raises what one of them raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    errors = [task.exception() for task in tasks if not task.cancelled()]
    for error in errors:
        if error is not None:
            raise error


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel them until they have ended.

    Once is not always enough: in Python 3.11 `asyncio.wait_for`, on which the NATS client stands, swallows a cancellation
    that comes together with its result.
    """
    while going_on := [task for task in tasks if not task.done()]:
        for task in going_on:
            task.cancel()
        await asyncio.wait(going_on, timeout=AGAIN_SECONDS)
