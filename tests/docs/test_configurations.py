"""Every configuration in the documentation loads, and its own test cases pass."""

from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.certificates import authority
from tests.docs.examples import ENVIRON
from tests.docs.markdown import Block, blocks
from waypost.cli import cli
from waypost.config.load import load
from waypost.config.schema import Document
from waypost.demo.providers import PROVIDERS

# What a block that shows only rules is completed with.
BESIDE = """
providers:
  onprem: {kind: vllm, base_url: "http://127.0.0.1:8000/v1", zone: internal}
  cloud: {kind: openai, api_key: "${OPENAI_API_KEY}"}
models:
  inside: {provider: onprem, name: qwen3-32b}
  general: {provider: cloud, name: gpt-4o}
  strong: {provider: cloud, name: o3}
default_model: general
"""
TOP_LEVEL = tuple(f"{field.name}:" for field in fields(Document))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys and certificates that configurations name."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "secrets").mkdir()
    for name in ("openai-a", "openai-b"):
        (folder / "secrets" / name).write_text("a-key\n")
    (folder / "certs").mkdir()
    for name in ("ca", "waypost"):
        authority(folder / "certs", name)
    return folder


def configurations() -> list[Block]:
    shown = (
        block for block in blocks("yaml") if block.page.name != "add-a-signal.md"
    )  # has a test of its own
    return [block for block in shown if any(f"\n{key}" in f"\n{block.text}" for key in TOP_LEVEL)]


@pytest.mark.parametrize("block", configurations(), ids=str)
def test_configuration_passes_check_and_its_own_cases(block: Block, tmp_path: Path, files: Path) -> None:
    shown = tmp_path / "waypost.yaml"
    for folder in files.iterdir():
        (tmp_path / folder.name).symlink_to(folder)
    shown.write_text(block.text)
    for beside in (each for each in blocks("json") if each.page == block.page):
        (tmp_path / "tools.json").write_text(beside.text)
    options = ["-c", str(shown)]
    if "\nproviders:" not in f"\n{block.text}":
        (tmp_path / "beside.yaml").write_text(BESIDE)
        options += ["-c", str(tmp_path / "beside.yaml")]
    for verb in ["check", *(["test"] if "test_cases:" in block.text else [])]:
        result = CliRunner().invoke(cli, [verb, *options], env=ENVIRON)
        assert result.exit_code == 0, result.output


def test_the_tutorial_names_providers_models_and_keys_of_the_demo(tmp_path: Path) -> None:
    (text,) = (block.text for block in configurations() if block.page.name == "first-route.md")
    (tmp_path / "waypost.yaml").write_text(text)
    policy = load([tmp_path / "waypost.yaml"], ENVIRON).policy
    served = {(p.default_port, p.api_key): p.models for p in PROVIDERS}
    for endpoint in policy.endpoints.values():
        (key,) = endpoint.provider.account.keys
        assert key is not None
        assert endpoint.model in served[endpoint.provider.hosts[0].port, key.reveal()]


def test_there_are_configurations() -> None:
    assert len(configurations()) >= 3
