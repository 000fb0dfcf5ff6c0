"""Whether a turn leans on earlier ones: "do it again, but shorter", "und auf Deutsch?", "pourquoi ?".

Rule 1: a turn that names a subject of its own stands alone, so that a change of subject is one.
Rule 2: words count, never their meaning; English, German, French and Spanish have lists, elsewhere only very
short turns lean.
"""

import re
from collections.abc import Sequence
from typing import Final
from unicodedata import combining, normalize

LONGEST: Final = 200
"""Characters beyond which a turn stands alone, whatever it says."""

_FEW: Final = 4
"""Fewer words lean, unless they open a question or an order and name what it is about."""

_SUBJECT: Final = 3
"""Words of content beyond which a turn that points back stands alone all the same."""

_WORD: Final = re.compile(r"[^\W_]+")
_SPACELESS: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")

_ENGLISH: Final = """
    a about above actually add after again all also am an and another answer any anything are aren as ask
    asked at back be because been before being below best better both bit but by can cannot change clear
    clearer clearly compare confused continue correct could course couldn create deeper detail details did
    didn different do does doesn doing don done each earlier easier either else enough even everything
    exactly example examples expand explain far few final fine first fix follow for form format forget
    from full further get give given go going good got great had has have having he help hello her here
    hey hi him his how however i idea if in instead into is isn it its itself just keep kind know last
    least less let like likely line list little ll long longer look make many maybe me mean mention
    mentioned might more most much must my need never new next nice no not nothing now number of off ok
    okay on once one ones only option or other our out over paragraph part people perfect please point
    possible prefer previous probably put question quite rather re reason reasons redo regenerate remove
    rephrase repeat replace rest retry rewrite right said same say says second sentence sentences set
    shall she short shorten shorter should show similar simple simpler simply since so some something
    sorry sound sounds start step steps still stop such summarise summarize summary sure table take tell
    than thank thanks that the their them then there these they thing things think third this three those
    though through to together too top translate true try turn two under understand undo up us use used
    using ve version very wait want was way we well were what when where whether which while who whole why
    will with without word words work works would write wrong yes yet you your yours bullet bullets code
    comments tests test json markdown html csv yaml tone formal informal casual friendly polite english
    german french spanish italian portuguese dutch polish russian turkish arabic chinese japanese korean
"""

_GERMAN: Final = """
    aber alle allem allen alles als also am an andere anderen anders antwort auch auf aus ausfuhrlicher
    bei beispiel beispiele besser bisschen bitte bleiben da dabei dafur damit danach danke dann daran
    darauf das dass dasselbe davon dazu dein dem den denn der des deutlicher deutsch dich die dies diese
    diesem diesen dieser dieses dir doch du eigentlich ein eine einem einen einer eines einfach einfacher
    englisch er erklar erklare erklaren erste ersten erneut es etwas falsch franzosisch fur ganz geht
    genau genauer genug gern gib gibt gut hab habe haben hast hat hier ich ihm ihn ihr im in ist ja jede
    jetzt kann kannst klar konnen konntest kurz kurzer lang langer letzte letzten liste los mach machen
    mal man mehr mein meinst mir mit mochte muss nach nein nennen nenne nicht nichts noch nochmal nochmals
    nun nur ob oder ok ohne punkt richtig sag sagen schon schreib schreibe sehr sein sie sind so solche
    soll sollte sonst spanisch stichpunkte tabelle tun uber ubersetz ubersetze um und uns verstehe versuch
    vom von vor wann war warum was weiter weitere welche welcher wenig weniger wenn wer werden wie wieder
    wieso wird wir wo wozu wurde wurden zeig zu zum zur zusammen zweite zweiten zusammenfassung
"""

_FRENCH: Final = """
    a ai aide ainsi alors anglais apres as au aussi autre autres aux avant avec avez avoir bien bon
    bonjour c ca car ce cela celle celles celui ces cet cette chaque ci claire clair comme comment
    continue continuez corrige courte court crois d dans de deja dernier derniere des detail details deux
    deuxieme developpe dire dis dit dois donc donne donner du elle elles en encore ensuite es espagnol est
    et etait ete etre eux exemple exemples explique expliquer expliquez fais fait faire faites faut faux
    faudrait francais grand ici il ils j je jusqu juste l la le les lequel leur liste long longue lui m ma
    mais maintenant meme merci mes met mets mettre mieux moi moins mon mot mots n ne non nos notre nous on
    ont ou oui par parce pas peu peut peux plait plus plutot point pour pourquoi pourrais pouvez precis
    premier premiere prend pres puis qu quand que quel quelle quels question qui quoi recommence refais
    reformule reponse reprends resume s sa sans se sens ses seulement si simple simplement simplifie son
    sont suis suite suivant sur t ta tableau te tels tes toi ton tous tout toute toutes tres trop tu un
    une va veux version veut vois voudrais vous vrai y traduis traduisez traduction allemand ecris ajoute
"""

_SPANISH: Final = """
    a agrega ahora al algo alguna algun ambos anade antes aqui asi aun aunque bien breve bueno cada como
    con continua contra corto corta cual cuales cuando cuanto da dame de deberia decir del desde despues
    di dices dijiste donde dos e ejemplo ejemplos el ella ellas ellos en entonces era eres es esa ese eso
    esos espanol esta estaba estan estas este esto estos explica explicalo explicame favor fue gracias ha
    haber hace hacer hacerlo haces hay haz hazlo hola idea ingles la larga largo las le les lista lo los
    manera mas me mejor menos mi mis mismo misma mucho muy nada no nos o otra otras otro otros para parte
    pero poco podrias pon ponlo por porque primera primero puede puedes pues punto que quien quiero repite
    repitelo respuesta resumelo resumen resume sabes se sea segunda segundo ser si sido sigue siguiente
    simple sin sobre solo son su sus tabla tal tambien tan te tengo tiene todo todos traduce traducelo
    traduccion tu tus ultimo ultima un una uno unos usa vale ver version vez y ya yo frances aleman
    escribelo reescribelo
"""

_PLAIN: Final = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH}".split())
"""Words that name no subject: function words, and what is said about an answer, its form and its language."""

_BACK_WORDS: Final = """
    it its that this these those them they he she one ones same again instead previous above former latter
    other ihn ihm dasselbe nochmal nochmals wieder davon dazu damit dafur stattdessen ca cela celui celle
    ceux meme encore refais lequel lo eso esto ese mismo misma hazlo ponlo explicalo resumelo traducelo
    repitelo
"""
_BACK: Final = frozenset(_BACK_WORDS.split())
"""Words that point at something said before."""

_GOING_ON: Final = frozenset(
    {"add", "also", "and", "but", "how about", "include", "or", "remove", "what about"}
    | {"aber", "et", "mais", "oder", "ou", "und"}
    | {"e", "o", "pero", "y"}
)
"""How a turn begins that goes on where the last one ended."""

_OPENING_WORDS: Final = """
    what who whom whose when where which define explain describe solve prove calculate compute write was
    wer wann wo erklare definiere berechne lose schreibe que quoi qui quand explique definis calcule
    resous ecris quien cuando donde explica define calcula resuelve escribe
"""
_OPENING: Final = frozenset(_OPENING_WORDS.split())
"""Words that open a question or an order, however short."""


def is_follow_up(text: str) -> bool:
    """Whether a turn cannot be told apart from its conversation."""
    if len(text) > LONGEST:
        return False
    words = _words(text)
    content = [word for word in words if not _is_plain(word)]
    if not content:
        return True
    if len(words) + len(_SPACELESS.findall(text)) // 2 < _FEW:
        return words[0] not in _OPENING
    return len(content) <= _SUBJECT and (_goes_on(words) or _points_back(words, content))


def _is_plain(word: str) -> bool:
    return word in _PLAIN or word.removesuffix("s") in _PLAIN or (len(word) == 1 and word.isascii())


def _goes_on(words: Sequence[str]) -> bool:
    return words[0] in _GOING_ON or " ".join(words[:2]) in _GOING_ON


def _points_back(words: Sequence[str], content: Sequence[str]) -> bool:
    """A word that points, with at most a verb in front: what is named before it is what it points at."""
    back = next((place for place, word in enumerate(words) if word in _BACK), None)
    return back is not None and sum(word in content for word in words[:back]) <= 1


def _words(text: str) -> list[str]:
    """Words in lower case, without accents: many people type none."""
    plain = "".join(char for char in normalize("NFKD", text.casefold()) if not combining(char))
    return _WORD.findall(plain)
