"""The session of OpenAI's agents package, unmodified, over this service."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import (
    Agent,
    ModelResponse,
    OpenAIConversationsSession,
    RunConfig,
    Runner,
    Usage,
    function_tool,
)
from agents.models.interface import Model
from openai import AsyncOpenAI
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseReasoningItem,
)

from tests.services.support import Api

UNTRACED = RunConfig(tracing_disabled=True)


class Scripted(Model):
    """Asks for the weather once a run, then says what it was told."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []

    async def get_response(self, *_: Any, **asked: Any) -> ModelResponse:
        given = asked["input"]
        self.inputs.append(given)
        last = given[-1]
        output: list[Any]
        if last.get("type") == "function_call_output":
            text = ResponseOutputText(type="output_text", text=f"It is {last['output']}.", annotations=[])  # fmt: skip
            output = [ResponseOutputMessage(id="msg_x", type="message", role="assistant", status="completed", content=[text])]  # fmt: skip
        else:
            number = len(self.inputs)
            output = [
                ResponseReasoningItem(id=f"rs_{number}", type="reasoning", summary=[]),
                *(
                    ResponseFunctionToolCall(
                        id=f"fc_{number}_{city}",
                        type="function_call",
                        call_id=f"call_{number}_{city}",
                        name="weather",
                        arguments=f'{{"city": "{city}"}}',
                    )
                    for city in ("Rome", "Oslo")
                ),
            ]
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **more: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


@function_tool
def weather(city: str) -> str:
    return f"sunny in {city}"


@pytest.fixture
async def client(api: Api) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{api.address}/openai/v1", api_key=api.key) as made:
        yield made


def plain(items: Any) -> list[Any]:
    return [{k: v for k, v in item.items() if k not in ("id", "status")} for item in items]


async def test_add_get_pop_clear(api: Api, client: AsyncOpenAI) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    items: list[Any] = [{"role": "user", "content": f"number {n}"} for n in range(45)]
    await session.add_items(items)
    shown = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": i["content"]}]}
        for i in items
    ]  # fmt: skip
    assert plain(await session.get_items()) == shown
    assert plain(await session.get_items(limit=30)) == shown[-30:]
    assert await session.get_items(limit=0) == []
    popped = await session.pop_item()
    assert plain([popped]) == shown[-1:]
    assert plain(await session.get_items(limit=2)) == shown[-3:-1]
    name = session.session_id
    assert api.get(f"/conversations/{name}").json()["data"]["message_count"] == 44
    await session.clear_session()
    assert api.get(f"/conversations/{name}").status_code == 404
    assert await session.get_items() == []
    assert session.session_id != name
    assert await session.pop_item() is None


async def test_a_runner_with_a_tool(api: Api, client: AsyncOpenAI) -> None:
    model = Scripted()
    agent = Agent(name="forecaster", model=model, tools=[weather], instructions="Be brief.")
    session = OpenAIConversationsSession(openai_client=client)
    for _ in range(2):
        result = await Runner.run(agent, "And now?", session=session, run_config=UNTRACED)
        assert result.final_output == "It is sunny in Oslo."
    types = [item.get("type") for item in await session.get_items()]
    turn = [
        "message",
        "reasoning",
        *["function_call"] * 2,
        *["function_call_output"] * 2,
        "message",
    ]
    assert types == turn * 2
    # The second run saw the first, as it was.
    assert [item.get("type", "message") for item in model.inputs[2]] == [*turn, "message"]
    before = {(i["call_id"], i["arguments"]) for i in model.inputs[2] if i.get("type") == "function_call"}  # fmt: skip
    assert before == {(f"call_1_{city}", f'{{"city": "{city}"}}') for city in ("Rome", "Oslo")}

    messages = api.get(f"/conversations/{session.session_id}/messages").json()["data"]
    assert [m["role"] for m in messages if "kind" not in m] == [
        *("user", "assistant", "assistant", "tool", "tool", "assistant"),
    ] * 2
    again = OpenAIConversationsSession(conversation_id=session.session_id, openai_client=client)
    assert await again.get_items() == await session.get_items()


async def test_an_output_taken_back_can_be_given_again(api: Api, client: AsyncOpenAI) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "wrong"}
    await session.add_items([call, output])
    assert plain([await session.pop_item()]) == [output]
    await session.add_items([output | {"output": "right"}])
    assert plain(await session.get_items()) == [call, output | {"output": "right"}]
    shown = api.get(f"/conversations/{session.session_id}/messages").json()["data"]
    assert [(m["role"], m["content"]) for m in shown] == [("assistant", None), ("tool", "right")]
