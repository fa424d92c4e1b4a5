"""SIPp scenarios in a few lines: each step is a message that is sent or awaited, in the order of the call.

    CALLER = Scenario("caller", send(invite()), expect(180, optional=True), expect(200, routes=True), send(ack()), ...)

A message is made of its usual header lines. The lines given besides change it: `Name: value` replaces the header of
that name or is added, `Name` alone removes it, and `+Name: value` is added whatever is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

_CALLER_TAG = "tag=[call_number]c[pid]"
_CALLEE_TAG = "tag=[call_number]s[pid]"
_VIA = "SIP/2.0/[transport] [via];branch=[branch][via_parameters]"
_VARIABLE = re.compile(r'assign_to="(\w+)"')
_PHRASES = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK",
    202: "Accepted", 301: "Moved Permanently", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 407: "Proxy Authentication Required",
    408: "Request Timeout", 415: "Unsupported Media Type", 420: "Bad Extension",
    422: "Session Interval Too Small", 423: "Interval Too Brief",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
    500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline",
}  # fmt: skip


@dataclass(frozen=True, slots=True, init=False)
class Scenario:
    """What one side of a call does."""

    name: str
    steps: tuple[str, ...]

    def __init__(self, name: str, *steps: str) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "steps", steps)

    @property
    def xml(self) -> str:
        """The scenario as SIPp reads it."""
        steps = "\n".join(self.steps)
        # SIPp refuses a scenario that assigns a variable and never uses it.
        variables = ",".join(dict.fromkeys(_VARIABLE.findall(steps)))
        reference = f'\n<Reference variables="{variables}" />' if variables else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="{self.name}">\n{steps}{reference}\n</scenario>\n'
        )


def send(message: str, *, again: bool = True, lost: int = 0) -> str:
    """Sends a message; `again` repeats it until the next awaited one comes; `lost` is the share never sent, in %."""
    attributes = ' retrans="500"' if again else ""
    attributes += f' lost="{lost}"' if lost else ""
    return f"<send{attributes}><![CDATA[\n\n{message}\n]]></send>"


def expect(
    what: int | str,
    *,
    optional: bool = False,
    routes: bool = False,
    auth: bool = False,
    seconds: float | None = None,
    keep: dict[str, tuple[str, str]] | None = None,
) -> str:
    """Waits for a response or a request; `keep` names values of its headers: name → (header, regular expression);
    without a header the whole message is searched.

    `routes` takes the remote target and the route set from it, `auth` its challenge. After `seconds` SIPp goes on.
    """
    attributes = f' response="{what}"' if isinstance(what, int) else f' request="{what}"'
    attributes += ' optional="true"' if optional else ""
    attributes += ' rrs="true"' if routes else ""
    attributes += ' auth="true"' if auth else ""
    attributes += f' timeout="{int(seconds * 1000)}"' if seconds is not None else ""
    kept = "".join(
        f"<ereg regexp={quoteattr(pattern)} {_where(header)} assign_to={quoteattr(name)} />"
        for name, (header, pattern) in (keep or {}).items()
    )
    return f"<recv{attributes}><action>{kept}</action></recv>" if kept else f"<recv{attributes} />"


def _where(header: str) -> str:
    return f'search_in="hdr" header="{header}:"' if header else 'search_in="msg"'


def pause(seconds: float | None = None) -> str:
    """Waits; without a number as long as the call's `talk` says."""
    return "<pause />" if seconds is None else f'<pause milliseconds="{int(seconds * 1000)}" />'


def sdp(side: str = "offer", version: int = 1, *lines: str, media: str = "") -> str:
    """The description of the caller (`offer`) or of the callee (`answer`), with more lines at its end."""
    owner, number = ("caller", 1) if side == "offer" else ("callee", 2)
    address = f"IN IP[local_ip_type] [{side}_address]"
    medium = media or f"m=audio [media_port] RTP/AVP [{side}]"
    return "\n".join(
        ["v=0", f"o={owner} [pid]{number} {version} {address}", "s=-", f"c={address}", "t=0 0", medium, *lines, ""]
    )


def written(start: str, headers: list[str], lines: tuple[str, ...], body: str) -> str:
    """A message with its headers changed by `lines`, as the module says."""
    headers = list(headers)
    if body:
        headers += ["Content-Type: application/sdp", "Content-Length: [len]"]
    else:
        headers.append("Content-Length: 0")
    for line in lines:
        if line.startswith("+"):
            headers.insert(-1, line[1:])
            continue
        found = [place for place, header in enumerate(headers) if _name(header) == _name(line)]
        if ":" not in line:
            headers = [header for place, header in enumerate(headers) if place not in found]
        elif found:
            headers[found[0]] = line
        else:
            headers.insert(-1, line)
    return "\n".join([start, *headers, "", body])


def _name(line: str) -> str:
    """The name of a header line, or of the header that a keyword such as `[last_Via:]` repeats."""
    return line.lstrip("[").removeprefix("last_").partition(":")[0]


def invite(*lines: str, body: str | None = None, number: int = 1, uri: str = "sip:[callee]@[domain]") -> str:
    """The caller's INVITE outside a dialog, with an offer unless `body` is empty."""
    return outside("INVITE", *lines, number=number, uri=uri, body=sdp() if body is None else body)


def outside(method: str, *lines: str, number: int = 1, uri: str = "sip:[callee]@[domain]", body: str = "") -> str:
    """A request of the caller outside a dialog."""
    headers = [
        f"Via: {_VIA}",
        f"From: <sip:[caller]@[domain]>;{_CALLER_TAG}",
        "To: <sip:[callee]@[domain]>",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:[caller]@[contact];transport=[transport]>",
        "Max-Forwards: [max_forwards]",
        "User-Agent: SIPp",
    ]
    return written(f"{method} {uri} SIP/2.0", headers, lines, body)


def inside(method: str, number: int, *lines: str, uri: str = "[next_url]", body: str = "") -> str:
    """A request of the caller inside the dialog."""
    to = "To: <sip:[callee]@[domain]>[peer_tag_param]"
    return outside(method, "+[routes]", to, *lines, number=number, uri=uri, body=body)


def ack(number: int = 1, *lines: str, uri: str = "[next_url]", body: str = "") -> str:
    """The caller's ACK of a 2xx."""
    return inside("ACK", number, *lines, uri=uri, body=body)


def ack_refusal(number: int = 1, *lines: str) -> str:
    """The caller's ACK of a refusal: part of the INVITE's transaction."""
    return outside("ACK", "[last_Via:]", "[last_To:]", *lines, number=number)


def register(number: int = 1, *lines: str) -> str:
    """A REGISTER for the caller."""
    return outside("REGISTER", "To: <sip:[caller]@[domain]>", "Expires: 300", *lines, number=number, uri="sip:[domain]")


def response(code: int, *lines: str, body: str = "", contact: bool = True) -> str:
    """The callee's response to the last request, with the callee's tag: for requests that begin a dialog."""
    headers = [
        "[last_Via:]",
        "[last_Record-Route:]",
        "[last_From:]",
        f"[last_To:];{_CALLEE_TAG}",
        "[last_Call-ID:]",
        "[last_CSeq:]",
    ]
    if contact:
        headers.append("Contact: <sip:[callee]@[contact];transport=[transport]>")
    return written(f"SIP/2.0 {code} {_PHRASES[code]}", headers, lines, body)


def reply(code: int, *lines: str, body: str = "") -> str:
    """A response to the last request, which was inside a dialog."""
    headers = ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]
    return written(f"SIP/2.0 {code} {_PHRASES[code]}", headers, lines, body)


DIALOG = {
    "via": ("Via", ".*"),
    "caller": ("From", ".*"),
    "callee": ("To", ".*"),
    "target": ("Contact", "sip:[^>]+"),
}
"""What a callee keeps of the INVITE so that it can answer late, or send requests of its own."""
LATE = ("Via: [$via]", f"To: [$callee];{_CALLEE_TAG}", "CSeq: 1 INVITE")
"""Lines by which a response of the callee is to the first INVITE although other requests came since."""


def from_callee(method: str, number: int, *lines: str, uri: str = "[$target]", body: str = "") -> str:
    """A request of the callee inside the dialog; it kept `DIALOG` of the INVITE."""
    headers = [
        f"Via: {_VIA}",
        f"From: [$callee];{_CALLEE_TAG}",
        "To: [$caller]",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:[callee]@[contact];transport=[transport]>",
        "Max-Forwards: 70",
    ]
    return written(f"{method} {uri} SIP/2.0", headers, lines, body)
