"""What `sip-ci explain` knows: the entries of the YAML files beside this module, as topics of the glossary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from sip_ci.glossary import Topic
from sip_ci_server.engine.knowledge.codec_table import codecs
from sip_ci_server.engine.knowledge.symptom_files import symptoms
from sip_ci_server.engine.knowledge.texts import PLATFORM_NAMES, load_yaml, response_codes


class Q850Cause(BaseModel):
    """An entry of `q850.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrase: str
    sip: int | None = Field(default=None, ge=300, le=699, description="The response that gateways answer for it.")
    meaning: str
    change: str


class TlsAlert(BaseModel):
    """An entry of `tls_alerts.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrase: str
    meaning: str
    change: str


class Metric(BaseModel):
    """An entry of `metrics.yml` or `terms.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    words: tuple[str, ...]
    meaning: str
    change: str
    checks: tuple[str, ...]
    source: str


class OtherResponse(BaseModel):
    """An entry of `other_responses.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phrase: str
    meaning: str
    change: str
    checks: tuple[str, ...] = ()
    source: str


class SymptomText(BaseModel):
    """An entry of `symptom_texts.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    meaning: str
    change: str


def topics(checks: Iterable[str]) -> list[Topic]:
    """Every topic. `checks` are the ids of all checks, of which those are named that concern a topic."""
    known = sorted(checks)
    return [
        *_responses(known), *_other_responses(known), *_causes(known), *_alerts(known), *_metrics(known),
        *_codecs(known), *_terms(known), *_symptoms(known),
    ]  # fmt: skip


def _responses(known: list[str]) -> Iterator[Topic]:
    for code, entry in response_codes().items():
        advice = [entry.recommendation.strip()]
        advice += [f"- {PLATFORM_NAMES[name]}: {text.strip()}" for name, text in entry.platforms.items()]
        checks = [f"final-{code}", *(name for name in known if name.endswith(f"-{code}"))]
        yield Topic(
            str(code), f"{code} {entry.phrase}", "SIP response", f"{entry.meaning.strip()} {entry.impact.strip()}",
            "\n".join(advice), (f"sip {code}", entry.phrase.lower()),
            tuple(name for name in dict.fromkeys(checks) if name in known), entry.source,
        )  # fmt: skip


def _other_responses(known: list[str]) -> Iterator[Topic]:
    entries = TypeAdapter(dict[int, OtherResponse]).validate_python(load_yaml("other_responses.yml"))
    for code, entry in entries.items():
        kind = "SIP response" if code >= 200 else "provisional SIP response"
        checks = _matching((f"*-{code}", *entry.checks), known)
        yield Topic(
            str(code), f"{code} {entry.phrase}", kind, entry.meaning, entry.change,
            (f"sip {code}", f"{code} {entry.phrase.lower()}"), tuple(checks), entry.source,
        )  # fmt: skip


def _terms(known: list[str]) -> Iterator[Topic]:
    for name, entry in TypeAdapter(dict[str, Metric]).validate_python(load_yaml("terms.yml")).items():
        yield Topic(
            name, entry.title, "term", entry.meaning, entry.change, entry.words,
            tuple(_matching(entry.checks, known)), entry.source,
        )  # fmt: skip


def _causes(known: list[str]) -> Iterator[Topic]:
    for value, entry in TypeAdapter(dict[int, Q850Cause]).validate_python(load_yaml("q850.yml")).items():
        meaning = entry.meaning
        if entry.sip is not None:
            meaning += f" Gateways answer {entry.sip} for it."
        yield Topic(
            f"q850-{value}", f"Q.850 cause {value}, {entry.phrase}", "Q.850 cause", meaning, entry.change,
            (f"q.850 {value}", f"cause {value}", entry.phrase.lower()),
            tuple(name for name in ("bye-abnormal-cause",) if name in known),
            "ITU-T Q.850; RFC 3326 §2, RFC 6432",
        )  # fmt: skip


def _alerts(known: list[str]) -> Iterator[Topic]:
    for number, entry in TypeAdapter(dict[int, TlsAlert]).validate_python(load_yaml("tls_alerts.yml")).items():
        yield Topic(
            f"tls-{number}", f"TLS alert {number}, {entry.phrase}", "TLS alert", entry.meaning, entry.change,
            (entry.phrase.replace("_", " "), f"alert {number}", f"tls alert {number}"),
            tuple(name for name in known if name.startswith("tls-")), "RFC 8446 §6.2",
        )  # fmt: skip


def _metrics(known: list[str]) -> Iterator[Topic]:
    for name, entry in TypeAdapter(dict[str, Metric]).validate_python(load_yaml("metrics.yml")).items():
        checks = tuple(check for check in entry.checks if check in known)
        yield Topic(name, entry.title, "measure", entry.meaning, entry.change, entry.words, checks, entry.source)


def _codecs(known: list[str]) -> Iterator[Topic]:
    spelled = {name.upper(): name for name in TypeAdapter(dict[str, object]).validate_python(load_yaml("codecs.yml"))}
    for name, entry in codecs().items():
        parameters = [f"- `{key}`: {parameter.words}" for key, parameter in entry.parameters.items()]
        rate = f" Its clock rate is {entry.clock_rate} Hz." if entry.clock_rate else ""
        yield Topic(
            name.lower(), spelled[name], "codec", entry.meaning.strip() + rate,
            "\n".join([entry.change.strip(), *(["", "Parameters of `a=fmtp`:", *parameters] if parameters else [])]),
            (f"codec {name.lower()}",), tuple(_matching((f"codec-{name.lower()}*",), known)), entry.source,
        )  # fmt: skip


def _symptoms(known: list[str]) -> Iterator[Topic]:
    texts = TypeAdapter(dict[str, SymptomText]).validate_python(load_yaml("symptom_texts.yml"))
    for name, entry in symptoms().items():
        checks = _matching(entry.decides, known)
        leading = [check for check in _matching(entry.explains, known) if check not in checks]
        answer = (
            f"No trace can show it: {entry.never.strip()}."
            if entry.never
            else (
                f"`sip-ci analyze --issue {name}` answers whether the trace confirms it, refutes it or does not show"
                " it, and puts what explains it first."
            )
        )
        text = texts[name]
        yield Topic(
            name, name.replace("-", " ").capitalize(), "symptom", f"{text.meaning} {answer}", text.change, entry.words,
            (*checks, *leading), "",
        )  # fmt: skip


def _matching(patterns: Iterable[str], known: list[str]) -> list[str]:
    """The checks that fit a pattern, each once, in the order of the patterns."""
    return list(dict.fromkeys(name for pattern in patterns for name in known if fnmatchcase(name, pattern)))
