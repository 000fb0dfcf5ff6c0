"""Providers for trying things out, on loopback, and a configuration that shows what rules can do.

Light to import: `waypost serve --demo` asks here what to start and what to print.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

_TOUR = """\
Demo providers: 'onprem' (zone internal), 'cloud' and 'search' (zone external); nothing leaves this machine.
The header x-waypost-decision names the rule that decided. Try in a second terminal:

# The bank: confidential words stay on the internal model.
{ask}"Draft our internal trading strategy."{end}

# The clinic: a patient's e-mail address stays inside too, though no keyword is in the text.
{ask}"Write to jane.roe@example.org that she is fine."{end}

# Search, streamed: a question about news goes to the model that can look things up.
{stream}"Find the latest news on solar power."{end}

# A block: a private key goes nowhere.
{ask}"What is -----BEGIN RSA PRIVATE KEY----- for?"{end}

# A fixed answer: no model is asked.
{ask}"What are your opening hours?"{end}

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

# The audit log: one record per decision, without the text.
{python} -m waypost.cli audit show -c {config}

# The reason: which rule, on what evidence, and why not the others. Nothing is sent.
{python} -m waypost.cli route --explain -c {config} "Draft our internal trading strategy."
"""


def config_path() -> Path:
    """The demo configuration, inside the package."""
    return Path(__file__).with_name("demo.yaml")


def children() -> Sequence[Sequence[str]]:
    """Commands that must run beside the demo configuration.

    They listen on the ports of `WAYPOST_DEMO_PORT_1` to `_3` (default 9101 to 9103), as `demo.yaml`
    does, and exit with code 4 naming the port when one is taken.
    """
    return ((sys.executable, "-m", "waypost.demo.providers"),)


def tour(listen: str) -> str:
    """What to try, as shell text that works when pasted line by line.

    Args:
        listen: address of the gateway as a client writes it, `host:port`.
    """
    curl = f"curl -isN http://{listen}/v1/chat/completions -H content-type:application/json -d"
    ask = curl + """ '{"model":"auto","messages":[{"role":"user","content":"""
    stream = ask.replace('"auto"', '"auto","stream":true')
    words = {"python": shlex.quote(sys.executable), "config": shlex.quote(str(config_path()))}
    return _TOUR.format(ask=ask, stream=stream, end="}]}'", listen=listen, **words)
