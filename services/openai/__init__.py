"""OpenAI's Conversations API for the clients that exist: its paths, its shapes, the same events."""
