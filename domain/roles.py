"""Who speaks."""

from typing import Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]
