"""Finds inputs: paths, globs and folders become named inputs."""

from __future__ import annotations
