"""The log: append, load a stream, read pages by position, follow.

It promises: an answered append is on disk; a position is a place in commit order, without gaps; a
version is a place in its stream, without gaps; an append is all or nothing; a repeated one (same
idempotency key, same message id) lands once.
"""
