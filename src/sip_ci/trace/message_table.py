"""The messages of a large capture: columns, from which a message object is made when one is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Fidelity, Observation, Position, Transport

_TRANSPORTS = tuple(Transport)
_FIDELITIES = tuple(Fidelity)
_NUMBER_OF = {transport: number for number, transport in enumerate(_TRANSPORTS)}
_GRADE_OF = {fidelity: number for number, fidelity in enumerate(_FIDELITIES)}

_Integers = npt.NDArray[np.integer]


def _manner(transport: Transport, fidelity: Fidelity) -> int:
    return _NUMBER_OF[transport] * len(_FIDELITIES) + _GRADE_OF[fidelity]


class MessageTable(Sequence[SipMessage]):
    """A sequence of messages, of which those exist as objects that somebody looked at.

    A load test leaves a hundred thousand messages, most of which nobody needs one by one.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = endpoints
        """What `sources` and `destinations` index; may grow while messages are added."""
        self.raws: list[bytes] = []
        """The bytes of each message."""
        self.times_ns = array("q")
        """Nanoseconds since the UNIX epoch."""
        self.sources = array("i")
        self.destinations = array("i")
        self.manners = array("h")
        """Transport and fidelity of each message as one number: equal numbers mean equal values of both."""
        self._frames = array("q")
        self._ip_ids = array("i")
        self._fragments = array("i")
        self._made: dict[int, SipMessage] = {}

    def add(
        self, raw: bytes, time_ns: int, source: int, destination: int, frame: int, ip_id: int = -1,
        fragments: int = 1, transport: Transport = Transport.UDP, fidelity: Fidelity = Fidelity.EXACT,
    ) -> None:  # fmt: skip
        """Append a message; an `ip_id` of -1 means that there is none."""
        self.raws.append(raw)
        self.times_ns.append(time_ns)
        self.sources.append(source)
        self.destinations.append(destination)
        self.manners.append(_manner(transport, fidelity))
        self._frames.append(frame)
        self._ip_ids.append(ip_id)
        self._fragments.append(fragments)

    def extend(
        self, raws: Sequence[bytes], times_ns: _Integers, sources: _Integers, destinations: _Integers,
        frames: _Integers, ip_ids: _Integers,
    ) -> None:  # fmt: skip
        """Append whole messages that came in one UDP datagram each; columns of as many elements."""
        self.raws += raws
        self.times_ns.frombytes(times_ns.astype(np.int64).tobytes())
        self.sources.frombytes(sources.astype(np.intc).tobytes())
        self.destinations.frombytes(destinations.astype(np.intc).tobytes())
        self._frames.frombytes(frames.astype(np.int64).tobytes())
        self._ip_ids.frombytes(ip_ids.astype(np.intc).tobytes())
        count = len(raws)
        self._fragments.extend([1] * count)
        self.manners.extend([_manner(Transport.UDP, Fidelity.EXACT)] * count)

    def sort(self) -> None:
        """Bring the messages into the order of their times; those of one time into that of the capture."""
        if len(self.raws) < 2:
            return
        order = np.lexsort((np.asarray(self._frames), np.asarray(self.times_ns)))
        if bool((order[1:] > order[:-1]).all()):
            return
        self.raws = [self.raws[place] for place in order.tolist()]
        for name in ("times_ns", "sources", "destinations", "manners", "_frames", "_ip_ids", "_fragments"):
            column: array[int] = getattr(self, name)
            setattr(self, name, array(column.typecode, np.asarray(column)[order].tobytes()))
        self._made.clear()

    def __len__(self) -> int:
        return len(self.raws)

    @overload
    def __getitem__(self, place: int) -> SipMessage: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[SipMessage, ...]: ...
    def __getitem__(self, place: int | slice) -> SipMessage | tuple[SipMessage, ...]:
        if isinstance(place, slice):
            return tuple(self[index] for index in range(*place.indices(len(self.raws))))
        if place < 0:
            place += len(self.raws)
        message = self._made.get(place)
        if message is None:
            message = self._made[place] = self._make(place)
        return message

    def __iter__(self) -> Iterator[SipMessage]:
        return (self[place] for place in range(len(self.raws)))

    def __repr__(self) -> str:
        return f"<MessageTable of {len(self.raws)} messages>"

    def _make(self, place: int) -> SipMessage:
        transport, grade = divmod(self.manners[place], len(_FIDELITIES))
        ip_id = self._ip_ids[place]
        observation = Observation(
            self.times_ns[place] / 1e9, self.endpoints[self.sources[place]], self.endpoints[self.destinations[place]],
            _TRANSPORTS[transport], Position(frame=self._frames[place]), ip_id=ip_id if ip_id >= 0 else None,
            fragments=self._fragments[place],
        )  # fmt: skip
        return SipMessage(self.raws[place], observation, _FIDELITIES[grade], place)
