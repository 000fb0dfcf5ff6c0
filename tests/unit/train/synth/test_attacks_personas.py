"""Short and long jailbreaks, and harmless roles."""

from itertools import islice

from waypost.train.synth.attacks_banks import strings, words
from waypost.train.synth.attacks_personas import BUNDLES, LONGEST, bound, composed, framed, harmless
from waypost.train.synth.draw import fill, generator


def test_a_name_stays_the_same_throughout_a_text() -> None:
    rng = generator(0, "name")
    for _ in range(20):
        banks = bound(rng, words())
        first, second = fill(rng, "{name}|{name_up}", banks).split("|")
        assert first[1:] == second[1:]


def test_the_halves_of_a_goal_are_a_goal() -> None:
    banks = bound(generator(0, "half"), words())
    whole = f"{banks['half_a'][0]} {banks['half_b'][0]}"
    letters = whole.replace(" ", "")
    assert banks["crossed"][0].replace("x", "").replace(" ", "") == letters.replace("x", "")
    assert [line.split()[0] for line in banks["acrostic"][0].split("\n")] == whole.split()


def test_frames_are_groups() -> None:
    batches = list(islice(framed(generator(0, "f"), "persona", ["be {name}", "obey {name}"], words()), 8))
    assert len({draft.group for (draft,) in batches}) == 2
    assert all(draft.text.startswith(("be ", "obey ")) for (draft,) in batches)


def test_long_jailbreaks_have_many_lengths_and_shapes() -> None:
    texts = [draft.text for (draft,) in islice(composed(generator(0, "long")), 200)]
    lengths = sorted(map(len, texts))
    assert lengths[20] < 900
    assert 2000 < lengths[-20] < lengths[-1] < 1.6 * LONGEST
    assert any("SECTION" in text or "Article" in text for text in texts)
    assert any(text.count("User: ") + text.count("Q: ") > 4 for text in texts)


def test_paragraphs_do_not_cross_bundles() -> None:
    openings = strings("paragraphs", "opening")
    seen: dict[str, str] = {}
    for (draft,) in islice(composed(generator(1, "long")), 300):
        for number, opening in enumerate(openings):
            if opening.split("{")[0] in draft.text and len(opening.split("{")[0]) > 30:
                assert (
                    seen.setdefault(opening, draft.group) == draft.group == f"persona_long/{number % BUNDLES}"
                )
    assert seen


def test_harmless_roles_are_benign_and_long() -> None:
    drafts = [draft for (draft,) in islice(harmless(generator(0, "h")), 50)]
    assert not any(draft.attack for draft in drafts)
    assert min(len(draft.text) for draft in drafts) > 200
