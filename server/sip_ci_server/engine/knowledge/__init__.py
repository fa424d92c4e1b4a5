"""Data that a telephony engineer can correct: check texts, response codes, codec parameters."""

from __future__ import annotations
