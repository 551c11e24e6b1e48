"""What no HTTP library would send: each situation is a few bytes and what may come back."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

BODY = b'{"role":"user","content":"by wire"}'


@dataclass(frozen=True)
class Situation:
    """`pieces` are sent one after the other on one connection; `replies` is how many answers may be read."""

    name: str
    pieces: list[bytes]
    statuses: tuple[int, ...] = (400,)
    """Of the first answer; a closed connection will do as well where `closed` says so."""
    replies: int = 1
    closed: bool = True
    writes: bool = False
    """Whether a message may have been appended."""
    ends: bool = False
    """Whether we end our side after the last piece."""
    method: str = "GET"
    more: tuple[int, ...] = field(default=())
    """Of the answers after the first."""


def situations(key: str, seed: int) -> Iterator[Situation]:  # noqa: C901
    """`key` may write. The path to write to exists."""
    chance = random.Random(seed)
    bearer = b"Authorization: Bearer " + key.encode()
    path = b"/v1/conversations/canary/messages"
    json_type = b"Content-Type: application/json"

    def head(*lines: bytes, line: bytes = b"POST " + path + b" HTTP/1.1") -> bytes:
        return b"\r\n".join([line, b"Host: x", bearer, json_type, *lines]) + b"\r\n\r\n"

    get = b"\r\n".join([b"GET " + path + b"?limit=1 HTTP/1.1", b"Host: x", bearer]) + b"\r\n\r\n"
    length = b"Content-Length: %d" % len(BODY)
    whole = head(length) + BODY
    written, refusals = (200, 201), (400, 401, 404, 405, 411, 413, 415, 417, 431, 501, 505)

    for value in (
        b"+35",
        b"-1",
        b"0x23",
        b"3 5",
        b"35,35",
        b"1e1",
        b"",
        b"abc",
        b"9" * 30,
        b"35\x00",
    ):
        yield Situation(
            f"Content-Length: {value[:9]!r}", [head(b"Content-Length: " + value) + BODY], refusals
        )
    yield Situation("two Content-Lengths", [head(length, b"Content-Length: 3") + BODY], refusals)
    yield Situation(
        "the same twice", [head(length, length) + BODY], (*refusals, *written), writes=True
    )
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    both = (length, b"Transfer-Encoding: chunked")
    for order in (both, both[::-1]):
        yield Situation("length and chunked", [head(*order) + chunks], refusals)
    for value in (
        b"xchunked",
        b"chunked, identity",
        b"identity",
        b"gzip, chunked",
        b"chunked, chunked",
        b"\x0bchunked",
        b"Chunked;a=b",
    ):
        yield Situation(
            f"Transfer-Encoding: {value!r}",
            [head(b"Transfer-Encoding: " + value) + chunks],
            (*refusals, *written, 422),
            writes=True,
        )
    chunked = head(b"Transfer-Encoding: chunked")
    yield Situation("chunked", [chunked + chunks], written, closed=False, writes=True)
    for size in (b"-1", b"F" * 17, b"0x5", b"g", b"", b" ", b"5;" + b"x" * 70_000, b"5\n"):
        yield Situation(
            f"chunk of {size[:9]!r}", [chunked + size + b"\r\nabcde\r\n0\r\n\r\n"], refusals
        )
    yield Situation(
        "a chunk that is longer than told", [chunked + b"3\r\nabcdef\r\n0\r\n\r\n"], refusals
    )
    tiny = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    yield Situation("chunks of a byte", [chunked + tiny], written, closed=False, writes=True)
    yield Situation(
        "trailers",
        [chunked + chunks[:-2] + b"X-A: b\r\nContent-Length: 9\r\n\r\n"],
        (*written, *refusals),
        writes=True,
    )
    flood = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    yield Situation("2 MiB in chunks", [chunked, *([flood] * 32), b"0\r\n\r\n"], (413,))
    yield Situation(
        "a body of 12 MiB", [head(b"Content-Length: 12582912"), *([b" " * (1 << 20)] * 12)], (413,)
    )

    for line in (
        b"no colon",
        b": no name",
        b"X-A : space",
        b"X-\x00: a",
        b"X-A: \x00",
        b"X-A: a\rb",
        b" folded: a",
        b"X-A: a\r\n folded",
        b"X(A): a",
        b"\xff: a",
        b"X-A\n: a",
    ):
        yield Situation(
            f"header {line[:12]!r}", [head(line, length) + BODY], (*refusals, *written), writes=True
        )
    yield Situation(
        "bare line ends", [whole.replace(b"\r\n", b"\n")], (*refusals, *written), writes=True
    )
    yield Situation(
        "no Host", [whole.replace(b"Host: x\r\n", b"")], (*refusals, *written), writes=True
    )
    yield Situation(
        "two Hosts", [head(b"Host: y", length) + BODY], (*refusals, *written), writes=True
    )
    yield Situation(
        "two keys, the last is wrong",
        [head(b"Authorization: Bearer x", length) + BODY],
        (400,),
        closed=False,
    )
    yield Situation(
        "two keys, the first is wrong",
        [head(length).replace(b"Host: x", b"Host: x\r\nAuthorization: Bearer x") + BODY],
        (400,),
        closed=False,
    )
    for name in (b"Idempotency-Key", b"If-Match", b"Content-Type"):
        yield Situation(
            f"two of {name!r}",
            [head(name + b": 1", name + b": 2", length) + BODY],
            (400,),
            closed=False,
        )
    yield Situation("a head of 1 MiB", [head(b"X-A: " + b"a" * (1 << 20), length) + BODY], (431,))
    yield Situation(
        "20,000 headers",
        [head(*(b"X-%d: a" % n for n in range(20_000)), length) + BODY],
        (431,),
    )
    yield Situation(
        "a head without an end",
        [head()[:-2], *([b"X-A: " + b"a" * 60_000 + b"\r\n"] * 80)],
        (431,),
    )
    yield Situation("a line without an end", [b"GET /v1/", *([b"a" * 60_000] * 80)], (431,))
    yield Situation(
        "a path of 60,000 letters",
        [get.replace(path, b"/v1/conversations/" + b"a" * 60_000)],
        (404, 400, 414, 431),
    )

    for line in (
        b"", b"GET", b"GET /", b"GET  / HTTP/1.1", b" GET / HTTP/1.1", b"get / HTTP/1.1", b"G" * 5_000 + b" / HTTP/1.1", b"GET / HTTP/1.2", b"GET / HTTP/9.9", b"GET / HTTP/2.0", b"GET / HTTP/",
        b"GET / HTP/1.1", b"GET \x00 HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET http://x/v1/conversations HTTP/1.1", b"GET //x/v1 HTTP/1.1", b"GET http://[::1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET * HTTP/1.1",
        b"CONNECT x:80 HTTP/1.1", b"GET x HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /#a HTTP/1.1", b"GET ?a HTTP/1.1", b"PRI * HTTP/2.0", b"M-SEARCH * HTTP/1.1", b"SOURCE / ICE/1.0", b"RTSP / RTSP/1.0",
    ):  # fmt: skip
        yield Situation(
            f"line {line[:20]!r}",
            [line + b"\r\nHost: x\r\n" + bearer + b"\r\n\r\n"],
            (200, 204, *refusals),
        )
    yield Situation("HTTP/0.9", [b"GET /\r\n\r\n"], refusals)
    yield Situation("HTTP/1.0", [get.replace(b"HTTP/1.1", b"HTTP/1.0")], (200,), closed=False)
    yield Situation(
        "HTTP/1.0 kept alive",
        [get.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n")],
        (200,),
        closed=False,
    )
    yield Situation(
        "HTTP/1.0, a body without a length",
        [head().replace(b"HTTP/1.1", b"HTTP/1.0") + BODY],
        (400,),
        ends=True,
    )
    yield Situation(
        "TLS", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200))], refusals
    )
    for kind in (b"websocket", b"h2c", b"TLS/1.3", b"x"):
        yield Situation(
            f"upgrade to {kind!r}",
            [get[:-2] + b"Connection: Upgrade\r\nUpgrade: " + kind + b"\r\n\r\n"],
            (200, *refusals),
        )
    for _ in range(20):
        yield Situation(
            "noise",
            [chance.randbytes(chance.randrange(1, 3_000)), b"\r\n\r\n"],
            refusals,
            ends=True,
        )
    for _ in range(40):  # a request that is right, but for a byte
        broken = bytearray(whole)
        broken[chance.randrange(len(head(length)))] = chance.randrange(256)
        yield Situation(
            "a byte", [bytes(broken)], (*refusals, *written, 406, 412, 422), writes=True, ends=True
        )

    yield Situation("50 at once", [get * 50], (200,), 50, closed=False, more=(200,) * 49)
    yield Situation(
        "20 writes at once", [whole * 20], written, 20, closed=False, writes=True, more=(201,) * 19
    )
    yield Situation("one, then noise", [get + b"\x00\x01\x02\r\n\r\n"], (200,), closed=False)
    yield Situation(
        "more body than told", [whole + b"abc\r\n\r\n"], written, closed=False, writes=True
    )
    yield Situation("a body cut short", [head(b"Content-Length: 100") + BODY], (400,), ends=True)
    for cut in range(1, len(whole), 23):
        yield Situation("cut off", [whole[:cut]], (400,), ends=True)
    yield Situation("ended after the request", [whole], written, writes=True, ends=True)
    expecting = head(length, b"Expect: 100-continue")
    yield Situation("100-continue", [expecting, BODY], written, closed=False, writes=True)
    yield Situation(
        "100-continue, too large",
        [head(b"Content-Length: 99999999", b"Expect: 100-continue")],
        (413,),
        closed=False,
    )
    yield Situation(
        "a byte at a time", [bytes([byte]) for byte in whole], written, closed=False, writes=True
    )
