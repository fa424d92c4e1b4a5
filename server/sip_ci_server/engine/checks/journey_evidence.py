"""Who changed it: the words and the proof for what an element between two hops did to a message."""

from __future__ import annotations

from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Proof, at, at_header, at_sdp
from sip_ci_server.engine.journeys import SDP_PARTS, Alteration, Change
from sip_ci_server.engine.model import Model

_LETTERS = {"sdp:connection": "c", "sdp:origin": "o"}


def changed_before(message: SipMessage, name: str, what: str, model: Model) -> tuple[tuple[Proof, ...], str]:
    """What elements did to a part of a message before it got here: their proof and sentences; nothing where none did.

    `what` names the part for people: `the Contact`, `the offer's codecs`.
    """
    alterations = model.journey(message, name).up_to(message).alterations
    proofs: list[Proof] = []
    sentences: list[str] = []
    for alteration in alterations:
        sentences.append(f" {_sentence(alteration, what)}")
        proofs.append(_proof(alteration, name, what, model))
    return tuple(proofs), "".join(sentences)


def _sentence(alteration: Alteration, what: str) -> str:
    if alteration.kind is Change.ADDED:
        return f"{alteration.node} added {what}: {', '.join(alteration.gained)}."
    if alteration.kind is Change.REMOVED:
        return f"{alteration.node} removed {what}: {', '.join(alteration.lost)}."
    if alteration.lost and not alteration.gained:
        return f"{alteration.node} took {', '.join(alteration.lost)} out of {what}."
    if alteration.gained and not alteration.lost:
        return f"{alteration.node} put {', '.join(alteration.gained)} into {what}."
    return (
        f"{alteration.node} changed {what} from {', '.join(alteration.before.values)} to"
        f" {', '.join(alteration.after.values)}."
    )


def _proof(alteration: Alteration, name: str, what: str, model: Model) -> Proof:
    # What was taken out is shown where it still stood.
    message = alteration.before.message if alteration.lost else alteration.after.message
    why = f"{what}, which {alteration.node} then changed" if alteration.lost else f"{what} behind {alteration.node}"
    if name not in SDP_PARTS:
        return at_header(message, name, why)
    description = model.descriptions.of(message)
    letter = _LETTERS.get(name, "m")
    line = next((line for line in description.lines if line.type == letter), None) if description else None
    return at_sdp(message, line, why) if line is not None else at(message, why)
