"""Remarks on a policy that can be used but may not be what was meant."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from waypost.config.book import Book, Lists
from waypost.config.conditions import Conditions
from waypost.config.document import Findings, Path
from waypost.config.lint_providers import is_loopback, lint_providers
from waypost.decision.engine import GUARD, Route, Rule
from waypost.decision.expr import All, Any, Expr, Is, Not, signals_of
from waypost.policy import Policy
from waypost.request.text import fold
from waypost.signals.base import Signal
from waypost.signals.forms import endings, numbers
from waypost.signals.keyword import KeywordMatch
from waypost.signals.metadata import Metadata

_WIDTH: Final = {"last_user": 0, "user": 1, "conversation": 2, "all": 3}
_SHOWN: Final = 6
_VERB_FORMS: Final = 3
"""More mean that the rules were not sure of the spelling, so some of them are no words."""


def lint(policy: Policy, book: Book, conditions: Conditions) -> None:
    """Add warnings and remarks about a policy without errors."""
    findings = book.findings
    places = _places(findings)
    lint_providers(policy, findings)
    _admin(findings)
    _names(policy, findings)
    _lists(book.lists, conditions.used, findings)
    _unreachable(policy, places, findings)
    if not policy.identity.trusted_hops:
        _nobody_vouches(policy, conditions.paths, findings)
    for number, rule in enumerate(policy.rules[:-1]):
        if rule.binds_explicit:
            _near_forms(rule, policy.signals, conditions.paths, findings)
            _needs_both(
                rule, policy.rules[number + 1 :], policy, (*places[rule.name], "conditions"), findings
            )


def _places(findings: Findings) -> dict[str, Path]:
    node = findings.root.mapping.get("routing_rules")
    rules = node.items if node else []
    own: dict[str, Path] = {GUARD: (GUARD,)}
    return own | {str(rule.mapping["name"].value): ("routing_rules", n) for n, rule in enumerate(rules)}


def _names(policy: Policy, findings: Findings) -> None:
    for name, endpoint in policy.endpoints.items():
        if name in policy.providers and endpoint.provider.name != name:
            home = endpoint.provider.name
            message = f"{name!r} is a provider too: rules that name it mean this model at {home!r}"
            findings.add("warning", ("models", name), message, "rename one of them", key=True)


def _admin(findings: Findings) -> None:
    node = findings.root.mapping.get("admin")
    if node is not None and not is_loopback(str(node.value).rpartition(":")[0].strip("[]")):
        message = "the admin port is open to the network and asks for no password"
        findings.warn(("admin",), message, "bind it to 127.0.0.1, or let only your probes reach it")


def _lists(lists: Lists, used: set[str], findings: Findings) -> None:
    seen: dict[Path, set[str]] = {}
    for name, path in lists.paths.items():
        seen.setdefault(path, set()).add(name)
    for path, names in seen.items():
        if not names & used:
            findings.note(path, f"no condition names the keyword list {path[-1]!r}")
        words = lists.terms[f"{path[0]}.{path[1]}"]
        for remark in KeywordMatch(keywords=words).lint():
            number = remark.field.removeprefix("keywords[").removesuffix("]")
            place = (*path, int(number)) if number.isdigit() else path
            findings.add(remark.severity, place, remark.message, remark.help)


def _nobody_vouches(policy: Policy, paths: Mapping[str, Sequence[Path]], findings: Findings) -> None:
    for rule in policy.rules[:-1]:
        for name in dict.fromkeys(signals_of(rule.when)):
            signal = policy.signals[name]
            if isinstance(signal, Metadata) and signal.asks_a_trusted_hop:
                fate = "applies whoever asks" if rule.on_error == "closed" else "is skipped whoever asks"
                message = (
                    f"there are no `trusted_hops`, so nobody can vouch for this: rule {rule.name!r} {fate}"
                )
                findings.warn(paths[name][0], message, "name the networks of the gateway in front")


def _unreachable(policy: Policy, places: Mapping[str, Path], findings: Findings) -> None:
    """Find rules whose every request an earlier one takes."""
    indexed: dict[str, list[Rule]] = {}
    for rule in policy.rules[:-1]:
        earlier = (r for key in _probes(rule, policy.signals, indexed) for r in indexed.get(key, ()))
        taker = next((r for r in earlier if _takes_all(r, rule, policy.signals)), None)
        if taker is not None:
            message = (
                f"rule {rule.name!r} can never decide: {taker.name!r} takes every request it would match"
            )
            findings.warn((*places[rule.name], "name"), message, "remove it, or move it up")
        for name in dict.fromkeys(signals_of(rule.when)):
            for key in (name, *_terms(policy.signals[name])):
                indexed.setdefault(key, []).append(rule)


def _terms(signal: Signal) -> Iterator[str]:
    if isinstance(signal, KeywordMatch):
        yield from dict.fromkeys(f"keyword {term.casefold()}" for term in signal.spellings)


def _probes(
    rule: Rule, signals: Mapping[str, Signal], indexed: Mapping[str, Sequence[Rule]]
) -> Iterator[str]:
    """What an earlier rule that takes all of this one's requests must share with it, the rarest first.

    A keyword condition that needs n of its words is covered only by one that has some of any n of
    them; a denied one by any that has one.
    """
    denies = _denies(rule.when)
    for name in dict.fromkeys(signals_of(rule.when)):
        yield name
        signal = signals[name]
        if isinstance(signal, KeywordMatch):
            rarest = sorted(_terms(signal), key=lambda term: len(indexed.get(term, ())))
            yield from rarest if denies else rarest[: _needed(signal)]


def _denies(expr: Expr) -> bool:
    match expr:
        case Not():
            return True
        case All(operands) | Any(operands):
            return any(_denies(operand) for operand in operands)
        case Is():
            return False


def _takes_all(earlier: Rule, later: Rule, signals: Mapping[str, Signal]) -> bool:
    """Whether `earlier` surely holds whenever `later` does, whatever the client named as model."""
    if later.binds_explicit and not earlier.binds_explicit:
        return False
    if later.on_error == "closed" and earlier.on_error == "open":
        return False
    return _implies(later.when, earlier.when, signals)


def _implies(one: Expr, other: Expr, signals: Mapping[str, Signal]) -> bool:
    """Whether `other` surely holds when `one` does; False when that is not plain."""
    match one, other:
        case _, All(operands):
            holds = all(_implies(one, o, signals) for o in operands)
        case Any(operands), _:
            holds = all(_implies(o, other, signals) for o in operands)
        case _, Any(operands) if any(_implies(one, o, signals) for o in operands):
            holds = True
        case All(operands), _:
            holds = any(_implies(o, other, signals) for o in operands)
        case Not(inner), Not(outer):
            holds = _implies(outer, inner, signals)
        case Is(narrow), Is(wide):
            holds = narrow == wide or _covers(signals[wide], signals[narrow])
        case _:
            holds = False
    return holds


def _covers(wide: Signal, narrow: Signal) -> bool:
    """Whether a keyword condition holds for every text for which another one does."""
    if not isinstance(wide, KeywordMatch) or not isinstance(narrow, KeywordMatch):
        return False
    if _needed(wide) != 1 or (wide.case_sensitive and not narrow.case_sensitive):
        return False
    if _WIDTH[wide.scope or "all"] < _WIDTH[narrow.scope or "all"]:
        return False
    if wide.unreadable != narrow.unreadable and narrow.unreadable == "fail":
        return False
    cased = wide.case_sensitive
    known = wide.spellings.keys() if cased else {term.casefold() for term in wide.spellings}
    others = {w for t, w in narrow.spellings.items() if (t if cased else t.casefold()) not in known}
    return len(others) < _needed(narrow)


def _needed(signal: KeywordMatch) -> int:
    return len(signal.terms) if signal.match == "all" else signal.min_matches or 1


def _near_forms(
    rule: Rule, signals: Mapping[str, Signal], paths: Mapping[str, Sequence[Path]], findings: Findings
) -> None:
    """Tell which plurals, singulars and endings of guarding keywords would slip through."""
    for name in dict.fromkeys(_asserted(rule.when)):
        signal = signals[name]
        if not isinstance(signal, KeywordMatch) or signal.forms == "inflected":
            continue
        absent = list(dict.fromkeys(_absent(signal)))
        if absent:
            more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
            shown = ", ".join(repr(form) for form in absent[:_SHOWN])
            message = f"rule {rule.name!r} does not see {shown}{more}: near forms of its keywords"
            place = (*paths[name][0], "keywords" if signal.keywords else "lists")
            findings.note(place, message, "write `forms: inflected`, or add the forms that matter")


def _asserted(expr: Expr) -> Iterator[str]:
    """Signals that a rule holds by; what `none_of` does not see makes it hold, which is the safe side."""
    match expr:
        case Is(signal):
            yield signal
        case All(operands) | Any(operands):
            for operand in operands:
                yield from _asserted(operand)
        case Not():
            return


def _absent(signal: KeywordMatch) -> Iterator[str]:
    """Near forms that a condition does not see, as far as they are likely to be words.

    One plural or singular of a keyword is enough. A verb shows itself by a particle, or where another of
    its forms is a keyword; that form then needs no plural.
    """
    known = signal.terms.keys()

    def read(form: str) -> str:
        return form if signal.case_sensitive else form.casefold()

    words = [fold(word, case_sensitive=True).text.strip() for word in signal.terms.values()]
    words = [word for word in words if not word.isupper()]
    verbs = {read(word): tuple(map(read, endings(word))) for word in words}
    of_verbs = {form for forms in verbs.values() for form in forms}
    for word in words:
        plurals = tuple(map(read, numbers(word)))
        ends = verbs[read(word)]
        if read(word) in of_verbs:
            continue
        if plurals and known.isdisjoint(plurals):
            yield plurals[0]
        if not plurals or (len(ends) <= _VERB_FORMS and not known.isdisjoint(ends)):
            yield from (form for form in ends if form not in known)


def _needs_both(rule: Rule, later: Sequence[Rule], policy: Policy, path: Path, findings: Findings) -> None:
    """A guard that wants a keyword and personal data together lets through a text that has one of them."""
    if not isinstance(rule.when, All) or not isinstance(rule.action, Route):
        return
    kinds = {policy.signals[o.signal].kind for o in rule.when.operands if isinstance(o, Is)}
    if not {"keyword_match", "pii_detection"} <= kinds:
        return
    for other in later[:-1]:
        if isinstance(other.action, Route) and not _inside(other.action, rule.action, policy):
            message = (
                f"rule {rule.name!r} needs a keyword and personal data together; a text with one of them"
                f" can leave by rule {other.name!r}"
            )
            findings.warn(path, message, "if either is enough, write `any_of:` around the two conditions")
            return


def _inside(action: Route, guard: Route, policy: Policy) -> bool:
    zones = {policy.endpoints[name].zone for name in action.endpoints}
    return guard.boundary is None or zones <= guard.boundary
