"""What the messages of a call have in common with those of other calls: their bytes without the call's own names.

Call-ID, tags, branches, the session identifiers and media ports of descriptions are numbered in the order in which
they appear, so that two calls have one shape exactly where one becomes the other by renaming.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = b"\x01"
"""Stands around the number of what was renamed; a call whose bytes hold it has no shape."""

_SEPARATOR = b"\x02\n"
_TOKEN = re.compile(rb"[A-Za-z0-9_.!%*+`'~-]+")
_NUMBER = re.compile(rb"[0-9]{1,18}")
# Ports up to 64,999: a number that is none stays in the shape.
_PORT = re.compile(rb"(?:[1-5][0-9]{4}|6[0-4][0-9]{3}|[1-9][0-9]{0,3})(?![0-9])")
_ORIGIN = re.compile(rb"\no=\S+ (%b) " % _NUMBER.pattern)
_MEDIA_PORT = re.compile(rb"\nm=[a-z]+ (%b) " % _PORT.pattern)
_REASON = re.compile(rb"\nreason[ \t]*:", re.IGNORECASE)
_SLOT = re.compile(rb"\x01([^\x01]+)\x01")
_CALL_ID, _TAG, _BRANCH, _SESSION, _MEDIA, _LENGTH = b"c", b"t", b"b", b"o", b"p", b"l"
_VALUES = {_TAG: _TOKEN, _BRANCH: _TOKEN, _SESSION: _NUMBER, _MEDIA: _PORT}
_CHALLENGES = (b"401", b"407")
_TRIED = 4
"""How many of the shapes that fitted last are tried on a call before it is taken apart."""
_ANCHOR = 40
"""Bytes before a name that say where it stands."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A name, and where it stands first."""

    kind: bytes
    message: int
    anchor: bytes
    """The bytes before it."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A shape, and how to find the names in a call that may have it."""

    literals: tuple[bytes, ...]
    slots: tuple[int, ...]
    """The number of the name that follows each literal but the last."""
    names: tuple[_Name, ...]
    distinct: tuple[tuple[int, ...], ...]
    """The numbers of the names of each kind, which are different from each other."""
    shape: int


class CallShapes:
    """Numbers the shapes of calls."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._templates: dict[tuple[int, ...], list[_Template]] = {}

    def shape_of(self, call_id: bytes, raws: list[bytes], route: tuple[int, ...]) -> int:
        """The number of a call's shape; -1 for a call that is to be looked at by itself.

        `route` is anything that calls of one shape share, and by which it is found sooner.
        """
        text = _SEPARATOR.join(raws)
        for template in self._templates.get(route, ()):
            if _fits(template, call_id, raws, text):
                return template.shape
        return self._take_apart(call_id, raws, text, route)

    def _take_apart(self, call_id: bytes, raws: list[bytes], text: bytes, route: tuple[int, ...]) -> int:
        if MARK in text or text.count(_SEPARATOR) != len(raws) - 1 or not call_id:
            return -1
        impersonal = _impersonal(call_id, raws)
        shape = self._numbers.get(impersonal)
        if shape is None:
            shape = self._numbers[impersonal] = len(self._numbers) if _went_well(raws, text) else -1
        template = _template(impersonal, shape)
        if _fits(template, call_id, raws, text):
            known = self._templates.setdefault(route, [])
            known.insert(0, template)
            del known[_TRIED:]
        return shape


def _went_well(raws: list[bytes], text: bytes) -> bool:
    """Whether nothing was sent twice or gives a reason, and no response is a failure, challenges apart."""
    codes = [raw[8:11] for raw in raws if raw.startswith(b"SIP/2.0 ")]
    return (
        raws[0].startswith(b"INVITE ")
        and len(set(raws)) == len(raws)
        and all(code[:1] in (b"1", b"2") or code in _CHALLENGES for code in codes)
        and not _REASON.search(text)
    )


def _impersonal(call_id: bytes, raws: list[bytes]) -> bytes:
    """The bytes of a call with numbers in the place of its names."""
    text = _SEPARATOR.join([_with_marked_length(raw) for raw in raws])
    text = text.replace(call_id, MARK + _CALL_ID + MARK)
    text = _marked(text, b";tag=", _TAG)
    text = _marked(text, b";branch=z9hG4bK", _BRANCH)
    for letter, pattern in ((_SESSION, _ORIGIN), (_MEDIA, _MEDIA_PORT)):
        for number, found in enumerate(dict.fromkeys(pattern.findall(text))):
            text = text.replace(b" %b " % found, b" %b%b%d%b " % (MARK, letter, number, MARK))
    return text


def _body_size(raw: bytes) -> int:
    """Bytes behind the headers of a message; 0 for one without an empty line."""
    start = raw.find(b"\r\n\r\n")
    return len(raw) - start - 4 if start >= 0 else 0


def _with_marked_length(raw: bytes) -> bytes:
    """A message with a mark for a Content-Length that is right, as the length of a description varies with its port."""
    size = _body_size(raw)
    if not size:
        return raw
    return raw.replace(b"\nContent-Length: %d\r" % size, b"\nContent-Length: %b%b%b\r" % (MARK, _LENGTH, MARK), 1)


def _marked(text: bytes, parameter: bytes, letter: bytes) -> bytes:
    """The text with each distinct value of a parameter numbered in the order of appearance."""
    start = 0
    number = 0
    while (start := text.find(parameter, start)) >= 0:
        start += len(parameter)
        match = _TOKEN.match(text, start)
        if match is not None:
            text = text.replace(parameter + match[0], b"%b%b%b%d%b" % (parameter, MARK, letter, number, MARK))
            number += 1
    return text


def _template(impersonal: bytes, shape: int) -> _Template:
    pieces = _SLOT.split(impersonal)
    literals, found = pieces[::2], pieces[1::2]
    numbers: dict[bytes, int] = {}
    names: list[_Name] = []
    slots: list[int] = []
    message = 0
    for literal, name in zip(literals, found, strict=False):
        message += literal.count(_SEPARATOR)
        key = name if name != _LENGTH else b"%b%d" % (name, message)
        if key not in numbers:
            numbers[key] = len(names)
            names.append(_Name(name[:1], message, literal.rpartition(_SEPARATOR)[2][-_ANCHOR:]))
        slots.append(numbers[key])
    kinds = [tuple(number for number, name in enumerate(names) if name.kind == kind) for kind in _VALUES]
    distinct = tuple(kind for kind in kinds if len(kind) > 1)
    return _Template(tuple(literals), tuple(slots), tuple(names), distinct, shape)


def _fits(template: _Template, call_id: bytes, raws: list[bytes], text: bytes) -> bool:
    """Whether the text of a call is the template with names of its own in it."""
    values: list[bytes] = []
    for name in template.names:
        raw = raws[name.message]
        if name.kind == _CALL_ID:
            values.append(call_id)
        elif name.kind == _LENGTH:
            values.append(b"%d" % _body_size(raw))
        else:
            start = raw.find(name.anchor)
            match = _VALUES[name.kind].match(raw, start + len(name.anchor)) if start >= 0 else None
            if match is None:
                return False
            values.append(match[0])
    for numbers in template.distinct:
        if len({values[number] for number in numbers}) < len(numbers):
            return False
    pieces = [b""] * (2 * len(template.slots) + 1)
    pieces[::2] = template.literals
    pieces[1::2] = [values[slot] for slot in template.slots]
    return b"".join(pieces) == text
