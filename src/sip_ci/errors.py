"""The exceptions that reach the edge of the client.

    SipCiError              exit code 2
    ├── UsageError          wrong options or arguments
    ├── ConfigError         a config file that cannot be used
    ├── InputError          an input that cannot be read at all
    ├── ServiceError        the analysis server refused, failed or could not be reached
    └── NoInputError        exit code 3: nothing was found to analyse

Inside the house, bad content is a value (a defect, a notice), never an exception.
"""

from __future__ import annotations


class SipCiError(Exception):
    """Any failure that is told to the user in one line; the base of all others."""

    exit_code = 2


class UsageError(SipCiError):
    """Raised when options or arguments do not fit together."""


class ConfigError(SipCiError):
    """Raised when a configuration value is missing, unknown or out of range."""


class InputError(SipCiError):
    """Raised when an input cannot be opened or is of no known form."""


class ServiceError(SipCiError):
    """Raised when the analysis server refuses, fails or cannot be reached."""


class NoInputError(SipCiError):
    """Raised when no input was found."""

    exit_code = 3
