"""Facts and rules of a conversation, as pure functions.

Nothing in here reads a clock, opens a socket, knows SQL or a framework: time, ids and token counts
arrive in the command, so that the same input gives the same events for ever.
"""
