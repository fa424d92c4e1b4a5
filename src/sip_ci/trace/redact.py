"""Masking what a trace must not give away: credentials, keys, messages between people, and who called whom.

Secrets become noise of the same length. Identities become pseudonyms that are the same wherever the identity stands,
so calls still read as calls; they are keyed with a random key per run, so nobody can find the number behind one by
trying all numbers. Hosts and addresses stay: without them there is nothing to diagnose.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable, Sequence

from sip_ci.trace.message import SipMessage

_HEX = re.compile(r"[0-9A-Fa-f]+\Z")
_ALPHANUMERIC = string.ascii_letters + string.digits
_EMERGENCY = frozenset({"110", "112", "911", "999", "000"})
"""Numbers that are nobody's, and that say something about a call."""
_SHORTEST_NAME = 8
_ONE_DIGIT_COUNTRIES = ("1", "7")
_THREE_DIGIT_COUNTRIES = re.compile(r"2[1-689]|3[578]|42|5[09]|6[7-9]|8[035-9]|9[679]")
"""How country codes of three digits begin (ITU-T E.164); with 1 and 7 aside, all others have two."""

_TOKEN = re.compile(r"[^\s@<>\"]++@?")
_SCHEME = re.compile(r"\b(?:sips?|im|pres|xmpp):", re.IGNORECASE)
_TEL = re.compile(r"\b(?P<scheme>tel|fax|modem):(?P<number>[+*#0-9A-Da-d().-]{1,64})", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[*#0-9().-]*[0-9][*#0-9().-]*\Z")
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z.:_+-])\+?[0-9]{7,15}(?![0-9A-Za-z.:_-])")
_WORD = re.compile(r"[A-Za-z0-9_+.-]{4,}")
_QUOTED = re.compile(r'"(?P<name>(?:[^"\\\r\n]++|\\[^\r\n])*+)(?P<end>"(?P<address>[ \t]*+<)?)?')
_PLAIN_NAME = re.compile(r"(?P<lead>(?:\A|,)[ \t]{0,64})(?P<name>[^\s<>\",;:][^<>\",;:\r\n]*?)(?=[ \t]{0,8}<)")
_DIGEST_PARAMETER = re.compile(
    r"(?P<name>\b(?:username\*?|response|nonce|cnonce|opaque|nextnonce|rspauth|auts|ik|ck))(?P<equals>[ \t]*=[ \t]*)"
    r'(?:"(?P<quoted>(?:[^"\\\r\n]|\\[^\r\n])*)"?|(?P<token>[^\s,;"]+))',
    re.IGNORECASE,
)
_DISPLAY_ATTRIBUTE = re.compile(r'(?P<lead>\b(?:display|display-name)=")(?P<name>[^"\r\n]{1,256})')
_SDES = re.compile(r"(?P<lead>\binline:[ \t]*)(?P<key>[^\s|;]+)", re.IGNORECASE)
_ICE_PASSWORD = re.compile(r"(?P<lead>^a=ice-pwd:[ \t]*)(?P<key>[^\s]+)", re.IGNORECASE | re.MULTILINE)
_SDP_KEY = re.compile(r"(?P<lead>^k=(?:clear|base64|uri):)(?P<key>[^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_SDP_ORIGIN = re.compile(r"(?P<lead>^o=)(?!- )(?P<name>[^\s]+)(?= [0-9])", re.MULTILINE)
_SDP_CONTACT = re.compile(r"(?P<lead>^[ep]=)(?P<name>[^\r\n]+)", re.MULTILINE)

_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_CHALLENGES = frozenset({"www-authenticate", "proxy-authenticate", "authentication-info", "proxy-authentication-info"})
_SECRET_NAME = re.compile(r"token|passw|secret|api-?key|cookie|\bauth\b|-auth\b")
_TEXT_FOR_PEOPLE = frozenset({"subject", "organization"})
_NAME_ADDRESSES = frozenset({
    "from", "to", "contact", "p-asserted-identity", "p-preferred-identity", "p-called-party-id", "remote-party-id",
    "referred-by", "refer-to", "diversion", "history-info", "reply-to", "p-associated-uri", "p-served-user", "identity",
})  # fmt: skip
_PROTOCOL = frozenset({
    "via", "cseq", "call-id", "content-length", "content-type", "max-forwards", "expires", "min-expires", "rseq",
    "rack", "timestamp", "date", "session-expires", "min-se", "user-agent", "server", "allow", "supported",
    "require", "accept",
})  # fmt: skip


class Redactor:
    """Masks messages with one key: the same identity gets the same pseudonym in all of them."""

    def __init__(self, key: bytes | None = None) -> None:
        """Use a key of one's own to get the same pseudonyms again; without one, a random key is made."""
        self._key = key if key is not None else secrets.token_bytes(32)
        self._pseudonyms: dict[str, str] = {}
        self._issued: set[str] = set()
        self._results: set[bytes] = set()

    def redact(self, messages: Sequence[SipMessage]) -> tuple[SipMessage, ...]:
        """Mask messages. Each keeps its observation, its index and its number of lines.

        What was masked by this object before is left as it is.
        """
        return tuple(self.redact_message(message) for message in messages)

    def redact_message(self, message: SipMessage) -> SipMessage:
        """Mask one message."""
        if hashlib.sha256(message.raw).digest() in self._results:
            return message
        raw = self._redact_raw(message)
        self._results.add(hashlib.sha256(raw).digest())
        return SipMessage(raw, message.observation, message.fidelity, message.index)

    # -- the parts of a message ---------------------------------------------------------------------------------

    def _redact_raw(self, message: SipMessage) -> bytes:
        # Latin-1 maps bytes to characters and back without loss, so lengths are lengths in bytes.
        raw = message.raw
        first_end = message.headers[0].start if message.headers else message.body_start
        body = raw[message.body_start :]
        new_body = self._redact_body(message, body.decode("latin-1")).encode("latin-1")
        pieces = [self._redact_uris(raw[:first_end].decode("latin-1"))]
        position = first_end
        for header in message.headers:
            pieces.append(raw[position : header.value_start].decode("latin-1"))
            value = raw[header.value_start : header.end].decode("latin-1")
            if header.name == "":
                value = raw[header.start : header.end].decode("latin-1")
                pieces[-1] = raw[position : header.start].decode("latin-1")
            pieces.append(self._redact_value(header.name, value, len(new_body) - len(body)))
            position = header.end
        pieces.append(raw[position : message.body_start].decode("latin-1"))
        return "".join(pieces).encode("latin-1") + new_body

    def _redact_value(self, name: str, value: str, growth: int) -> str:
        if name == "content-length":
            digits = value.strip()
            if not growth or not (digits.isascii() and digits.isdigit()):
                return value
            return value.replace(digits, str(max(int(digits[:10]) + growth, 0)), 1)
        if name in _CREDENTIALS or name in _CHALLENGES:
            return self._redact_uris(self._redact_credentials(value, whole=name in _CREDENTIALS))
        if name in _TEXT_FOR_PEOPLE or name == "":
            return _by_line(value, self._blank)
        if name == "identity" or _SECRET_NAME.search(name):
            return _by_line(value, self._secret)
        value = self._redact_uris(value)
        if name in _NAME_ADDRESSES:
            value = self._redact_names(value)
        if name in _PROTOCOL:
            return value
        value = _LONG_NUMBER.sub(self._bare_number, value)
        if name.startswith(("x-", "p-")):
            return _WORD.sub(self._known_name, value)
        return value

    def _redact_credentials(self, value: str, *, whole: bool) -> str:
        scheme, _, rest = value.strip().partition(" ")
        if whole and scheme.lower() != "digest" and "=" not in scheme:
            start = value.find(rest) if rest else len(value)
            return value[:start] + _by_line(value[start:], self._secret)
        return _DIGEST_PARAMETER.sub(self._digest_parameter, value)

    def _digest_parameter(self, match: re.Match[str]) -> str:
        quoted = match["quoted"] is not None
        written = match["quoted"] if quoted else match["token"]
        if match["name"].lower() == "username":
            user, at, domain = written.partition("@")
            masked = (self.pseudonym(user) if user else "") + at + domain
        else:
            masked = self._secret(written)
        mark = '"' if quoted else ""
        closing = '"' if quoted and match.end("quoted") < match.end() else ""
        return f"{match['name']}{match['equals']}{mark}{masked}{closing}"

    def _redact_uris(self, text: str) -> str:
        return _TEL.sub(self._tel, _TOKEN.sub(self._uri, text))

    def _uri(self, match: re.Match[str]) -> str:
        """Mask the user part and the password, where a token is the part of a URI before its host."""
        token = match[0]
        scheme = _SCHEME.search(token) if token.endswith("@") else None
        if scheme is None:
            return token
        user, colon, password = token[scheme.end() : -1].partition(":")
        number, semicolon, parameters = user.partition(";")
        masked = self.pseudonym(number) if number else ""
        return f"{token[: scheme.end()]}{masked}{semicolon}{parameters}{colon}{self._secret(password)}@"

    def _tel(self, match: re.Match[str]) -> str:
        return f"{match['scheme']}:{self.pseudonym(match['number'])}"

    def _bare_number(self, match: re.Match[str]) -> str:
        return match[0] if match[0] in self._issued else self.pseudonym(match[0])

    def _known_name(self, match: re.Match[str]) -> str:
        return match[0] if match[0] in self._issued else self._pseudonyms.get(match[0], match[0])

    def _redact_names(self, value: str) -> str:
        value = _QUOTED.sub(self._quoted_name, value)
        return _PLAIN_NAME.sub(lambda match: match["lead"] + self.pseudonym(match["name"]), value)

    def _quoted_name(self, match: re.Match[str]) -> str:
        """Mask a quoted string that stands before an address, also where its closing quote is missing."""
        name = match["name"]
        if match["end"] is None:
            name = name.partition("<")[0].rstrip(" \t")
        elif match["address"] is None:
            return match[0]
        rest = match[0][1 + len(name) :]
        return f'"{self.pseudonym(name) if name else ""}{rest}'

    def _redact_body(self, message: SipMessage, body: str) -> str:
        if message.method.upper() == "MESSAGE" or message.content_type in ("text/plain", "message/cpim"):
            return _by_line(body, self._blank)
        body = _SDES.sub(lambda match: match["lead"] + self._secret(match["key"]), body)
        body = _ICE_PASSWORD.sub(lambda match: match["lead"] + self._secret(match["key"]), body)
        body = _SDP_KEY.sub(lambda match: match["lead"] + self._secret(match["key"].strip()), body)
        body = _DISPLAY_ATTRIBUTE.sub(lambda match: match["lead"] + self.pseudonym(match["name"]), body)
        body = self._redact_uris(body)
        body = _SDP_ORIGIN.sub(lambda match: match["lead"] + self.pseudonym(match["name"]), body)
        return _SDP_CONTACT.sub(lambda match: match["lead"] + self._blank(match["name"]), body)

    # -- masks --------------------------------------------------------------------------------------------------

    def pseudonym(self, identity: str) -> str:
        """The pseudonym of a user part, a name or a number: never that of another identity.

        A number stays a number of the same length with the same separators and, after a plus sign, the same
        country code; emergency numbers stay as they are. Other names become at least eight letters and digits.
        """
        known = self._pseudonyms.get(identity)
        if known is not None:
            return known
        mask: Callable[[str, int], str] = self._name
        if _NUMBER.match(identity):
            if identity in _EMERGENCY:
                return identity
            mask = self._number
        pseudonym = identity
        # A short number can meet one that is taken, or itself; after a while of that, a name has to do.
        for attempt in range(200):
            pseudonym = (mask if attempt < 100 else self._name)(identity, attempt)
            if pseudonym not in self._issued and pseudonym != identity:
                break
        self._issued.add(pseudonym)
        self._pseudonyms[identity] = pseudonym
        return pseudonym

    def _number(self, number: str, attempt: int) -> str:
        noise = iter(self._noise(f"number {attempt} {number}", len(number)))
        kept = _country_code_end(number)
        digits = (
            char if index < kept or not char.isdigit() else str(next(noise) % 10) for index, char in enumerate(number)
        )
        return "".join(digits)

    def _name(self, name: str, attempt: int) -> str:
        alphabet = string.ascii_lowercase + string.digits
        noise = self._noise(f"name {attempt} {name}", max(len(name), _SHORTEST_NAME) - 1)
        return "u" + "".join(alphabet[byte % len(alphabet)] for byte in noise)

    def _secret(self, secret: str) -> str:
        """Noise of the same length, the same for the same secret; hexadecimal digits stay such digits."""
        alphabet = "0123456789abcdef" if _HEX.match(secret) else _ALPHANUMERIC
        noise = self._noise(f"secret {secret}", len(secret))
        return "".join(alphabet[byte % len(alphabet)] for byte in noise)

    def _blank(self, text: str) -> str:
        return "".join(char if char in " \t" else "x" for char in text)

    def _noise(self, value: str, size: int) -> bytes:
        seed = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return hashlib.shake_256(seed).digest(size)


def _by_line(text: str, mask: Callable[[str], str]) -> str:
    """Mask the words of a text, keeping its white space and so its lines."""
    return re.sub(r"[^\s]+", lambda match: mask(match[0]), text)


def _country_code_end(number: str) -> int:
    """The index behind the country code of an international number; 0 for any other number."""
    if not number.startswith("+"):
        return 0
    if number[1:2] in _ONE_DIGIT_COUNTRIES:
        return 2
    return 4 if _THREE_DIGIT_COUNTRIES.match(number, 1) else 3
