"""Everything that checks read, built once for each trace, each part from those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Fidelity
from sip_ci.trace.trace import IcmpError, Trace
from sip_ci.trace.uri import Uri
from sip_ci_server.engine.attempts import Attempt, SentCredentials, build_attempts
from sip_ci_server.engine.call_lookups import CallLookups
from sip_ci_server.engine.capture_loss import streams_lost_by_capture
from sip_ci_server.engine.dialogs import Dialogs, Leg, build_dialogs
from sip_ci_server.engine.duplicates import fold_media_of, fold_messages
from sip_ci_server.engine.journeys import Journey, Journeys
from sip_ci_server.engine.media_sessions import MediaSession, build_media_sessions
from sip_ci_server.engine.nodes import Nodes
from sip_ci_server.engine.observability import Observability
from sip_ci_server.engine.offer_answer import Round, SessionDescriptions, rounds_of
from sip_ci_server.engine.provisionals import ReliableProvisional, rack_of, reliable_provisionals
from sip_ci_server.engine.registrations import Registration, build_registrations
from sip_ci_server.engine.repetition import Repetitions, fold_repetitions, twins_beside_media
from sip_ci_server.engine.sessions import REORDERED, Sessions, build_sessions
from sip_ci_server.engine.streams import Stream, behaves_like_rtp, build_streams
from sip_ci_server.engine.transactions import Transaction, Transactions, build_transactions


@dataclass(slots=True, eq=False, weakref_slot=True)
class Model:
    """A trace as SIP and RTP entities."""

    trace: Trace
    messages: list[SipMessage]
    """Without copies; `message.index` still counts in the trace."""
    copies: int
    """How many message and media copies were folded."""
    nodes: Nodes
    seen: Observability
    transactions: Transactions
    dialogs: Dialogs
    attempts: list[Attempt]
    registrations: list[Registration]
    descriptions: SessionDescriptions
    rounds: dict[int, list[Round]]
    """The offer/answer rounds of each leg, by the leg's number."""
    streams: list[Stream]
    """Every stream that an SDP announces or that behaves like RTP."""
    sessions: list[MediaSession]
    repetitions: Repetitions
    """The calls of the trace that are not in the model, because others stand for them."""
    twins: Repetitions
    """The calls that are in the model for their media, and whose signalling is judged in others."""
    joined: Sessions
    """The calls that B2BUAs and transfers made of one another."""
    judged: dict[tuple[type, bool, Callable[[Any], bool] | None], list[Any]] = field(default_factory=dict)
    """The subjects of checks by their type, whether those with a twin are taken away, and what chooses among them."""
    _answering: set[Endpoint | None] | None = None
    _by_user: dict[str, list[Attempt]] | None = None
    _credentials: SentCredentials | None = None
    _suspects: set[int] | None = None
    _by_status: dict[int, list[Transaction]] | None = None
    _acks: dict[str, list[SipMessage]] | None = None
    _by_address: dict[str, list[Registration]] | None = None
    _by_call: dict[str, list[Transaction]] | None = None
    _by_leg: dict[int, MediaSession] | None = None
    _owners: dict[int, list[MediaSession]] | None = None
    _media_hosts: set[str] | None = None
    _unclaimed: list[Stream] | None = None
    _journeys: Journeys | None = None
    _lookups: CallLookups | None = None
    _pracks: dict[tuple[str, int | None], list[Transaction]] | None = None
    _by_branch: dict[str, list[Transaction]] | None = None
    _reliable: dict[int, list[ReliableProvisional]] | None = None
    _reliable_by_rseq: dict[tuple[int, str, int], ReliableProvisional] = field(default_factory=dict)
    _by_place: dict[tuple[str, str], list[Transaction]] | None = None
    _round_trips: dict[tuple[str, str], float] | None = None
    _icmp_errors: dict[tuple[Endpoint, Endpoint], list[IcmpError]] | None = None

    @property
    def journeys(self) -> Journeys:
        """Follows messages over their hops."""
        if self._journeys is None:
            self._journeys = Journeys(self.messages, self.nodes, self.joined, self.descriptions)
        return self._journeys

    @property
    def lookups(self) -> CallLookups:
        """Answers questions about all requests of a Call-ID."""
        if self._lookups is None:
            self._lookups = CallLookups(self.transactions, self.dialogs.calls, self.nodes)
        return self._lookups

    def journey(self, message: SipMessage, name: str) -> Journey:
        """What a header (its canonical name in lower case) or a part of the session description (`sdp:codecs`,
        `sdp:connection`, `sdp:origin`, `sdp:media`) held on each hop of a message, and who changed it.
        """
        return self.journeys.of(message, name)

    @property
    def legs(self) -> list[Leg]:
        """All legs in the order of their INVITEs."""
        return self.dialogs.legs

    @property
    def calls_total(self) -> int:
        """The number of calls in the trace."""
        return len(self.dialogs.calls) + self.repetitions.calls

    @property
    def messages_total(self) -> int:
        """The number of messages in the trace, copies included."""
        return len(self.trace.messages) + self.repetitions.messages

    @property
    def all_rounds(self) -> list[Round]:
        """All offer/answer rounds, leg by leg."""
        return [item for leg in self.legs for item in self.rounds[leg.number]]

    def acks_of(self, call_id: str) -> list[SipMessage]:
        """The ACKs of 2xx responses in a call."""
        if self._acks is None:
            self._acks = {}
            for ack in self.transactions.acks_of_2xx:
                self._acks.setdefault(ack.call_id, []).append(ack)
        return self._acks.get(call_id, [])

    def transactions_of(self, call_id: str) -> list[Transaction]:
        """The transactions of a Call-ID, in order."""
        if self._by_call is None:
            self._by_call = {}
            for transaction in self.transactions:
                self._by_call.setdefault(transaction.call_id, []).append(transaction)
        return self._by_call.get(call_id, [])

    def reliable_provisionals(self, invite: Transaction) -> list[ReliableProvisional]:
        """The reliable provisional responses of an INVITE with their PRACKs, wherever those were seen."""
        if self._reliable is None:
            self._reliable = {}
        found = self._reliable.get(invite.number)
        if found is None:
            found = self._reliable[invite.number] = reliable_provisionals(invite, self._pracks_of(invite))
            self._reliable_by_rseq.update({(invite.number, item.tag, item.rseq): item for item in found})
        return found

    def reliable_provisional(self, invite: Transaction, tag: str, rseq: int) -> ReliableProvisional | None:
        """The reliable provisional response of an INVITE with this To tag and response number."""
        self.reliable_provisionals(invite)
        return self._reliable_by_rseq.get((invite.number, tag, rseq))

    def acknowledged_rseqs(self, invite: Transaction) -> set[tuple[str, int | None]]:
        """The To tag and response number of every PRACK that names the CSeq number of an INVITE."""
        return {(item.request.to.tag, rack_of(item.request).rseq) for item in self._pracks_of(invite)}

    def _pracks_of(self, invite: Transaction) -> list[Transaction]:
        """The PRACKs that name the CSeq number of an INVITE."""
        if self._pracks is None:
            self._pracks = {}
            for transaction in self.transactions:
                if transaction.method == "PRACK":
                    key = (transaction.call_id, rack_of(transaction.request).cseq)
                    self._pracks.setdefault(key, []).append(transaction)
        return self._pracks.get((invite.call_id, invite.request.cseq.number), [])

    def with_branch(self, branch: str) -> list[Transaction]:
        """The transactions whose top Via has this branch, in order."""
        if self._by_branch is None:
            self._by_branch = {}
            for transaction in self.transactions:
                self._by_branch.setdefault(transaction.request.top_via.branch, []).append(transaction)
        return self._by_branch.get(branch, [])

    def requests_to(self, targets: Iterable[Uri]) -> list[Transaction]:
        """The INVITEs whose Request-URI has the user and host of one of these URIs, in order."""
        if self._by_place is None:
            self._by_place = {}
            for transaction in self.transactions:
                if transaction.method == "INVITE":
                    uri = transaction.request.request_uri
                    self._by_place.setdefault((uri.user, uri.host), []).append(transaction)
        places = dict.fromkeys((target.user, target.host) for target in targets)
        found = [item for place in places for item in self._by_place.get(place, ())]
        return sorted(found, key=lambda item: item.number)

    def round_trip(self, transaction: Transaction) -> float:
        """The shortest time in seconds in which the element that a request was sent to answered any other on this path.

        0.0 where it answered no other.
        """
        if self._round_trips is None:
            self._round_trips = {}
            for other in self.transactions:
                if not other.responses or other.method == "INVITE":
                    continue
                sent, answered = other.time, other.responses[0].observation.time
                if sent is not None and answered is not None and answered >= sent:
                    path = (other.source_node, other.destination_node)
                    shortest = self._round_trips.get(path, answered - sent)
                    self._round_trips[path] = min(shortest, answered - sent)
        return self._round_trips.get((transaction.source_node, transaction.destination_node), 0.0)

    def icmp_errors_on(self, transaction: Transaction) -> list[IcmpError]:
        """The ICMP errors that quote a datagram with the addresses and ports of this request, in order."""
        if self._icmp_errors is None:
            self._icmp_errors = {}
            for error in self.trace.facts.icmp_errors:
                self._icmp_errors.setdefault((error.source, error.destination), []).append(error)
        source, destination = transaction.source, transaction.destination
        return self._icmp_errors.get((source, destination), []) if source and destination else []

    def answering(self, size: int) -> set[Endpoint | None]:
        """The endpoints that answered a request of at most `size` bytes."""
        if self._answering is None:
            self._answering = {
                item.destination for item in self.transactions if item.responses and len(item.request.raw) <= size
            }
        return self._answering

    def attempts_of(self, user: str) -> list[Attempt]:
        """The attempts whose From has this user part."""
        if self._by_user is None:
            self._by_user = {}
            for attempt in self.attempts:
                self._by_user.setdefault(attempt.first.request.from_.uri.user, []).append(attempt)
        return self._by_user.get(user, [])

    @property
    def credentials(self) -> SentCredentials:
        """The credentials of all attempts."""
        if self._credentials is None:
            self._credentials = SentCredentials(self.attempts)
        return self._credentials

    def registrations_of(self, address_of_record: str) -> list[Registration]:
        """The registrations of an address-of-record, one for each client and registrar."""
        if self._by_address is None:
            self._by_address = {}
            for registration in self.registrations:
                self._by_address.setdefault(registration.address_of_record, []).append(registration)
        return self._by_address.get(address_of_record, [])

    def capture_lost(self, stream: Stream) -> bool:
        """Whether a stream's gaps fall together with those of other paths, so that the capture lost the packets."""
        if self._suspects is None:
            self._suspects = streams_lost_by_capture(self.streams)
        return id(stream) in self._suspects

    def session_of(self, leg: Leg) -> MediaSession | None:
        """The media of a leg; None where it has neither audio nor video."""
        if self._by_leg is None:
            self._by_leg = {session.leg.number: session for session in self.sessions}
        return self._by_leg.get(leg.number)

    def owners_of(self, stream: Stream) -> list[MediaSession]:
        """The sessions that a stream belongs to: one for each leg of its call."""
        if self._owners is None:
            self._owners = {}
            for session in self.sessions:
                for owned in session.streams:
                    self._owners.setdefault(id(owned), []).append(session)
        return self._owners.get(id(stream), [])

    @property
    def unclaimed_streams(self) -> list[Stream]:
        """The streams that belong to no call."""
        if self._unclaimed is None:
            self._unclaimed = [stream for stream in self.streams if not self.owners_of(stream)]
        return self._unclaimed

    @property
    def media_hosts(self) -> set[str]:
        """The hosts that send or receive RTP."""
        if self._media_hosts is None:
            self._media_hosts = {end.host for stream in self.streams for end in (stream.source, stream.destination)}
        return self._media_hosts

    def answered_elsewhere(self, transaction: Transaction) -> bool:
        """Whether an initial INVITE that was not answered belongs to a call that was, on another leg: a branch of a
        fork, or a failover.
        """
        if transaction.method != "INVITE" or not transaction.is_initial or transaction.success is not None:
            return False
        legs = self.dialogs.calls.get(transaction.call_id, [])
        return any(leg.answer is not None and leg.invite is not transaction for leg in legs)

    def relayed_from_further_on(self, transaction: Transaction) -> bool:
        """Whether an element further on gave the failure that this transaction ended in, so that it only passed here.

        A proxy may turn a 503 of the next element into a 500 of its own (RFC 3261 §16.7 step 6).
        """
        final = transaction.final
        if final is None:
            return False
        codes = (500, 503) if final.status == 500 else (final.status,)
        if transaction.method == "INVITE" and transaction.is_initial and self._failed_further_on(transaction, codes):
            return True
        return any(self.lookups.ended_further_on(transaction, code) for code in codes)

    def _failed_further_on(self, transaction: Transaction, codes: tuple[int | None, ...]) -> bool:
        """Whether a call that a B2BUA made of this one ended in one of these codes before this one did."""
        final = transaction.final
        ended = final.observation.time if final is not None else None
        for call_id in self.joined.further_on(transaction.call_id):
            for leg in self.dialogs.calls.get(call_id, ()):
                other = leg.invite.final
                if other is None or other.status not in codes:
                    continue
                time = other.observation.time
                if time is None or ended is None or time <= ended + REORDERED:
                    return True
        return False

    def is_forwarded(self, transaction: Transaction) -> bool:
        """Whether a proxy only passed the request on: the hop before it is in the trace too."""
        return len(transaction.request.via) > 1 and self.lookups.arrived_before(transaction)

    def final_statuses(self) -> list[int]:
        """The status codes that requests of this trace ended with, in ascending order."""
        self.ended_with(0)
        return sorted(self._by_status or ())

    def ended_with(self, status: int) -> list[Transaction]:
        """The transactions whose first final response has this status code."""
        if self._by_status is None:
            self._by_status = {}
            for transaction in self.transactions:
                if transaction.final is not None and transaction.final.status is not None:
                    self._by_status.setdefault(transaction.final.status, []).append(transaction)
        return self._by_status.get(status, [])


def _has_whole_head(message: SipMessage) -> bool:
    """Whether the headers of a message are complete; what a snap length cut before them cannot be told apart."""
    return message.fidelity is not Fidelity.TRUNCATED or message.body_start < len(message.raw)


def build_model(trace: Trace) -> Model:
    """Build the model; time and memory are linear in the number of messages and media packets."""
    trace, repetitions = fold_repetitions(trace)
    messages, message_copies = fold_messages([message for message in trace.messages if _has_whole_head(message)])
    nodes = Nodes(messages)
    seen = Observability(trace, messages, nodes)
    transactions = build_transactions(messages, nodes)
    dialogs = build_dialogs(transactions, nodes)
    descriptions = SessionDescriptions()
    rounds = {leg.number: rounds_of(leg, descriptions) for leg in dialogs.legs}
    candidates, media_copies = fold_media_of(build_streams(trace.media))
    sessions, candidates = build_media_sessions(dialogs.legs, rounds, candidates, seen.ends)
    announced = {id(stream) for session in sessions for stream in session.streams}
    streams = [stream for stream in candidates if id(stream) in announced or behaves_like_rtp(stream)]
    return Model(
        trace, messages, message_copies + media_copies, nodes, seen, transactions, dialogs,
        build_attempts(transactions), build_registrations(transactions), descriptions, rounds, streams, sessions,
        repetitions, twins_beside_media(trace), build_sessions(dialogs.calls, transactions, descriptions),
    )  # fmt: skip
