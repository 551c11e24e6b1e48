"""HTTP for OpenAI's clients: chat completions whose conversations write themselves."""
