"""Readers of packet captures: containers, link layers, IP, transports, and the columnar frame index."""

from __future__ import annotations
