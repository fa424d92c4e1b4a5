"""How much of an input is read, so that a hostile or huge one costs a known amount."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of reading; each one that cuts something leaves a `Notice` of kind `LIMIT`."""

    input_bytes: int = 16 * GIB
    """Bytes of the input as stored."""
    decompressed_bytes: int = 64 * GIB
    """Bytes that a compressed input may unfold to."""
    decompression_ratio: int = 200
    """Unfolded bytes per stored byte, looked at once `decompression_grace` bytes have come out."""
    decompression_grace: int = 16 * MIB
    """Many equal small captures in one archive are no bomb, and this much can be borne of one."""
    compression_layers: int = 2
    """How many times over an input may be compressed."""
    text_bytes: int = 512 * MIB
    """Bytes of a text, which is held in memory as a whole."""
    packet_bytes: int = 256 * KIB
    """Captured bytes of one packet; a record that claims more ends the reading, as its length cannot be trusted."""
    message_bytes: int = MIB
    """Bytes of one SIP message."""
    flow_bytes: int = MIB
    """Bytes held of one direction of a TCP connection while earlier ones are missing."""
    reassembly_bytes: int = 64 * MIB
    """Bytes held in all incomplete IP datagrams together, and again in all TCP connections together."""
    tcp_flows: int = 200_000
    """Directions of TCP connections that are followed at the same time."""
    tls_connections: int = 20_000
    """TLS connections and DTLS handshakes whose facts are kept."""
    tls_bytes: int = 64 * MIB
    """Bytes of TLS that are kept to be decrypted."""
    tls_seconds: float = 120.0
    """How long tshark may take to decrypt them."""
    tcp_events: int = 200_000
    icmp_errors: int = 20_000
    host_pairs: int = 200_000
    rtcp_datagrams: int = 200_000
    rtcp_bytes: int = 64 * MIB
    stun_datagrams: int = 100_000
    stun_bytes: int = 32 * MIB
    endpoints: int = 500_000
    """Pairs of host and port that are told apart."""
    interfaces: int = 10_000
    """Interface descriptions of a pcapng file."""
