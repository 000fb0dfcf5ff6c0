"""Edits of a body in its bytes: what they write, what they leave alone, what they refuse."""

import json
import string

import pytest

from waypost.dialects.splice import Change, Drop, Edit, Insert, Put, Swap, path_of, splice
from waypost.dialects.texts import Texts
from waypost.errors import RequestError

CHAT = (
    b'{ "model": "auto",\n  "messages" : [ {"role":"system", "content":"Be kind."} , {"content":"h\\u00e9llo '
    b'\\ud83d\\ude00 a\\/b","role":"user"} ],"seed":12345678901234567890, "x":1.50}\n'
)


def test_nothing_to_do_gives_the_same_body() -> None:
    assert splice(CHAT, []) is CHAT
    assert splice(b"not json", []) == b"not json"


def test_one_walk_makes_all_edits_and_leaves_the_rest_as_written() -> None:
    edits: list[Edit] = [
        Put(("seed",), [1, {"a": None}]),
        Swap(("messages", 1, "content"), (Change(6, 7, "<\u00fc>"),)),
        Insert(("messages",), 1, {"role": "user"}),
        Put(("chat_template_kwargs", "enable_thinking"), value=True),
        Drop(("messages", 0, "role")),
    ]
    edited = (
        b'{ "model": "auto",\n  "messages" : [ {"content":"Be kind."},{"role":"user"} , '
        b'{"content":"h\\u00e9llo <\\u00fc> a\\/b","role":"user"} ],"seed":[1,{"a":null}], "x":1.50,'
        b'"chat_template_kwargs":{"enable_thinking":true}}\n'
    )
    assert splice(CHAT, edits) == edited
    assert splice(CHAT, edits[::-1]) == edited


# --- objects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "edit", "edited"),
    [
        (b' {"a" : 1E5 } ', Put(("a",), 2), b' {"a" : 2 } '),
        (b'{"a":{"b":[1, 2]}, "c":3}', Put(("a",), "x"), b'{"a":"x", "c":3}'),
        (b"{}", Put(("a",), 1), b'{"a":1}'),
        (b"{ }", Put(("a",), 1), b'{ "a":1}'),
        (b'{"a":1 }', Put(("b",), 2), b'{"a":1,"b":2 }'),
        (b'{"a":{ }}', Put(("a", "b", "c"), 2), b'{"a":{ "b":{"c":2}}}'),
        (b'{"a":null}', Put(("a", "b", "c"), 2), b'{"a":{"b":{"c":2}}}'),
        (b'{"\\u0061":1}', Put(("a",), 2), b'{"\\u0061":2}'),
        (b"{}", Put(('"\u00fc', "b"), 2), b'{"\\"\\u00fc":{"b":2}}'),
        (b"[1, 2]", Put((1,), "\u00fc"), b'[1, "\\u00fc"]'),
        (b" [1] ", Put((), {}), b" {} "),
        (b'{"a":1, "b" :2 , "c":3 }', Drop(("a",)), b'{"b" :2 , "c":3 }'),
        (b'{"a":1, "b" :2 , "c":3 }', Drop(("b",)), b'{"a":1 , "c":3 }'),
        (b'{"a":1, "b" :2 , "c":3 }', Drop(("c",)), b'{"a":1, "b" :2 }'),
        (b'{ "a":{"b":[{}]} }', Drop(("a",)), b"{  }"),
        (b'{"a":1}', Drop(("b",)), b'{"a":1}'),
        (b'{"a":1}', Drop(("b", "c", 0)), b'{"a":1}'),
        (b'{"a":null}', Drop(("a", "c")), b'{"a":null}'),
        (b'{"a":[]}', Drop(("a", 0)), b'{"a":[]}'),
    ],
)
def test_members_and_values(body: bytes, edit: Edit, edited: bytes) -> None:
    assert splice(body, [edit]) == edited
    if not (isinstance(edit, Drop) and isinstance(edit.path[-1], int)):
        assert splice(edited, [edit]) == edited


def test_members_of_one_missing_object_share_it() -> None:
    edits = [Put(("a", "b"), 1), Put(("a", "c", "d"), 2), Drop(("a", "e")), Put(("f",), 3)]
    assert splice(b"{}", edits) == b'{"a":{"b":1,"c":{"d":2}},"f":3}'


def test_a_member_goes_and_another_comes() -> None:
    assert splice(b'{ "a":1 }', [Drop(("a",)), Put(("b",), 2)]) == b'{ "b":2 }'
    assert splice(b'{"a":1, "b":2}', [Drop(("b",)), Put(("c",), 3)]) == b'{"a":1,"c":3}'


# --- lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "edits", "edited"),
    [
        ("[]", "+0", "[x]"),
        ("[ ]", "+0 +0", "[ x,y]"),
        ("[1, 2 , 3 ]", "+0", "[x,1, 2 , 3 ]"),
        ("[1, 2 , 3 ]", "+1", "[1,x, 2 , 3 ]"),
        ("[1, 2 , 3 ]", "+3 +3", "[1, 2 , 3,x,y ]"),
        ("[1, 2 , 3 ]", "-0", "[2 , 3 ]"),
        ("[1, 2 , 3 ]", "-1", "[1 , 3 ]"),
        ("[1, 2 , 3 ]", "-2", "[1, 2 ]"),
        ("[1, 2 , 3 ]", "-0 -1 -2", "[ ]"),
        ("[1, 2 , 3 ]", "-0 -1 -2 +3 +1", "[y,x ]"),
        ("[1, 2 , 3 ]", "-0 +0", "[x,2 , 3 ]"),
        ("[1, 2 , 3 ]", "-0 +1", "[x,2 , 3 ]"),
        ("[1, 2 , 3 ]", "-1 +1 +2", "[1,x,y , 3 ]"),
        ("[1, 2 , 3 ]", "-2 +2 +3", "[1, 2,x,y ]"),
        ("[1, 2 , 3 ]", "-0 -2", "[2 ]"),
        ("[1, 2 , 3 ]", "-9", "[1, 2 , 3 ]"),
    ],
)
def test_commas_follow_the_items(body: str, edits: str, edited: str) -> None:
    names = iter("xy")
    made: list[Edit] = [
        Insert((), int(word[1:]), next(names)) if word[0] == "+" else Drop((int(word[1:]),))
        for word in edits.split()
    ]
    assert splice(body.encode(), made).replace(b'"', b"").decode() == edited


@pytest.mark.parametrize("at", [0, 1, 62, 63, 64, 65, 66, 127, 128, 129, 300, 499])
def test_items_are_counted_in_long_lists(at: int) -> None:
    items = [str(n) for n in range(500)]
    body = f'[{" , ".join(items)}, "]"]'.encode()
    everything: list[object] = [*range(500), "]"]
    assert json.loads(splice(body, [Put((at,), "x")])) == [*everything[:at], "x", *everything[at + 1 :]]
    assert json.loads(splice(body, [Drop((at,))])) == everything[:at] + everything[at + 1 :]
    assert json.loads(splice(body, [Insert((), at, "x")])) == [*everything[:at], "x", *everything[at:]]
    assert json.loads(splice(body, [Insert((), 501, "x"), Drop((at,))])) == [
        *everything[:at],
        *everything[at + 1 :],
        "x",
    ]


def test_items_are_edited_where_they_came_from() -> None:
    body = b'[{"a":1},{"a":2},{"a":3}]'
    edits = [Drop((0,)), Insert((), 0, "x"), Put((2, "a"), 4), Swap((1, "b"), ()), Put((1, "a"), "y")]
    with pytest.raises(ValueError, match=r"\[1\]\.b is not in the body"):
        splice(body, edits)
    del edits[3]
    assert splice(body, edits) == b'["x",{"a":"y"},{"a":4}]'


# --- strings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "changes", "edited"),
    [
        (r"abc", [], r"abc"),
        (r"", [Change(0, 0, "x")], r"x"),
        (r"abc", [Change(3, 3, '"\n\\')], r"abc\"\n\\"),
        (r"a\n\"\\b", [Change(2, 3, "'")], r"a\n'\\b"),
        (r"\u00e9\u00E9é/\/", [Change(1, 2, ""), Change(4, 5, "-")], r"\u00e9é/-"),
        (r"\ud83d\ude00😀x", [Change(1, 2, "y")], r"\ud83d\ude00yx"),
        (r"\ud83d\ude00😀x", [Change(0, 1, "y")], r"y😀x"),
        (r"\ud83d\ud83d\ude00\ude00x", [Change(1, 2, "-")], r"\ud83d-\ude00x"),
        (r"\ud83dx\\ude00", [Change(1, 3, "")], r"\ud83dude00"),
        ("a\U0001f600b", [Change(1, 2, "\U0001f600")], r"a\ud83d\ude00b"),
        (r"abcd", [Change(2, 2, "3"), Change(2, 2, "4"), Change(1, 2, "2"), Change(2, 3, "5")], r"a2345d"),
    ],
)
def test_offsets_are_characters_of_what_the_string_says(
    written: str, changes: list[Change], edited: str
) -> None:
    body = f'{{"a" : "{written}"}}'.encode()
    assert splice(body, [Swap(("a",), tuple(changes))]).decode() == f'{{"a" : "{edited}"}}'
    assert splice(body, [Swap(("a",), (change,)) for change in changes]).decode() == f'{{"a" : "{edited}"}}'


@pytest.mark.parametrize("unit", [r"\n", r"\u00e9", r"\ud83d\ude00", "a", r"a\n", "\U0001f600", r"\ud83d"])
def test_places_in_long_strings(unit: str) -> None:
    many = 3000
    written = unit * many
    size = len(json.loads(f'"{unit}"'))
    for at in (0, 1, 127, 128, 255, 256, 257, 1000, many - 1, many):
        edited = splice(f'"{written}"'.encode(), [Swap((), (Change(at * size, at * size, "|"),))])
        assert edited.decode() == f'"{unit * at}|{unit * (many - at)}"'


def test_half_an_emoji_counts_as_one_as_where_texts_are_read() -> None:
    text = r"\ud83d a@b.example \ude00"
    (part,) = [part for part in Texts().text(json.loads(f'"{text}"'), "x") if not part.again]
    start = part.text.index("a@b")
    edited = splice(f'"{text}"'.encode(), [Swap((), (Change(start, start + 11, "<EMAIL_1>"),))])
    assert edited == rb'"\ud83d <EMAIL_1> \ude00"'


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([Put(("a",), 1), Put(("a",), 2)], "a is put twice"),
        ([Put(("a",), 1), Drop(("a",))], "a is put, and edited too"),
        ([Put(("a",), {}), Put(("a", "b"), 1)], "a is put, and edited too"),
        ([Put(("a",), {}), Drop(("a", "b"))], "a is put, and edited too"),
        ([Put(("a",), "x"), Swap(("a",), (Change(0, 1, "*"),))], "a is put, and edited too"),
        ([Put(("a",), []), Insert(("a",), 0, 1)], "a is put, and edited too"),
        ([Drop(("a",)), Put(("a", "b"), 1)], "a is dropped, and something"),
        ([Drop(("a",)), Insert(("a", "b", 1), 0, 1)], "a is dropped, and something"),
        ([Drop(())], "The body cannot be dropped"),
        ([Put(("a", -1), 1)], "a has items from 0 on"),
    ],
)
def test_edits_that_contradict_each_other_are_refused_in_any_order(edits: list[Edit], message: str) -> None:
    for order in (edits, edits[::-1]):
        with pytest.raises(ValueError, match=message):
            splice(b'{"a":{"b":[1]}}', order)


def test_edits_inside_what_goes_go_with_it() -> None:
    edits = [Drop(("a",)), Drop(("a", "b")), Swap(("a", "c"), (Change(0, 1, "*"),))]
    assert splice(b'{"a":{"b":1,"c":"x"},"d":1}', edits) == b'{"d":1}'
    assert splice(b'{"d":1}', edits) == b'{"d":1}'
    assert splice(b"{}", [Put(("a",), 1), Put(("a",), 1)]) == b'{"a":1}'


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Put(("o", 0), 1), "o is an object, not a list"),
        (Drop(("o", 0)), "o is an object, not a list"),
        (Put(("l", "x"), 1), "l is a list, not an object"),
        (Put(("l", 2), 1), r"l\[2\] is not in the body"),
        (Put(("l", 2, "x"), 1), r"l\[2\] is not in the body"),
        (Put(("new", 0), 1), "new is not in the body, and lists are not made"),
        (Put(("z", 0), 1), "z is not in the body, and lists are not made"),
        (Put(("n", "x"), 1), "n has nothing inside"),
        (Drop(("s", "x")), "s has nothing inside"),
        (Insert(("l",), 3, 1), "l is too short"),
        (Insert(("l",), -1, 1), "l is too short"),
        (Insert(("o",), 0, 1), "o is not a list"),
        (Insert(("n",), 0, 1), "n is not a list"),
        (Insert(("z",), 0, 1), "z is not a list"),
        (Insert(("new",), 0, 1), "new is not in the body"),
        (Swap(("n",), ()), "n is not a string"),
        (Swap(("z",), ()), "z is not a string"),
        (Swap(("o",), ()), "o is not a string"),
        (Swap(("l",), ()), "l is not a string"),
        (Swap(("new",), ()), "new is not in the body"),
        (Swap(("s",), (Change(0, 2, ""), Change(1, 3, ""))), "s has changes that overlap"),
        (Swap(("s",), (Change(0, 3, ""), Change(1, 1, ""))), "s has changes that overlap"),
        (Swap(("s",), (Change(2, 1, ""),)), "s has changes that overlap or end before"),
        (Swap(("s",), (Change(-1, 1, ""),)), "s has changes outside it"),
        (Swap(("s",), (Change(1, 5, ""),)), "s has changes outside it"),
        (Swap(("l", 0, "secret name"), ()), r"l\[0\]\.\* is not in the body"),
        (Put(("o",), float("nan")), "not JSON compliant"),
    ],
)
def test_a_path_that_does_not_fit_is_named_without_content(edit: Edit, message: str) -> None:
    body = b'{"o":{"hush":"hush"},"l":[{},"hush"],"s":"hush","n":4711,"z":null}'
    with pytest.raises(ValueError, match=message) as caught:
        splice(body, [edit])
    assert not any(word in str(caught.value) for word in ("hush", "4711", "secret"))


def test_a_key_that_is_there_twice_is_not_guessed_at() -> None:
    body = b'{"a":{"b":1,"\\u0062":2,"c":3},"a2":1}'
    for edit in (Put(("a", "b"), 1), Drop(("a", "b"))):
        with pytest.raises(ValueError, match=r"a\.b is there twice"):
            splice(body, [edit])
    assert splice(body, [Put(("a", "c"), 4)]) == body.replace(b"3", b"4")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b'{"a"', b'{"a":', b'{"a":}', b'{"a":[1', b'{"a":[1}', b'{"a":[1]]', b'{"a":[1,'),
        *(b'{"a":[{]', b"{1:2}", b'{"a":[,]}', b'{"a":[1 2]}'),
    ],
)
def test_what_is_no_json_is_a_400(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        splice(body, [Put(("a", 0), 2)])
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize("written", [b'"\\x hush"', b'"\\u12 hush"', b'"\xff hush"'])
def test_a_string_no_parser_accepts_is_not_quoted(written: bytes) -> None:
    with pytest.raises(ValueError, match="The body is not a valid string") as caught:
        splice(written, [Swap((), (Change(0, 1, ""),))])
    assert "hush" not in repr(caught.value)
    assert caught.value.__cause__ is None


# --- cost -------------------------------------------------------------------------------------------------


def test_many_edits_of_a_long_body_are_one_walk() -> None:
    count = 5000
    body = b'{"messages":[' + b",".join([b'{"content":"\\u00e9 a@b.example"}'] * count) + b"]}"
    edits = [Swap(("messages", n, "content"), (Change(2, 13, "<E>"),)) for n in range(count)]
    assert splice(body, edits) == body.replace(b"a@b.example", b"<E>")


def test_many_changes_of_a_long_string_are_one_walk() -> None:
    count = 20_000
    body = b'"' + b"\\u00e9 a@b.example\\n" * count + b'"'
    changes = tuple(Change(n * 14 + 2, n * 14 + 13, "<E>") for n in range(count))
    assert splice(body, [Swap((), changes)]) == body.replace(b"a@b.example", b"<E>")


@pytest.mark.parametrize("filler", [b"a", b'\\"', b"\\\\", b"\\ud83d", b"{", b'{\\"a\\": '])
def test_long_strings_are_passed_whatever_is_in_them(filler: bytes) -> None:
    text = filler * (1_000_000 // len(filler))
    body = b'["' + text + b'", "' + text + b'", 1]'
    end = len(json.loads(b'"' + text + b'"'))
    edits = [Swap((1,), (Change(end, end, "x"),)), Put((2,), 2)]
    assert splice(body, edits) == b'["' + text + b'", "' + text + b'x", 2]'


def test_lists_in_lists_are_passed_without_recursion() -> None:
    body = b'{"a":' + b"[" * 40_000 + b"]" * 40_000 + b',"b":1}'
    assert splice(body, [Put(("b",), 2)]) == body[:-2] + b"2}"


# --- paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("", ()),
        ("user", ("user",)),
        ("messages[2].content[0].text", ("messages", 2, "content", 0, "text")),
        ("tools[10].function.parameters.$defs.a-b", ("tools", 10, "function", "parameters", "$defs", "a-b")),
        ("a[0][1]", ("a", 0, 1)),
        ("a." + "b" * 64, ("a", "b" * 64)),
    ],
)
def test_a_place_has_a_path(where: str, path: tuple[str | int, ...]) -> None:
    assert path_of(where) == path


@pytest.mark.parametrize(
    "where",
    [
        *("*", "metadata.*", "metadata.*.a", "a (key)", "a.b (unescaped)", "a (unescaped) (key)", ".a", "a."),
        *(
            "a..b",
            "a[01]",
            "a[-1]",
            "a[x]",
            "a[",
            "a[0]b",
            "a b",
            "a\n",
            "\u00e4",
            "a[\u0661]",
            "1",
            "a." + "b" * 65,
        ),
        "a[1234567890]",
    ],
)
def test_what_names_no_place_has_none(where: str) -> None:
    assert path_of(where) is None


def test_every_text_of_a_request_is_found_again() -> None:
    document = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "one"}]}],
        "metadata": {"team": "two", "odd key": "three", "list": ["four", ["five"]]},
        **{letter: letter * 4 for letter in string.ascii_letters},
    }
    body = json.dumps(document).encode()
    for part in Texts().within(document, ""):
        path = path_of(part.where)
        if path is None:
            assert part.text == "three" or part.where.endswith("(key)")
        else:
            edited = splice(body, [Swap(path, (Change(0, len(part.text), "gone!"),))])
            assert edited == body.replace(json.dumps(part.text).encode(), b'"gone!"')
