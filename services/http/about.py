"""What the document says before the endpoints: the rules that hold for all of them."""

TAGS = {
    "conversations": "Conversations: their fields, their life, lists of them.",
    "messages": "The messages of a conversation.",
    "compaction": "What a model gets of a conversation, and how that is kept short.",
    "events": "What happened to a conversation, from its first event on.",
    "chat completions": "OpenAI's chat completions, with a conversation's history kept and brought along.",
    "OpenAI's conversations": "OpenAI's Conversations API on the same events.",
    "operation": "Health, version and figures; no key is needed.",
}

ABOUT = """The conversation store for applications with language models.

**Authentication.** `Authorization: Bearer <key>`. A key belongs to one workspace and has scopes; all that a request sees
or touches is inside its workspace, and another workspace's id answers 404.

**Answers.** One object is `{"data": {…}}`, a list `{"data": […], "has_more": …, "next_cursor": …}`, an error
`{"error": {"type", "code", "message", "param", "request_id"}}`. Times are RFC 3339 in UTC; money is in cents, as a number.
What was sent as text comes back byte for byte. Unknown fields and parameters are refused.

**Reads see writes.** A read waits for every write that was acknowledged before it began, two seconds at most, then
answers 503 `projection_lagging`. `X-Consistency: eventual` reads at once; `X-Min-Position` waits for one position, as a
write's `X-Event-Position` gave it.

**Doing a thing once.** With an `Idempotency-Key` the same request is done once within 24 hours and answered again with
`Idempotent-Replayed: true`. A message with an `id` of the caller's own is appended once without a key, too.

**Concurrency.** Writes and single reads carry an `ETag`, the conversation's version. `If-Match` makes a write depend on it
(412 where it moved on); without it an append always succeeds.

**Paging.** `next_cursor` goes on after the last item, whatever came or went meanwhile; a cursor is good for the same
workspace, filters and order only.

**Limits.** Every answer to a valid key says what is left of its rate limit (`X-RateLimit-…`), counted in each process by
itself; `x-rate-limit-cost` below says what a request costs. Bodies are at most 1 MiB and nested 32 levels deep.

`HEAD` works wherever `GET` does, `OPTIONS` everywhere; answers over 1 KiB are compressed for clients that ask.
"""
