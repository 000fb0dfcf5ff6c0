"""What the outputs of somebody else's classifier mean: names from any of the usual files, as ours."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from waypost.encoder.foreign_files import CONFIG, read_json, read_object
from waypost.errors import EngineError
from waypost.signals.labelled import known
from waypost.signals.labels import DOMAINS, PII_TYPES

_FILES: Final = {
    "domain": ("category_mapping.json", "label_mapping.json"),
    "pii": ("pii_type_mapping.json", "pii_mapping.json", "label_mapping.json"),
    "jailbreak": ("jailbreak_type_mapping.json", "jailbreak_mapping.json", "label_mapping.json"),
}
_TO_NUMBER: Final = ("category_to_idx", "label_to_idx", "label_to_id", "label2id")
_TO_NAME: Final = ("idx_to_category", "idx_to_label", "id_to_label", "id2label")
_NUMBERED: Final = re.compile(r"LABEL_\d+")

_ATTACKS: Final = frozenset(
    {"jailbreak", "injection", "prompt_injection", "indirect_injection", "attack", "malicious", "unsafe"}
)
_HARMLESS: Final = frozenset(
    {"benign", "safe", "legit", "legitimate", "normal", "clean", "harmless", "no_attack", "no_jailbreak",
     "no_injection", "not_jailbreak", "not_injection"}
)  # fmt: skip

_BEGINS, _GOES_ON = "BUS", "ILE"
"""First letters of tags in the schemes BIO, BILOU and BIOES."""

_ALSO: Final = {
    "PERSON": "PER NAME FULLNAME FULL_NAME FIRSTNAME FIRST_NAME MIDDLENAME MIDDLE_NAME LASTNAME LAST_NAME "
    "GIVENNAME GIVEN_NAME SURNAME",
    "ORGANIZATION": "ORG ORGANISATION COMPANY COMPANYNAME COMPANY_NAME",
    "GPE": "LOC LOCATION CITY STATE COUNTY COUNTRY",
    "STREET_ADDRESS": "ADDRESS STREET STREETADDRESS BUILDINGNUM BUILDINGNUMBER SECONDARYADDRESS ZIP ZIPCODE "
    "ZIP_CODE POSTCODE POSTAL_CODE",
    "DATE_TIME": "DATE TIME DATETIME",
    "DATE_OF_BIRTH": "DOB DATEOFBIRTH BIRTHDATE BIRTH_DATE",
    "PHONE_NUMBER": "PHONE PHONENUMBER TELEPHONE TELEPHONENUM",
    "EMAIL_ADDRESS": "EMAIL",
    "URL": "DOMAIN_NAME",
    "CREDIT_CARD": "CREDITCARD CREDITCARDNUMBER CREDIT_CARD_NUMBER",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SSN SOCIALNUM SOCIALNUMBER SOCIAL_SECURITY_NUMBER",
    "IP_ADDRESS": "IP IPADDRESS IPV4 IPV6",
    "MAC_ADDRESS": "MAC MACADDRESS",
    "US_PASSPORT": "PASSPORT PASSPORT_NUMBER PASSPORTNUM",
    "US_DRIVER_LICENSE": "DRIVER_LICENSE DRIVERLICENSE DRIVERLICENSENUM DRIVERS_LICENSE",
    "BANK_ACCOUNT": "ACCOUNTNUM ACCOUNTNUMBER ACCOUNT_NUMBER BANK_ACCOUNT_NUMBER US_BANK_NUMBER",
    "MEDICAL_RECORD": "MEDICAL_RECORD_NUMBER MRN",
}
_TYPES: Final = {also: name for name, others in _ALSO.items() for also in others.split()}


class Topics(NamedTuple):
    """How logits become ours.

    Attributes:
        groups: outputs that mean each of `labels`.
        missing: our labels that no output means.
    """

    labels: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    missing: tuple[str, ...]


class Sides(NamedTuple):
    """Outputs that speak for an attack, and those that speak against one."""

    attack: tuple[int, ...]
    benign: tuple[int, ...]


class Tags(NamedTuple):
    """What each output of a tagger means.

    Attributes:
        types: those it looks for, by our names where we have one.
        outside: outputs for no personal data.
        begins: outputs that begin a span, by type; empty where its labels do not tell.
        anywhere: all outputs of a type.
    """

    types: tuple[str, ...]
    outside: tuple[int, ...]
    begins: tuple[tuple[int, ...], ...]
    anywhere: tuple[tuple[int, ...], ...]


def labels(head: str, folder: Path, named: Path | None = None) -> tuple[str, ...]:
    """Names in the order of the outputs: of the file the operator names, else `config.json`, else beside it.

    Raises:
        EngineError: there are none, or a file is not understood.
    """
    if named is not None:
        return _listed(named, read_json(named))
    id2label = read_object(folder / CONFIG).get("id2label")
    told = cast("Mapping[str, object]", id2label if isinstance(id2label, dict) else {})
    if not all(_NUMBERED.fullmatch(str(name)) for name in told.values()):
        return _listed(folder / CONFIG, {"id2label": told})
    for name in _FILES[head]:
        if (folder / name).is_file():
            return _listed(folder / name, read_json(folder / name))
    missing = f"{str(folder)!r} does not name its labels"
    key = {"domain": "category", "pii": "pii", "jailbreak": "jailbreak"}[head] + "_mapping_path"
    raise EngineError(
        f'{missing}; write {{"label_to_idx": {{"NAME": 0, …}}}} to a file and name it as `{key}`'
    )


def topics(names: Sequence[str], place: Path) -> Topics:
    """Domains by our names; what is none of ours keeps its own.

    Raises:
        EngineError: none is ours.
    """
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(known(name, DOMAINS) or name, []).append(number)
    missing = tuple(name for name in DOMAINS if name not in groups)
    if len(missing) == len(DOMAINS):
        raise EngineError(f"{str(place)!r} knows none of the domains; its labels are {_shown(names)}")
    return Topics(tuple(groups), tuple(map(tuple, groups.values())), missing)


def sides(names: Sequence[str], place: Path) -> Sides:
    """Which labels mean an attack; of two, one that is understood explains the other.

    Raises:
        EngineError: that cannot be told.
    """
    plain = [re.sub(r"[\W_]+", "_", name.strip().lower()) for name in names]
    attack = {number for number, name in enumerate(plain) if name in _ATTACKS}
    benign = {number for number, name in enumerate(plain) if name in _HARMLESS}
    rest = set(range(len(names))) - attack - benign
    if len(names) == 2 and len(rest) == 1:  # noqa: PLR2004 - yes and no
        (attack if benign else benign).update(rest)
        rest.clear()
    if rest or not attack or (len(names) > 1 and not benign):
        told = f"{str(place)!r}: which of its labels mean an attack cannot be told from {_shown(names)}"
        remedy = (
            'name a file with {"label_to_idx": {"benign": 0, "jailbreak": 1}} as `jailbreak_mapping_path`'
        )
        raise EngineError(f"{told}; {remedy}")
    return Sides(tuple(sorted(attack)), tuple(sorted(benign)))


def tags(names: Sequence[str], place: Path) -> Tags:
    """Types of personal data by our names; what is none of ours keeps its own.

    Raises:
        EngineError: there is no O, or none of the types is ours.
    """
    outside = tuple(number for number, name in enumerate(names) if name.strip().upper() == "O")
    begins: dict[str, list[int]] = {}
    anywhere: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if number in outside:
            continue
        prefix, dash, rest = name.strip().upper().partition("-")
        is_tag = dash and prefix in {*_BEGINS, *_GOES_ON}
        kind = _type(rest if is_tag else name)
        anywhere.setdefault(kind, []).append(number)
        begins.setdefault(kind, [])
        if is_tag and prefix in _BEGINS:
            begins[kind].append(number)
    if not outside or not set(anywhere) & set(PII_TYPES):
        what = "has no label O" if not outside else "looks for no personal data we know"
        raise EngineError(f"{str(place)!r} {what}; its labels are {_shown(names)}")
    return Tags(
        tuple(anywhere), outside, tuple(map(tuple, begins.values())), tuple(map(tuple, anywhere.values()))
    )


def _type(name: str) -> str:
    plain = re.sub(r"[\W_]+", "_", name.strip().upper())
    return _TYPES.get(plain, plain)


def _listed(file: Path, read: object) -> tuple[str, ...]:
    """Names in order, from any of the forms that are written."""
    numbered: dict[int, str] = {}
    try:
        numbered = {int(number): str(name) for number, name in _pairs(read)}
    except (TypeError, ValueError):
        numbered = {}
    names = tuple(name for _, name in sorted(numbered.items()))
    if not names or sorted(numbered) != list(range(len(names))) or len(set(names)) < len(names):
        raise EngineError(f"{str(file)!r} does not number labels from 0, each once")
    return names


def _pairs(read: object) -> Sequence[tuple[Any, Any]]:
    """(number, name) as a mapping file has them."""
    if isinstance(read, list):
        return list(enumerate(cast("Sequence[Any]", read)))
    if not isinstance(read, dict):
        return ()
    found = cast("Mapping[str, Any]", read)
    for key in _TO_NAME:
        if isinstance(inner := found.get(key), (dict, list)):
            return _pairs(cast("object", inner))
    for key in _TO_NUMBER:
        if isinstance(inner := found.get(key), dict):
            found = cast("Mapping[str, Any]", inner)
            break
    if all(isinstance(value, int) for value in found.values()):
        return [(number, name) for name, number in found.items()]
    return list(found.items())


def _shown(names: Sequence[str]) -> str:
    most = 8
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
