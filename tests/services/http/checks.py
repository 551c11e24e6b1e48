"""Schemathesis' checks, those that our contract allows."""

from typing import Any

from schemathesis.checks import not_a_server_error
from schemathesis.core.mutations import OperatorKind
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
    use_after_free,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
    use_after_free,
]


def checks_of(case: Any) -> list[Any]:
    """What a model's service makes of odd input is told as 502: a status of the contract, and of the document.

    An empty array in a query string is not sent at all: what is wrong with it nobody can see. Nor what was wrong with random bytes
    in whose place a link put an object: Schemathesis still says that the body cannot be read.
    """
    left_out: list[Any] = []
    if "502" in case.operation.definition.raw["responses"]:
        left_out.append(not_a_server_error)
    if [] in (case.query or {}).values() or _is_replaced(case):
        left_out.append(negative_data_rejection)
    return [check for check in CHECKS if check not in left_out]


def _is_replaced(case: Any) -> bool:
    mutations = getattr(case.meta.phase.data, "mutations", ()) if case.meta is not None else ()
    was_bytes = any(one.operator is OperatorKind.SYNTAX_FUZZING for one in mutations)
    return was_bytes and not isinstance(case.body, bytes)
