"""The format parameters (a=fmtp) of the codecs in a medium (RFC 8866 §6.15)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.payload_types import Encoding
from sip_ci.trace.sdp import MediaDescription, SdpLine
from sip_ci_server.engine.knowledge.codec_table import Codec, codecs


@dataclass(frozen=True, slots=True)
class Format:
    """A payload type that a medium lists, with what its fmtp line says."""

    number: int
    encoding: Encoding
    line: SdpLine
    """The fmtp line, else the rtpmap line, else the m-line."""
    parameters: dict[str, str]
    """As written, names in lower case."""
    codec: Codec | None
    """What is known of the codec's parameters."""

    @property
    def name(self) -> str:
        """The encoding name in upper case."""
        return self.encoding.name.upper()

    def value(self, name: str) -> str:
        """A parameter as written, in lower case, or its default; empty where there is neither."""
        written = self.parameters.get(name)
        if written is not None:
            return written.strip().lower()
        entry = self.codec.parameters.get(name) if self.codec is not None else None
        return entry.default if entry is not None else ""


def formats_of(media: MediaDescription) -> list[Format]:
    """The payload types of a medium that have a meaning, in order."""
    lines: dict[str, dict[str, tuple[SdpLine, str]]] = {"fmtp": {}, "rtpmap": {}}
    for line in media.attributes:
        kind, _, rest = line.value.partition(":")
        kind = kind.strip().lower()
        if kind in lines:
            number, _, text = rest.strip().partition(" ")
            lines[kind].setdefault(number, (line, text.strip()))
    found = []
    for format_ in media.formats:
        encoding = media.encodings.get(int(format_)) if format_.isascii() and format_.isdigit() else None
        if encoding is None:
            continue
        written = lines["fmtp"].get(format_)
        mapping = lines["rtpmap"].get(format_)
        found.append(
            Format(
                int(format_),
                encoding,
                (written or mapping or (media.line, ""))[0],
                _parameters(written[1] if written else "", encoding.name),
                codecs().get(encoding.name.upper()),
            )
        )
    return found


def _parameters(text: str, name: str) -> dict[str, str]:
    if name.upper() == "TELEPHONE-EVENT":
        return {"events": text} if text and "=" not in text else {}
    found: dict[str, str] = {}
    for piece in text.split(";"):
        key, equals, value = piece.partition("=")
        if equals and key.strip():
            found.setdefault(key.strip().lower(), value.strip())
    return found
