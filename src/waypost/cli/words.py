"""How verbs count things in sentences. Imports nothing: `waypost audit` starts without the configuration."""


def counted(number: int, noun: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
