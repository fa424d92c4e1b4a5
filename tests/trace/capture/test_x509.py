"""Certificates made here, certificates of the machine's own authorities compared with openssl, and no certificates."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.certificates import certificate, encoded

from sip_ci.trace.capture.x509 import read_certificate

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def test_what_a_certificate_says() -> None:
    found = certificate(
        hosts=["sip.example.com", "*.example.com"], uris=["sip:example.com"], addresses=["192.0.2.1", "2001:db8::1"]
    )
    assert (found.subject, found.issuer) == ("CN=sip.example.com", "CN=Example CA")
    assert found.common_names == ("sip.example.com",)
    assert found.dns_names == ("sip.example.com", "*.example.com")
    assert found.uris == ("sip:example.com",)
    assert found.addresses == ("192.0.2.1", "2001:db8::1")
    assert (found.not_before, found.not_after) == (1_690_000_000.0, 1_720_000_000.0)
    assert (found.key_type, found.key_bits, found.signature) == ("RSA", 2048, "sha256WithRSAEncryption")
    assert not found.self_signed
    assert found.has_alternative_names
    assert certificate(subject="x", issuer="x").self_signed
    assert not certificate().has_alternative_names


@pytest.mark.parametrize("time", [0.0, 2_524_607_999.0, 2_524_608_000.0, 4_102_444_800.0])
def test_times_in_both_forms(time: float) -> None:
    assert certificate(not_after=time).not_after == time


@pytest.mark.parametrize("size", range(0, 700, 7))
def test_a_part_of_a_certificate_is_none(size: int) -> None:
    whole = encoded(hosts=["sip.example.com"])
    assert read_certificate(whole[: min(size, len(whole) - 1)]) is None


@given(st.binary(max_size=300))
def test_noise_is_no_certificate(data: bytes) -> None:
    read_certificate(data)
    read_certificate(b"\x30\x82" + len(data).to_bytes(2, "big") + data)


@given(st.data())
def test_any_damage_is_survived(data: st.DataObject) -> None:
    damaged = bytearray(encoded(hosts=["sip.example.com"]))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    read_certificate(bytes(damaged))


@pytest.mark.skipif(shutil.which("openssl") is None or not AUTHORITIES.is_file(), reason="not installed: openssl")
def test_the_authorities_of_this_machine_as_openssl_reads_them() -> None:
    text = AUTHORITIES.read_text(encoding="ascii", errors="replace")
    found = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)[:40]
    assert found
    for pem in found:
        ours = read_certificate(ssl.PEM_cert_to_DER_cert(pem))
        assert ours is not None
        command = ["openssl", "x509", "-noout", "-startdate", "-enddate", "-text"]
        theirs = subprocess.run(command, input=pem, capture_output=True, text=True, check=True, timeout=10).stdout
        assert ours.not_after == ssl.cert_time_to_seconds(theirs.split("notAfter=")[1].splitlines()[0])
        assert ours.not_before == ssl.cert_time_to_seconds(theirs.split("notBefore=")[1].splitlines()[0])
        assert f"Public-Key: ({ours.key_bits} bit)" in theirs
        assert f"Signature Algorithm: {ours.signature}" in theirs
        assert ours.self_signed
