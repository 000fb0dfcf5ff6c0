import json
from pathlib import Path

from click.testing import CliRunner

from tests.unit.config.world import BESIDE, ENVIRON, write
from waypost.cli.config import config
from waypost.config.schema import json_schema
from waypost.errors import Exit
from waypost.signals.registry import BUILT_IN


def test_schema_is_printed() -> None:
    result = CliRunner().invoke(config, ["schema"])
    assert json.loads(result.stdout) == json_schema(BUILT_IN)


def test_schema_says_which_it_is() -> None:
    told = json.loads(CliRunner().invoke(config, ["schema", "--json"]).stdout)
    assert told == {"schema": "waypost/config-schema.v1", "json_schema": json_schema(BUILT_IN)}


def test_show_prints_what_took_effect_without_credentials(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=BESIDE)
    result = CliRunner().invoke(config, ["show", "-c", str(path)], env=ENVIRON)
    assert result.exit_code == Exit.OK
    assert "  cloud:\n    kind: openai\n    api_key: '*****'\n" in result.stdout
    assert ENVIRON["KEY"] not in result.output


def test_show_as_json(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=BESIDE)
    told = json.loads(CliRunner().invoke(config, ["show", "--json", "-c", str(path)], env=ENVIRON).stdout)
    assert told["schema"] == "waypost/config.v1"
    assert told["config"]["default_model"] == "outside"
    assert ENVIRON["KEY"] not in json.dumps(told)


def test_show_of_a_bad_file(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a="lisen: 1")
    result = CliRunner().invoke(config, ["show", "-c", str(path)])
    assert result.exit_code == Exit.CONFIG
    assert "did you mean 'listen'?" in result.stderr
