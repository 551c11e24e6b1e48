"""Search: the words of messages and titles, the tables that hold them, and what a query makes of both.

It promises: a message is found by each of its words, in any script; index, query and snippet take words apart with
the same function; nothing of another workspace counts, in an answer or in its order.
"""
