"""The main job: collect → submit → locate → judge → report → exit code."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sip_ci import __version__
from sip_ci.catalogue import load_catalogue
from sip_ci.collect.collecting import MissingInput, collect
from sip_ci.collect.unfolding import Unfolder
from sip_ci.config.settings import HOSTED, Settings
from sip_ci.errors import NoInputError
from sip_ci.findings import Category, Conclusion, Finding, Verdict
from sip_ci.inputs import TraceFile
from sip_ci.judge.gate import judge
from sip_ci.locate.anchor import Anchor, find_anchor
from sip_ci.locate.locating import locate
from sip_ci.progress import Progress
from sip_ci.publishing import Publisher
from sip_ci.report.interface import ReportData
from sip_ci.results import InputResult
from sip_ci.service.embedded import EmbeddedServer
from sip_ci.service.key_log import read_key_log
from sip_ci.service.session import ServerAccess, analyze_all
from sip_ci.service.translation import InputAnalysis
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.limits import Limits

logger = logging.getLogger(__name__)

_FAILURES_TOLD = 10
"""Failing inputs that are named on standard error; the reports name all."""

EXIT_CODES = {Conclusion.SUCCESS: 0, Conclusion.FAILURE: 1, Conclusion.ERROR: 2, Conclusion.NO_INPUT: 3}


def analyze(
    settings: Settings, environment: Mapping[str, str], *, quiet: bool = False, started: EmbeddedServer | None = None
) -> int:
    """Analyse what the settings name, write every report, and return the exit code.

    `started` is a bundled server that is getting ready, for a run that uses the bundled server.

    Raises:
        SipCiError: There is nothing to analyse, or no analysis; no report is written then.
    """
    values = settings.values
    anchor = find_anchor(
        settings.workspace,
        configured=settings.base("anchor") / values.anchor if values.anchor else None,
        config_file=settings.config_file,
        environment=environment,
    )
    publisher = Publisher(settings, environment, anchor.path if anchor else "", quiet=quiet)
    found = collect(values.paths, base=settings.base("paths"), workspace=settings.workspace, excluded=publisher.files)
    with Unfolder(Limits(input_bytes=values.max_input_bytes)) as unfolder:
        inputs = unfolder.unfold(found)
        for notice in (*settings.warnings, *inputs.notices, *_anchor_warning(anchor, inputs.files, environment)):
            logger.warning("%s", notice)
        analyses = _submit(settings, inputs.files, environment, started)
        missing = (*inputs.missing, *_archives_without(analyses, found.files))
        analyses = _traces_among(analyses, missing)

    results = _results(analyses, missing)
    _tell_failures(results)
    findings = [finding for analysis in analyses for finding in analysis.findings]
    located = locate(findings, {result.name: result.text_path for result in results}, anchor)
    judged, verdict = judge(located, values.fail_on.threshold)
    verdict = _completed(verdict, results, findings)
    if verdict.conclusion is Conclusion.NO_INPUT:
        logger.error("%s", _nothing_recorded(results))
    publisher.publish(ReportData(__version__, results, judged, verdict, load_catalogue()))
    return EXIT_CODES[verdict.conclusion]


def _submit(
    settings: Settings, files: Sequence[TraceFile], environment: Mapping[str, str], started: EmbeddedServer | None
) -> tuple[InputAnalysis, ...]:
    values = settings.values
    access = ServerAccess(
        url=settings.server_url,
        key=settings.api_key,
        allow_http=settings.allow_http,
        key_required=values.server == HOSTED,
        timeout=values.timeout,
        maximum_bytes=values.max_input_bytes,
        context=AnalysisContext(
            issue=values.issue,
            endpoints=values.endpoints,
            tls_key_log=read_key_log(settings.base("tls-keylog") / values.tls_keylog) if values.tls_keylog else None,
        ),
        started=started,
    )
    progress = Progress(len(files), environment)
    try:
        return analyze_all(access, files, settings.workspace, progress.finished)
    finally:
        progress.close()


def _anchor_warning(
    anchor: Anchor | None, files: Sequence[TraceFile], environment: Mapping[str, str]
) -> tuple[str, ...]:
    outside = sum(not (file.in_workspace or file.archive) for file in files)
    if anchor is not None or not outside or not environment.get("CI"):
        return ()
    which = "an input lies" if outside == 1 else f"{outside} inputs lie"
    return (
        f"{which} outside the workspace, and no file in it can stand for findings there, so CI systems have no place "
        "to show them at; name a file of the repository with --anchor FILE",
    )


def _archives_without(analyses: Sequence[InputAnalysis], files: Sequence[TraceFile]) -> Iterator[MissingInput]:
    """The archives that were named of which no member turned out to be a trace."""
    for file in files:
        members = [item for item in analyses if item.result.name.startswith(f"{file.name}!/")]
        if file.named and members and all(item.skipped for item in members):
            yield MissingInput(file.name, f"is an archive that holds no traces among its {len(members)} text(s)")


def _traces_among(analyses: Sequence[InputAnalysis], missing: Sequence[MissingInput]) -> tuple[InputAnalysis, ...]:
    """Leave out files of searched folders that are no traces at all.

    Raises:
        NoInputError: Nothing else was found.
    """
    kept = tuple(analysis for analysis in analyses if not analysis.skipped)
    skipped = len(analyses) - len(kept)
    if not kept:
        found = "the file that was found is no trace" if skipped == 1 else f"none of the {skipped} files is a trace"
        raise NoInputError("\n".join([found, *(f"{item.name} {item.reason}" for item in missing)]))
    if skipped:
        logger.info("%d file(s) of folders are no traces and were skipped", skipped)
    return kept


def _results(analyses: Sequence[InputAnalysis], missing: Sequence[MissingInput]) -> tuple[InputResult, ...]:
    """The results of all inputs by name, those included that could not be had."""
    results = [analysis.result for analysis in analyses]
    results += [InputResult(item.name, error=item.reason) for item in missing]
    return tuple(sorted(results, key=lambda result: result.name))


def _tell_failures(results: Sequence[InputResult]) -> None:
    failed = [result for result in results if result.error]
    for result in failed[:_FAILURES_TOLD]:
        logger.error("%s: %s", result.name, result.error)
    if len(failed) > _FAILURES_TOLD:
        logger.error("%d more inputs could not be analysed; the reports name them", len(failed) - _FAILURES_TOLD)


def _completed(verdict: Verdict, results: Sequence[InputResult], findings: Sequence[Finding]) -> Verdict:
    """Withhold the pass where it would be a lie: an input was not analysed, or nothing at all was recorded."""
    verdict = replace(verdict, not_analyzed=sum(bool(result.error) for result in results))
    if verdict.conclusion is not Conclusion.SUCCESS:
        return verdict
    if verdict.not_analyzed:
        return replace(verdict, conclusion=Conclusion.ERROR)
    if all(_is_empty(result) for result in results) and all(item.category is Category.CAPTURE for item in findings):
        return replace(verdict, conclusion=Conclusion.NO_INPUT)
    return verdict


def _nothing_recorded(results: Sequence[InputResult]) -> str:
    packets = sum(result.packets for result in results)
    advice = "check that the recording began before the test, on the right interface, and with the rights to record"
    if not packets:
        return f"the recorder recorded nothing: no input holds a packet or a SIP message; {advice}"
    return (
        f"no SIP message and no RTP stream was recorded that can be read, among {packets} packets; {advice}, that its "
        "filter lets SIP and RTP through, and that the SIP is not encrypted (TLS)"
    )


def _is_empty(result: InputResult) -> bool:
    # A server that does not name the format, such as the hosted one, does not count the messages either.
    heard = result.messages or result.media_packets or result.quality.streams_total
    return bool(result.format) and not heard
