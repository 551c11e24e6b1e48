"""The processes that serve: commands, queries, and what they share at the HTTP edge."""
