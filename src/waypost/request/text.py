"""What a signal reads: parts of a request chosen by scope, and their folded form."""

from typing import Literal

Scope = Literal["last_user", "user", "conversation", "all"]
