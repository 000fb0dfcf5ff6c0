"""Providers for trying things out, on loopback, and a configuration that shows what rules can do.

Light to import: `waypost serve --demo` asks here what to start and what to print.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

QUESTIONS: Final = {
    "mathematics": "What is the derivative of x^3 * sin(x)?",
    "code": "Write a Python function that reverses a linked list.",
    "creative writing": "Write a short poem about the first snow of winter.",
    "law": "What must a plaintiff prove to win a claim of negligence?",
    "health": "What are the health benefits of eating more fibre?",
    "small talk": "Hi there, how is your day going?",
    "travel": "Where should we stay for a weekend in Porto?",
}
"""What the tour asks about each category of `demo.yaml`."""

_TOUR = """\
Demo providers, none of them beyond this machine: 'onprem' (zone internal); 'cloud', 'search', 'anthropic' and
'gemini' (zone external), of which the last two speak dialects of their own.
The headers x-waypost-decision and x-waypost-category say what decided. Paste into a second terminal:

ask() {{ curl -isN -w '\\n' http://{listen}/v1/chat/completions -H content-type:application/json \\
  -d '{{"model":"auto","stream":'"${{2:-false}}"',"messages":[{{"role":"user","content":"'"$1"'"}}]}}'; }}

# The bank: confidential words stay on the internal model.
ask "Draft our internal trading strategy."

# The clinic: a person's name stays inside too, though no keyword is in the text.
ask "Write to Maria Gonzalez that she is fine."

# Search, streamed: a question about news goes to the model that can look things up.
ask "Find the latest news on solar power." true

# A block: a private key goes nowhere.
ask "What is -----BEGIN RSA PRIVATE KEY----- for?"

# A fixed answer: no model is asked.
ask "What are your opening hours?"

# Failover: one provider is overloaded; the next one, which speaks another wire format, answers.
ask "Write a Python function that reverses a linked list. [[fault @anthropic 529]]"

# No rule claims these: each goes to the model for its kind. Travel is known from three examples.
for question in \\
{questions}
do echo "$question"; ask "$question" | grep -E '^x-waypost-(category|model)'; done

# The reason for one of them: what each classifier says, and why no rule holds. Nothing is sent.
{waypost} route --explain -c {config} "{first}"

# Rules come first: a keyword decides before any classifier is asked.
{waypost} route -c {config} "What is the derivative of our confidential trading curve?"

# The OpenAI SDK (pip install openai): naming the cloud model does not get bank secrets out.
python3 - <<'END'
from openai import OpenAI

client = OpenAI(base_url="http://{listen}/v1", api_key="unused")
for question in ("Why is the sky blue?", "Why is the sky blue on our confidential account?"):
    raw = client.chat.completions.with_raw_response.create(
        model="general", messages=[{{"role": "user", "content": question}}]
    )
    print(raw.headers["x-waypost-decision"], "->", raw.parse().choices[0].message.content)
END

# Clients of Anthropic's Messages API, coding agents among them: ANTHROPIC_BASE_URL=http://{listen}

# The audit log: one record per decision, without the text.
{waypost} audit show -c {config}
"""


def config_path() -> Path:
    """The demo configuration, inside the package."""
    return Path(__file__).with_name("demo.yaml")


def children() -> Sequence[Sequence[str]]:
    """Commands that must run beside the demo configuration.

    They listen on the ports of `WAYPOST_DEMO_PORT_1` to `_5` (default 9101 to 9105), as `demo.yaml`
    does, and exit with code 4 naming the port when one is taken.
    """
    return ((sys.executable, "-m", "waypost.demo.providers"),)


def tour(listen: str) -> str:
    """What to try, as shell text that works when pasted from top to bottom.

    Args:
        listen: address of the gateway as a client writes it, `host:port`.
    """
    questions = " \\\n".join(f'  "{question}"' for question in QUESTIONS.values())
    return _TOUR.format(
        listen=listen,
        questions=questions,
        first=next(iter(QUESTIONS.values())),
        waypost=f"{shlex.quote(sys.executable)} -m waypost.cli",
        config=shlex.quote(str(config_path())),
    )
