"""One holder at a time, in order, whoever gives up meanwhile."""

import asyncio

import pytest

from eventstore.turns import Turns


async def test_one_at_a_time_in_the_order_they_came() -> None:
    turns = Turns()
    order: list[int] = []

    async def hold(number: int) -> None:
        async with turns.turn("a"):
            order.append(number)
            await asyncio.sleep(0)
            assert order[-1] == number

    await asyncio.gather(*(hold(number) for number in range(20)))
    assert order == list(range(20))
    assert len(turns) == 0


async def test_who_can_have_it_at_once() -> None:
    turns = Turns()
    assert turns.take_at_once("a")
    assert not turns.take_at_once("a")
    assert not turns.is_free("a")
    assert turns.is_free("b")
    turns.give("a")
    assert turns.take_at_once("a")


async def test_a_turn_that_is_waited_for_is_never_free() -> None:
    turns = Turns()
    assert turns.take_at_once("a")
    waiting = asyncio.create_task(turns.take("a"))
    await asyncio.sleep(0)
    turns.give("a")
    assert not turns.take_at_once("a")
    await waiting
    turns.give("a")
    assert len(turns) == 0


@pytest.mark.parametrize("given_first", [False, True])
async def test_who_gives_up_is_passed_by(given_first: bool) -> None:
    turns = Turns()
    assert turns.take_at_once("a")
    first, second = (asyncio.create_task(turns.take("a")) for _ in range(2))
    await asyncio.sleep(0)
    if given_first:
        turns.give("a")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    if not given_first:
        turns.give("a")
    await second
    turns.give("a")
    assert len(turns) == 0


async def test_a_holder_that_fails_gives_it_on() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError):
        async with turns.turn("a"):
            raise ZeroDivisionError
    assert len(turns) == 0
