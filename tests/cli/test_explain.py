"""`sip-ci explain`: finds what people call it by, and says what near names there are."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from sip_ci.catalogue import load_catalogue
from sip_ci.cli.explain import explain
from sip_ci.errors import UsageError
from sip_ci.glossary import find_topics, load_glossary


def text_of(*words: str) -> str:
    result = CliRunner().invoke(explain, words, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        (["404"], "404"),
        (["q850-38"], "q850-38"),
        (["Q.850", "38"], "q850-38"),
        (["cause", "17"], "q850-17"),
        (["one-way-audio"], "one-way-audio"),
        (["ONE", "WAY", "AUDIO"], "one-way-audio"),
        (["unknown_ca"], "tls-48"),
        (["mos"], "mos"),
        (["packet", "loss"], "loss"),
        (["16"], "q850-16"),
        (["G.722"], "g722"),
        (["opus"], "opus"),
        (["session", "timer"], "session-timer"),
        (["rfc2833"], "dtmf"),
        (["ptime"], "ptime"),
        (["no", "audio", "after", "a", "transfer"], "no-audio"),
    ],
)
def test_a_topic_is_found_by_its_names(words: list[str], topic: str) -> None:
    known = load_glossary()[topic]
    assert known in find_topics(" ".join(words))
    assert known.title in text_of(*words)


def test_a_check_is_explained() -> None:
    assert load_catalogue()["ack-missing-2xx"].title in text_of("ack-missing-2xx")


def test_a_code_that_one_check_is_about_is_explained_by_it() -> None:
    assert "sdp-488" in text_of("488")


def test_a_code_in_a_sentence_is_explained_too() -> None:
    assert "sdp-488" in text_of("calls", "fail", "with", "488")


def test_without_a_word_the_topics_are_listed() -> None:
    listed = text_of()
    assert all(name in listed for name in ("one-way-audio", "q850-38", "tls-48", "mos"))


@pytest.mark.parametrize("code", [100, 180, 183, 200, 302, 401, 407, 415, 422, 488, 491, 503, 606])
def test_every_usual_response_is_explained(code: int) -> None:
    topic = load_glossary()[str(code)]
    assert topic.meaning
    assert topic.change
    assert topic.source


def test_every_symptom_has_a_meaning_and_a_change() -> None:
    for topic in load_glossary().values():
        if topic.kind == "symptom":
            assert topic.meaning, topic.name
            assert topic.change, topic.name


def test_what_is_not_known_gets_near_names() -> None:
    with pytest.raises(UsageError, match="one-way-audio"):
        text_of("one-way-audoi")


def test_the_checks_of_topics_exist() -> None:
    catalogue = load_catalogue()
    for topic in load_glossary().values():
        assert set(topic.checks) <= set(catalogue), topic.name
        assert topic.meaning
