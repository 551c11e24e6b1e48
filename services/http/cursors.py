"""Cursors: opaque, and good only for the query they came from."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from services.http.errors import ApiError, bad_request

T = TypeVar("T")

SIGNATURE_BYTES = 16
_encode = msgspec.json.Encoder(order="deterministic").encode


class Cursors:
    """Makes and reads cursors; all processes of a deployment share the secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, workspace: str, query: Any, place: Any) -> str:
        """`query` is whatever must be the same on the next page: filters and order, not the limit."""
        payload = _encode(place)
        signed = self._sign(workspace, query, payload) + payload
        return urlsafe_b64encode(signed).rstrip(b"=").decode()

    def read(self, workspace: str, query: Any, cursor: str, kind: type[T]) -> T:
        """The place in it. Raises ApiError (400 `invalid_cursor`)."""
        try:
            data = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            # base64 ignores what is not of its alphabet, and spare bits: a cursor has one spelling.
            if urlsafe_b64encode(data).rstrip(b"=").decode() != cursor:
                raise _invalid_cursor()
            signature, payload = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._sign(workspace, query, payload)):
                raise _invalid_cursor()
            return msgspec.json.decode(payload, type=kind)
        except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
            raise _invalid_cursor() from None

    def _sign(self, workspace: str, query: Any, payload: bytes) -> bytes:
        message = _encode([workspace, query]) + b"\n" + payload
        return hmac.new(self._secret, message, sha256).digest()[:SIGNATURE_BYTES]


def _invalid_cursor() -> ApiError:
    return bad_request(
        "this cursor does not belong to this query; start again without it",
        "invalid_cursor",
        "cursor",
    )
