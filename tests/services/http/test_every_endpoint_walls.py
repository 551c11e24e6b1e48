"""What every endpoint keeps apart: scopes, workspaces, what is deleted."""

from typing import Any, get_args

from services.http.keys import SCOPES, Scope
from tests.services.http.contract import Findings, Operation, fresh, kept
from tests.services.support import Api, new_key

LIVES = ("/restore", "DELETE /v1/conversations/{conversation_id}")


def test_a_key_needs_the_scope_of_the_route(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    dsn = api.database.service
    name = fresh(api)
    clients: dict[Scope, tuple[Api, Api]] = {
        scope: (
            Api(api.address, api.database, new_key(dsn, scopes=(scope,), unlimited=True)),
            Api(
                api.address,
                api.database,
                new_key(
                    dsn, scopes=tuple(other for other in SCOPES if other != scope), unlimited=True
                ),
            ),
        )
        for scope in get_args(Scope)
    }
    for operation in all_operations:
        with_it, without_it = clients[operation.scope]
        before = kept(api)
        findings.refusal(
            f"{operation} without its scope", operation.send(without_it, name), 403, "missing_scope"
        )
        findings.expect(
            f"{operation} without its scope writes", kept(api) == before, operation.send(api, name)
        )
        answer = operation.send(with_it, fresh(api))
        findings.expect(f"{operation} with its scope alone", answer.is_success, answer)
    for pair in clients.values():
        for client in pair:
            client.close()


def test_workspaces_never_meet(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    """Another workspace's id answers exactly like one that does not exist, and stands in no answer."""
    with api.as_workspace("strangers") as stranger:
        for operation in all_operations:
            name = fresh(api)
            before = kept(api)
            if operation.has_conversation:
                theirs = operation.send(stranger, name)
                none = operation.send(stranger, "x" * len(name))
                findings.refusal(f"{operation} of another", theirs, 404, "conversation_not_found")
                same = without_id(theirs) == without_id(none)
                findings.expect(f"{operation} of another or none", same, theirs)
                findings.expect(f"{operation} of another writes", kept(api) == before, theirs)
                if "{message_id}" in operation.path:  # below a conversation of one's own
                    own = f"own-{name}"
                    stranger.start(own)
                    answer = operation.send(stranger, own)
                    findings.refusal(f"{operation}, nested", answer, 404, "message_not_found")
            else:
                body = operation.example
                if isinstance(body, dict) and "conversation_ids" in body:
                    body = {**body, "conversation_ids": [name]}
                    before = api.head()
                    answer = operation.send(stranger, name, json=body)
                    findings.expect(f"{operation} of another", api.head() == before, answer)
                    continue
                answer = operation.send(stranger, name)
                findings.expect(f"{operation} tells of another", name not in answer.text, answer)


def without_id(answer: Any) -> Any:
    return {k: v for k, v in answer.json()["error"].items() if k != "request_id"}


def test_deleted_conversations(
    api: Api, all_operations: list[Operation], findings: Findings
) -> None:
    for operation in all_operations:
        if not operation.has_conversation:
            continue
        name = fresh(api)
        api.delete(f"/conversations/{name}")
        before = kept(api)
        answer = operation.send(api, name)
        if str(operation).endswith(LIVES):
            findings.expect(f"{operation} of a deleted one", answer.is_success, answer)
            continue
        if operation.writes:
            findings.refusal(f"{operation} of a deleted one", answer, 409, "conversation_deleted")
        else:
            findings.refusal(f"{operation} of a deleted one", answer, 404, "conversation_not_found")
        findings.expect(f"{operation} of a deleted one writes", kept(api) == before, answer)
