"""The catalogue of checks: read as it is written, and no trouble where a server knows more than it holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import sample_report as sample

from sip_ci import catalogue
from sip_ci.catalogue import (
    PROJECT_URI,
    UNNAMED_CHECK,
    CheckInfo,
    describe,
    load_catalogue,
    parse_catalogue,
    write_catalogue,
)
from sip_ci.findings import Category, Severity


def test_a_catalogue_is_read_as_it_was_written() -> None:
    assert parse_catalogue(write_catalogue(sample.CHECKS.values())) == sample.CHECKS


def test_the_same_checks_give_the_same_file_in_any_order() -> None:
    assert write_catalogue(reversed(sample.CHECKS.values())) == write_catalogue(sample.CHECKS.values())


def test_what_ships_can_be_loaded() -> None:
    for check, info in load_catalogue().items():
        assert info.id == check
        assert info.title


def test_a_client_without_the_file_knows_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_CATALOGUE_FILE", "no-such-file.json")
    load_catalogue.cache_clear()
    assert load_catalogue() == {}
    load_catalogue.cache_clear()


def test_a_check_that_the_catalogue_does_not_hold_gets_a_card_of_its_own() -> None:
    newer = replace(sample.ACK, check="dns-failure", title="From a `trace`", severity=Severity.LOW)
    card = describe(sample.CHECKS, newer)
    assert (card.id, card.severity) == ("dns-failure", Severity.LOW)
    assert describe(sample.CHECKS, sample.ACK) is sample.CHECKS["ack-missing-2xx"]


@pytest.mark.parametrize("check", ["", "a`b", "x y", "../x", "a" * 200, "](http://evil.example)", "\n"])
def test_a_card_holds_no_words_of_strangers(check: str) -> None:
    words = "[evil](http://evil.example)"
    finding = replace(sample.ACK, check=check, title=words, detail=words, recommendation=words, rfc=words)
    card = describe({}, finding)
    assert card.id == UNNAMED_CHECK
    assert "evil" not in repr(card)


def test_only_weaknesses_in_their_categories_are_security_checks() -> None:
    for category in Category:
        info = CheckInfo("a", "A", Severity.HIGH, category, security=True)
        assert info.is_security == (category in (Category.SECURITY, Category.ENCRYPTION, Category.AUTHENTICATION))
        assert not replace(info, security=False).is_security


def test_the_address_of_a_check_is_its_page_in_the_repository() -> None:
    pages = Path(__file__).parents[1] / "docs" / "checks"
    for info in load_catalogue().values():
        address, _, name = info.address.rpartition("/docs/checks/")
        assert address == f"{PROJECT_URI}/blob/main"
        assert (pages / name).is_file()


@pytest.mark.parametrize(("slug", "name"), [("ack-missing-2xx", "AckMissing2xx"), ("txn-no-response", "TxnNoResponse")])
def test_names_are_in_pascal_case(slug: str, name: str) -> None:
    assert CheckInfo(slug, "", Severity.LOW, Category.MEDIA).name == name
