import pytest
from pydantic import ValidationError

from waypost.config.settings import Address, Settings, Timeouts
from waypost.configurable import build


def test_address_reads_as_it_is_written() -> None:
    assert str(Address("127.0.0.1", 8801)) == "127.0.0.1:8801"
    assert str(Address("::1", 80)) == "[::1]:80"


@pytest.mark.parametrize("values", [{"connect_seconds": 0}, {"idle_seconds": -1}, {"connect_seconds": 601}])
def test_timeouts_have_limits(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        build(Timeouts, values)


def test_defaults_listen_on_loopback() -> None:
    settings = Settings()
    assert (settings.listen.host, settings.admin.host) == ("127.0.0.1", "127.0.0.1")
    assert settings.timeouts == Timeouts(connect_seconds=5, idle_seconds=120)
