"""The calls of the matrix that are about media, phones and encryption."""

from __future__ import annotations

from tests.e2e.faults import codecs, dtmf, media_path, media_quality, media_relay, phones, secure_media, tls
from tests.e2e.live.case import Case

CASES: tuple[Case, ...] = (
    *media_path.CASES,
    *media_quality.CASES,
    *codecs.CASES,
    *dtmf.CASES,
    *media_relay.CASES,
    *phones.CASES,
    *secure_media.CASES,
    *tls.CASES,
)
