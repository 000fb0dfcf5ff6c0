"""Other forms of a keyword: plurals, singulars and English verb endings, written out when a policy is loaded.

Rule 1: nothing here runs while a request waits; the forms stand in the same index as the keywords.
Rule 2: a form that is no word costs a few bytes and matches nothing, so the rules need no dictionary; what
needs a table is a form that is another word (`bench/quality/forms.py` counts both).
"""

import re
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


_PLURALS: Final = dict(
    pair.split("/")
    for pair in _words("""
    child/children person/people foot/feet tooth/teeth goose/geese mouse/mice ox/oxen quiz/quizzes
    criterion/criteria phenomenon/phenomena datum/data medium/media curriculum/curricula bacterium/bacteria
    memorandum/memoranda addendum/addenda millennium/millennia spectrum/spectra stratum/strata
    appendix/appendices index/indices matrix/matrices vertex/vertices vortex/vortices codex/codices
    life/lives wife/wives knife/knives leaf/leaves shelf/shelves half/halves thief/thieves self/selves
    loaf/loaves wolf/wolves calf/calves elf/elves sheaf/sheaves hoof/hooves scarf/scarves wharf/wharves
    stimulus/stimuli nucleus/nuclei fungus/fungi alumnus/alumni syllabus/syllabi cactus/cacti
    radius/radii locus/loci focus/foci thesaurus/thesauri bacillus/bacilli alga/algae larva/larvae
    formula/formulae vertebra/vertebrae antenna/antennae passerby/passersby
    """)
)
"""Plurals that no rule makes, by singular. A regular plural in use beside one of them is made as well."""

_SINGULARS: Final = {plural: singular for singular, plural in _PLURALS.items()}

_VERBS: Final = {
    base: tuple(filter(None, forms.split("/")))
    for base, _, forms in (
        entry.partition(":")
        for entry in _words("""
    arise:arose/arisen awake:awoke/awoken beat:beaten become:became begin:began/begun/beginning bend:bent
    bid: bind:bound bite:bit/bitten bleed:bled blow:blew/blown break:broke/broken breed:bred
    bring:brought broadcast: build:built burn:burnt burst: buy:bought cast: catch:caught choose:chose/chosen
    cling:clung come:came cost: creep:crept cut: deal:dealt dig:dug dive:dove do:did/done/does
    draw:drew/drawn dream:dreamt drink:drank/drunk drive:drove/driven eat:ate/eaten fall:fell/fallen feed:fed
    feel:felt fight:fought find:found flee:fled fling:flung fly:flew/flown forbid:forbade/forbidden/forbidding
    forecast: foresee:foresaw/foreseen forget:forgot/forgotten forgive:forgave/forgiven forgo:forwent/forgone
    freeze:froze/frozen get:got/gotten give:gave/given go:went/gone/goes grow:grew/grown hang:hung
    have:has/had hear:heard hide:hid/hidden hit: hold:held hurt: keep:kept know:knew/known lay:laid lead:led
    lean:leant leap:leapt learn:learnt lend:lent let: lose:lost make:made mean:meant meet:met
    mislead:misled mistake:mistook/mistaken misunderstand:misunderstood outsell:outsold overcome:overcame
    overhear:overheard override:overrode/overridden oversee:oversaw/overseen overtake:overtook/overtaken
    overthrow:overthrew/overthrown overpay:overpaid pay:paid prove:proven put: quit: read: rebuild:rebuilt
    repay:repaid resell:resold rewrite:rewrote/rewritten rid: ride:rode/ridden ring:rang/rung run:ran
    say:said see:saw/seen seek:sought sell:sold send:sent set: shake:shook/shaken shed: shine:shone
    shoot:shot show:shown shrink:shrank/shrunk shut: sing:sang/sung sink:sank/sunk sit:sat sleep:slept
    slide:slid speak:spoke/spoken spell:spelt spend:spent spill:spilt spin:spun split: spread: stand:stood
    steal:stole/stolen stick:stuck sting:stung strike:struck/stricken strive:strove/striven sublet:
    swear:swore/sworn sweep:swept swim:swam/swum swing:swung take:took/taken teach:taught tear:tore/torn
    tell:told think:thought throw:threw/thrown thrust: undergo:underwent/undergone underpay:underpaid
    understand:understood undertake:undertook/undertaken underwrite:underwrote/underwritten
    undo:undid/undone uphold:upheld upset: wake:woke/woken wear:wore/worn weave:wove/woven weep:wept win:won
    wind: withdraw:withdrew/withdrawn withhold:withheld withstand:withstood write:wrote/written
    """)
    )
}
"""Pasts and participles that no rule makes, by verb; the endings -s and -ing are regular. Left out are those
that are mostly other words: left, rose, ground, wound."""

_APART: Final = frozenset(
    tuple(pair.split("/"))
    for pair in _words("""
    new/news good/goods custom/customs mean/means mean/meaning mean/meanings arm/arms glass/glasses
    security/securities content/contents particular/particulars physic/physics economic/economics
    politic/politics ethic/ethics mathematic/mathematics electronic/electronics logistic/logistics
    analytic/analytics genetic/genetics athletic/athletics acoustic/acoustics dynamic/dynamics
    linguistic/linguistics mechanic/mechanics robotic/robotics semantic/semantics
    account/accounting account/accounted interest/interesting interest/interested share/sharing share/shared
    house/housing case/casing case/cased even/evening cloth/clothing bear/bearing state/stated
    state/stating regard/regarding follow/following accord/according concern/concerning need/needing
    board/boarding board/boarded stock/stocking stock/stocked bond/bonding bond/bonded address/addressing
    market/marketing rate/rating rate/rated party/partying party/partied subject/subjected
    object/objecting object/objected page/paging page/paged figure/figuring figure/figured
    body/bodied skill/skilling matter/mattered matter/mattering cell/celled wed/wedding till/tilling
    ward/warding ward/warded act/acting out/outing in/inning off/offing some/something any/anything
    """)
)
"""Keyword and a word that looks like a form of it but is mostly another word: never made, either way."""

_NO_PLURAL: Final = frozenset(
    _words("""
    advice cash compliance equipment evidence gold hardware health homework housing information jewellery
    knowledge litigation luggage malware money news privacy progress ransomware software spyware
    staff traffic weather wealth welfare
    accounting banking billing clothing engineering funding hacking lending marketing nursing phishing pricing
    testing trading
    asap able best better confidential corporate critical current digital economic encrypted external
    federal financial high immediate internal last late latest legal live local low medical mental
    military monthly national nuclear only personal physical political private proprietary public
    quarterly real recent restricted sensitive sexual social strategic top unpublished urgent
    weekly yearly
    """)
)
"""Nouns without a plural in use and adjectives: their plurals would be no words, or other ones."""

_NO_VERBS: Final = _NO_PLURAL | _SINGULARS.keys()

_PARTICLES: Final = frozenset(_words("up down in out off on over away back through"))

_SHORTEST: Final = 3
_ACRONYM: Final = 4
"""Capitals of so many letters at most are read as an acronym, more as a word in capitals."""

_LATIN: Final = re.compile("[a-z\u00df-\u00f6\u00f8-\u024f]+")
_ONE_SYLLABLE: Final = re.compile("(?:qu|[^aeiou])*[aeiou][^aeiouwxy]")
_DOUBLING: Final = re.compile(".*[^aeiou][aeiou][bglmprt]")
_HISSING: Final = ("s", "x", "z", "ch", "sh")
_NO_VERB: Final = (
    *("ing", "ed", "ous", "less", "ness", "ity", "ism", "ship", "hood", "ology", "ancy"),
    *("ency", "ssion", "sis", "us", "graphy", "able", "ible", "ical", "ician", "ware", "ics"),
)
"""Endings of nouns, adjectives and finished verb forms, which take no -ed and no -ing."""


def inflections(phrase: str) -> tuple[str, ...]:
    """Other forms of a keyword in the sense it was given for; empty for numbers, codes and other scripts.

    Of a phrase, the last word takes the plural (`medical records`), before "of" the word in front of it
    (`powers of attorney`), before a particle the verb its endings (`looked up`). Possessives need no form:
    an apostrophe ends a word.

    Args:
        phrase: folded, but with the operator's upper and lower case.
    """
    return tuple(dict.fromkeys((*numbers(phrase), *endings(phrase))))


def numbers(phrase: str) -> tuple[str, ...]:
    """Plurals of a keyword, or its singulars; those that a rule makes need not be words."""
    before, head, after, is_verb = _parted(phrase)
    if not head or is_verb:
        return ()
    if _is_acronym(head):
        return (f"{before}{head}s{after}",)
    return _joined(before, head, after, _numbers(head.casefold()))


def endings(phrase: str) -> tuple[str, ...]:
    """Verb forms of a keyword of one word, or of a verb with a particle, if it can be a verb."""
    before, head, after, is_verb = _parted(phrase)
    if not head or _is_acronym(head) or (not is_verb and " " in f"{before}{after}"):
        return ()
    word = head.casefold()
    return _joined(before, head, after, (*_plural(word), *_verbal(word)) if is_verb else _verbal(word))


def _parted(phrase: str) -> tuple[str, str, str, bool]:
    """A phrase around the word that changes; and whether that word is a verb for sure."""
    words = phrase.split(" ")
    at = len(words) - 1
    while at and words[at].casefold() in _PARTICLES:
        at -= 1
    is_verb = at < len(words) - 1
    if not is_verb and "of" in words[1:]:
        at = words.index("of", 1) - 1
    left, dash, head = words[at].rpartition("-")
    if len(head) < _SHORTEST or not _LATIN.fullmatch(head.lower()):
        return "", "", "", False
    before = " ".join((*words[:at], f"{left}{dash}"))
    return before, head, " ".join(("", *words[at + 1 :])), is_verb


def _joined(before: str, head: str, after: str, made: tuple[str, ...]) -> tuple[str, ...]:
    """Forms in their phrase, in the case of the word they were made from."""
    word = head.casefold()
    kept = [form for form in made if form != word and {(word, form), (form, word)}.isdisjoint(_APART)]
    if head.isupper():
        kept = [form.upper() for form in kept]
    elif head[0].isupper():
        kept = [form.capitalize() for form in kept]
    return tuple(f"{before}{form}{after}" for form in kept)


def _is_acronym(head: str) -> bool:
    return len(head) <= _ACRONYM and head.isupper()


def _numbers(word: str) -> tuple[str, ...]:
    if word in _NO_PLURAL:
        return ()
    if word in _SINGULARS:
        return (_SINGULARS[word],)
    if word.endswith("men") and not word.endswith("imen"):
        return (f"{word[:-2]}an",)
    if word.endswith("ed") and not word.endswith("eed") and len(word) > _ACRONYM:
        return ()
    return _singular(word) or _plural(word)


def _singular(word: str) -> tuple[str, ...]:
    """What a plural may be the plural of; empty where a word is none."""
    stem = word[:-1]
    if not word.endswith("s") or word.endswith(("ss", "us", "is")) or len(stem) < _SHORTEST:
        return ()
    made: tuple[str, ...] = (stem,)
    if word.endswith("ies"):
        made = (f"{word[:-3]}y", stem)
    elif word.endswith(("yses", "oses", "eses")):
        made = (stem, f"{word[:-2]}is")
    elif word.endswith("sses"):
        made = (word[:-2],)
    elif word.endswith("ses") and not (word.endswith("uses") and word[-5] not in "ao"):
        made = (stem, word[:-2])
    elif word.endswith(("xes", "zes", "ches", "shes", "oes", "uses")):
        made = (word[:-2], stem)
    return made


def _plural(word: str) -> tuple[str, ...]:
    made = (_PLURALS[word],) if word in _PLURALS else ()
    if word.endswith("sis"):
        return (*made, f"{word[:-2]}es")
    if word.endswith("man") and word not in {"human", "german", "roman"}:
        return (*made, f"{word[:-2]}en")
    if word.endswith("quy") or (word.endswith("y") and word[-2] not in "aeiou"):
        return (*made, f"{word[:-1]}ies")
    if word.endswith(_HISSING):
        return (*made, f"{word}es")
    if word.endswith("o") and word[-2] not in "aeiou":
        return (*made, f"{word}s", f"{word}es")
    return (*made, f"{word}s")


def _verbal(word: str) -> tuple[str, ...]:
    """Past and -ing of what can be a verb; the -s is the plural's."""
    if not word.isascii() or word.endswith(_NO_VERB) or word in _NO_VERBS or _singular(word):
        return ()
    made = _regular(word)
    if word not in _VERBS:
        return made
    return (*_VERBS[word], *(form for form in made if form.endswith("ing")))


def _regular(word: str) -> tuple[str, ...]:
    stem, last = word[:-1], word[-1]
    if word.endswith("ie"):
        return (f"{word}d", f"{word[:-2]}ying")
    if last == "e":
        return (f"{word}d", f"{word if word[-2] in 'eoy' else stem}ing")
    if last == "y" and word[-2] not in "aeiou":
        return (f"{stem}ied", f"{word}ing")
    stems = (f"{word}k",) if word.endswith("ic") else (word,)
    if _ONE_SYLLABLE.fullmatch(word):
        stems = (f"{word}{last}",)
    elif _DOUBLING.fullmatch(word):
        stems = (word, f"{word}{last}")
    return tuple(f"{stem}{ending}" for stem in stems for ending in ("ed", "ing"))
