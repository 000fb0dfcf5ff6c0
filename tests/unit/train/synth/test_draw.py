import pytest

from waypost.train.synth.draw import chance, fill, generator, pick


def test_a_seed_and_a_name_are_one_stream() -> None:
    first, again = generator(7, "direct"), generator(7, "direct")
    assert [pick(first, range(1000)) for _ in range(20)] == [pick(again, range(1000)) for _ in range(20)]


def test_names_with_the_same_end_are_different_streams() -> None:
    direct, indirect = generator(7, "direct"), generator(7, "indirect")
    assert [pick(direct, range(1000)) for _ in range(20)] != [pick(indirect, range(1000)) for _ in range(20)]


def test_chance_is_about_as_often_as_asked() -> None:
    rng = generator(1)
    assert 220 < sum(chance(rng, 0.25) for _ in range(1000)) < 280


def test_slots_are_filled_through_other_slots() -> None:
    banks = {"greeting": ["hello {name}"], "name": ["Ann"]}
    assert fill(generator(1), "{greeting}!", banks) == "hello Ann!"


def test_a_slot_without_a_bank_is_named() -> None:
    with pytest.raises(KeyError, match="nobody"):
        fill(generator(1), "{nobody}", {})
