"""Our own corpus: texts, JSON values, raw bodies and raw bytes that have broken services before."""

import json
from typing import Any

TEXTS: list[str] = [
    # nothing, and what looks like it
    "", " ", "\t", "\n", "\r\n", "\x00", "a\x00b", "\u00a0", "\u200b", "\u2028", "\ufeff", "\u3000", "\x7f", "\x1b[2J", "\x08",
    # words that are values elsewhere
    "null", "None", "nil", "undefined", "true", "False", "NaN", "Infinity", "-Infinity", "0", "-0", "1", "-1", "00", "1.0", "1e309",
    "1e-400", "0x10", "0b1", "1_000", "\u0661\u0662", "\u00b2", "\u2460", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809", "2147483648", "1" * 400, "0." + "3" * 60, "1" * 5_000, "1,5", "\uff11",
    # times and days that are none
    "0000-00-00", "2024-02-30", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2024-01-01T24:00:00Z",
    "2024-06-30T23:59:60Z", "2024-01-01T00:00:00+99:99", "10000-01-01T00:00:00Z", "1970-01-01T00:00:00-14:00", "9999-12-31T23:59:59-23:59",
    # SQL, and PostgreSQL's own letters
    "'", "''", '"', "`", ";", "--", "/*", "' OR '1'='1", "'; DROP TABLE events; --", "\\", "\\'", "%", "_", "%%", "%s", "%(name)s", "%n%n%n",
    "$1", "$$", "E'\\x00'", "::regclass", "{}", "{0}", "{a", "ARRAY[1]", "(,)", "NULL", "epoch", "infinity", "pg_sleep(9)", "1; select pg_sleep(9)",
    # text search and patterns
    "a & b", "!", "a:*", "'a' <-> 'b'", '"', '"a', "-", "--a", "- -", "or", "or or", "a or", '-"a b"', "(", "((((", "*", "a*b", "\\\\", "[", "(a+)+$",
    # paths, addresses, programs
    "../../etc/passwd", "..%2f..%2f", "..\\..\\", "/", "//", "/.", "~", "file:///etc/passwd", "http://127.0.0.1/", "http://169.254.169.254/",
    "javascript:alert(1)", "<script>alert(1)</script>", "<!--", "]]>", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7 %>", "$(id)", "`id`", "|id", "&& id", "; id", "${jndi:ldap://x/a}", "__proto__", "constructor", "__class__",
    # header and line splitting
    "a\r\nX-Injected: 1", "a\nSet-Cookie: b=c", "%0d%0aX-Injected:%201", "\u560a\u560d",
    # Unicode that is read in several ways
    "e\u0301", "\u00e9", "\u0130", "\u0131", "\u00df", "\ufb03", "\u1e9e", "\u212a", "\u03c2", "\u202eabc", "\u2066a\u2069", "\u200fabc", "a\u0300" * 300,
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\ufffd", "\uffff", "\ufffe", "\U0010ffff", "\ue000", "\ud7ff", "\u0e33\u0e33",
    "\u0645\u0631\u062d\u0628\u0627", "\u4f60\u597d", "\ud55c\uad6d", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u1100\u1161", "\u2603", "\u00ad", "\u061c", "\U000e0041", "Z\u0351\u036b\u0343" * 60,
    # long ones
    "x" * 64, "x" * 65, "x" * 255, "x" * 256, "x" * 257, "x" * 512, "x" * 513, "x" * 1_000, "x" * 1_001, "x" * 10_000, "\U0001f600" * 3_000, " " * 5_000,
    "a " * 4_000, "\n" * 3_000, "\u0301" * 2_000, "word" * 2_000,
]  # fmt: skip


def _nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "1") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, -1e308, 5e-324, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400, [], {}, [[]], [{}], [None],
    {"": ""}, {"a": None}, {"type": "text"}, {"type": "text", "text": None}, [{"type": "text", "text": 7}], [{"type": None}], [{"type": "no_such"}],
    [{"type": "image_url"}], [{"type": "image_url", "image_url": []}], [1, "a", None, {}], [""] * 200, [{}] * 101, {str(n): n for n in range(200)},
    {"x" * 5_000: 1}, {"\x00": "\x00"}, {"__proto__": {"a": 1}}, [{"id": None, "type": "function"}], [{"id": 7}], [{"id": "", "function": None}], [{"id": "c", "function": "f"}],
    json.loads(_nested(20)), json.loads(_nested(31)), json.loads(_nested(33)), json.loads(_nested(31, '{"a":', "}")), json.loads(_nested(200)),
]  # fmt: skip
"""In place of one value of a body that is right."""

NUMBERS: list[bytes] = [
    b"1e400", b"-1e400", b"1E+2", b"01", b"+1", b".5", b"1.", b"0x1", b"NaN", b"Infinity", b"1" * 5_000, b"0." + b"1" * 5_000, b"1e-5000", b"1e5000", b"-",
    b"1_0", b"99999999999999999999999999999999999999.5", b"1.0", b"1e0", b"10e-1", b"-0",
]  # fmt: skip
"""Spellings of numbers, in place of one value: some are none."""

BODIES: list[bytes] = [
    b"", b" ", b"\n\n", b"{", b"}", b"[", b'"', b"{}", b"[]", b"null", b"true", b"7", b'"x"', b"{}{}", b"{},", b"{} x", b'{"a":1,}', b"{'a':1}", b"{a:1}", b"// x\n{}",
    b'{"a":1,"a":2}', b'{"role":"user","role":"tool","content":"x"}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"\x00", b"{\x00}", b"\xff", b'{"a":"\xff"}', b'{"a":"\xc0\x80"}',
    b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"a":"\\udc00\\ud800"}', b'{"a":"\\u0000"}', b'{"a":"\\x"}', b'{"a":"\n"}', b'{"\\ud800":1}', b'{"a":1e999}', b'{"a":NaN}',
    b"\x1f\x8b\x08\x00", b"<xml/>", b"a=1&b=2", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", b"{" * 100, _nested(40), _nested(5_000), _nested(100_000),
    _nested(3_000, '{"a":', "}"), b"[" * 500_000, b'{"content":"' + b"x" * 1_100_000 + b'"}', b'["' + b"\\u0000" * 50_000 + b'"]', b"[" + b"1," * 200_000 + b"1]",
    b'{"role":"user","content":"' + b"word " * 40_000 + b'"}', b'{"messages":[' + b"{}," * 20_000 + b"{}]}", b'{"metadata":{' + b",".join(b'"%d":"x"' % n for n in range(20_000)) + b"}}",
]  # fmt: skip
"""Whole bodies."""

RAW: list[bytes] = [
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"%", b"%0", b"%zz", b"%00", b"%ff", b"%c0%80", b"%ed%a0%80", b"%2e%2e", b"%2f", b"%252f", b"%u0041", b"..", b".", b"...",
    b"a/b", b"//", b";a=1", b"?", b"&&&", b"=", b"==", b"a[", b"a]", b"a[]", b"a[b][c]", b"a%5Bb%5D", b"+", b"%2B", b"\\", b"|", b"^", b"{}", b"<>", b"@", b":", b"*", b"!$'()", b"\x80",
    b"x" * 8_000, b"%41" * 3_000, b"a/" * 2_000, b"&a=1" * 2_000,
]  # fmt: skip
"""Bytes for a path's part or a query: as they are, not quoted."""

HEADERS: list[bytes] = [
    b"", b" ", b"\t", b"x", b"*", b",", b",,", b";", b'"', b'"1"', b'"1', b"W/", b'W/"1"', b'W/"99999999999999999999"', b"-1", b"0", b"1", b"1.5", b"9" * 19, b"9" * 400, b"\xff", b"\xc3\xa9",
    b"a\tb", b"a,b", b"a;b=c", b"a" * 128, b"a" * 129, b"a" * 255, b"a" * 256, b"a" * 8_000, b"a" * 30_000, b"text/plain", b"*/*", b"*/*;q=0", b"application/json;q=x", b"application/json; charset=",
    b"application/json; charset=utf-16", b"multipart/form-data", b"multipart/form-data; boundary=", b"gzip", b"gzip;q=0", b"identity;q=0", b"br", b"gzip, " * 500, b"Bearer", b"Bearer ", b"bearer x", b"Basic eDp5",
    b"Bearer " + b"x" * 5_000, b"Bearer a b", b"Bearer \xff", b"null", b"http://evil.example", b"null, *", b"100-continue", b"chunked", b"strong", b"eventual", b"strong,eventual", b"$(id)", b"'; --", b"%00", b"../../x", b"<script>",
]  # fmt: skip
"""Values of headers; none holds a line's end."""

NAMES: list[bytes] = [
    b"Authorization", b"Content-Type", b"Accept", b"Accept-Encoding", b"Idempotency-Key", b"If-Match", b"X-Consistency", b"X-Min-Position", b"X-Request-ID", b"Origin", b"Expect", b"Host", b"Cookie",
    b"X-Forwarded-For", b"X-HTTP-Method-Override", b"Range", b"If-None-Match", b"Content-Encoding", b"Access-Control-Request-Method", b"Access-Control-Request-Headers", b"Upgrade", b"Via", b"TE",
    b"X-" + b"n" * 4_000, b"!#$%&'*+-.^_`|~",
]  # fmt: skip
"""Names of headers."""
