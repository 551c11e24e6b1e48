"""Shorter contexts over an intact log: groups of messages, strategies, the built-in summariser, rendering.

The same pure functions serve compact, preview, context and the worker. A tokenizer and a stemmer are
parameters; what else a result depends on is named in `ENGINE`.
"""
