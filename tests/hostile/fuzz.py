"""Schemathesis with every check that our contract allows, by two identities, one operation alone and several in a row."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck
from hypothesis.errors import FlakyFailure, FlakyStrategyDefinition, Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import ensure_resource_availability

from tests.hostile.judge import CANARY
from tests.services.http.checks import CHECKS, checks_of

Json = dict[str, Any]
IN_A_ROW = [check for check in CHECKS if check.__name__ != "use_after_free"]
"""What was deleted can be deleted again, and restored: `tests/agreement` knows which answer is right then."""

STEPS, HISTORIES = 10, 10
"""Operations of one history, and histories of one identity at a time."""


def linked(document: Json) -> Json:
    """The document, and which answers hold ids that other operations take: Schemathesis goes by such links."""
    gives = {
        ("/v1/conversations", "post", "201"): {"conversation_id": "$response.body#/data/id"},
        ("/v1/conversations/{conversation_id}/messages", "post", "201"): {
            "conversation_id": "$response.body#/data/conversation_id",
            "message_id": "$response.body#/data/id",
            "item_id": "$response.body#/data/id",
        },
        ("/openai/v1/conversations", "post", "200"): {"conversation_id": "$response.body#/id"},
    }
    for (path, method, status), given in gives.items():
        links = {}
        for target, methods in document["paths"].items():
            wanted = {p[1:-1] for p in target.split("/") if p.startswith("{")}
            if wanted and wanted <= set(given):
                for operation in methods.values():
                    links[operation["operationId"]] = {
                        "operationId": operation["operationId"],
                        "parameters": {name: given[name] for name in wanted},
                    }
        document["paths"][path][method]["responses"][status]["links"] = links
    return document


class Fuzz:
    """`wrong` gathers what was found; `count` is how many requests were sent.

    `address_of` tells by method and path which process to ask.
    """

    def __init__(
        self, document: Json, address_of: Callable[[str, str], str], keys: tuple[str, str]
    ) -> None:
        self._schema = schemathesis.openapi.from_dict(linked(document))
        self._schema.config.update(base_url=address_of("POST", "/v1/conversations"))
        self._address_of = address_of
        self._keys = keys
        self.count = 0
        self.wrong: list[str] = []

    def alone(self, requests: int, seed: int) -> None:
        """Each operation, as often with what is allowed as with what is not."""
        operations = [result.ok() for result in self._schema.get_all_operations()]
        examples = max(1, requests // (len(operations) * len(GenerationMode) * 2))
        for operation in operations:
            address = self._address_of(operation.method, operation.path)
            for mode in GenerationMode:
                self._try(operation.as_strategy(generation_mode=mode), address, examples, seed)

    def _try(self, strategy: Any, address: str, examples: int, seed: int) -> None:
        @hypothesis.seed(seed)
        @hypothesis.given(case=strategy)
        @_settings(examples)
        def keeps(case: Any) -> None:
            self.count += 2
            own, other = (_as(key) for key in self._keys)
            with _named(case):
                case.call_and_validate(checks=checks_of(case), base_url=address, headers=own)
            shown = case.call(base_url=address, headers=other)
            assert CANARY not in shown.text, f"another workspace's: {shown.text[:300]}"
            assert shown.status_code < 500 or "retry-after" in shown.headers, shown.text

        self._gather(keeps)

    def in_a_row(self, requests: int, seed: int) -> None:
        """Operations that take each other's ids, by either identity."""
        until = self.count + requests
        settings = _settings(HISTORIES, stateful_step_count=STEPS)
        for number, key in zip(range(requests), itertools.cycle(self._keys), strict=False):
            if self.count >= until:
                break
            made: Any = hypothesis.seed(seed + number)(self._machine(key))
            self._gather(lambda made=made: made.run(settings=settings))

    def _machine(self, key: str) -> type[Any]:
        fuzz = self

        class Machine(self._schema.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Any) -> Json:
                fuzz.count += 1
                address = fuzz._address_of(case.method, case.path)
                return {"headers": _as(key), "base_url": address}

            def validate_response(self, response: Any, case: Any, **_: Any) -> None:
                own = [check for check in checks_of(case) if check in IN_A_ROW]
                with _named(case):
                    case.validate_response(response, checks=[*own, ensure_resource_availability])

        return Machine

    def _gather(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Unsatisfiable:
            pass  # it takes nothing that could be wrong
        except FlakyStrategyDefinition:
            pass  # the service remembers what Hypothesis did before: on with another seed
        except (FailureGroup, FlakyFailure, AssertionError) as found:
            self.wrong += list(_told(found))


def _as(key: str) -> Json:
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def _named(case: Any) -> Iterator[None]:
    """What is found says in which request."""
    try:
        yield
    except FailureGroup as found:
        for one in found.exceptions:
            one.add_note(f"{case.operation.label}, query {case.query}, body {str(case.body)[:300]}")
        raise


def _told(found: BaseException) -> Iterable[str]:
    if isinstance(found, BaseExceptionGroup):
        for one in found.exceptions:
            yield from _told(one)
    else:
        notes = "\n".join(getattr(found, "__notes__", ()))
        yield f"{found}\n{notes}"[:1_500]


def _settings(examples: int, **more: Any) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
        **more,
    )
