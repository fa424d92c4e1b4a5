"""The main job: collect → submit → locate → judge → report → exit code."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sip_ci import __version__
from sip_ci.catalogue import load_catalogue
from sip_ci.collect.collecting import collect
from sip_ci.config.settings import HOSTED, Settings
from sip_ci.errors import NoInputError
from sip_ci.findings import Conclusion
from sip_ci.inputs import TraceFile
from sip_ci.judge.gate import judge
from sip_ci.locate.anchor import find_anchor
from sip_ci.locate.locating import locate
from sip_ci.progress import Progress
from sip_ci.publishing import Publisher
from sip_ci.report.interface import ReportData
from sip_ci.service.session import ServerAccess, analyze_all
from sip_ci.service.translation import InputAnalysis
from sip_ci.service.wire import AnalysisContext

logger = logging.getLogger(__name__)

_FAILURES_TOLD = 10
"""Failing inputs that are named on standard error; the reports name all."""

EXIT_CODES = {Conclusion.SUCCESS: 0, Conclusion.FAILURE: 1, Conclusion.ERROR: 2, Conclusion.NO_INPUT: 3}


def analyze(settings: Settings, environment: Mapping[str, str], *, quiet: bool = False) -> int:
    """Analyse what the settings name, write every report, and return the exit code.

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
    inputs = collect(values.paths, base=settings.base("paths"), workspace=settings.workspace, excluded=publisher.files)
    for notice in (*settings.warnings, *inputs.notices):
        logger.warning("%s", notice)

    analyses = _read_ones(_submit(settings, inputs.files, environment))

    results = tuple(analysis.result for analysis in analyses)
    findings = [finding for analysis in analyses for finding in analysis.findings]
    located = locate(findings, {result.name: result.text_path for result in results}, anchor)
    judged, verdict = judge(located, values.fail_on.threshold)
    if _is_incomplete(analyses) and verdict.conclusion is Conclusion.SUCCESS:
        verdict = replace(verdict, conclusion=Conclusion.ERROR)
    publisher.publish(ReportData(__version__, results, judged, verdict, load_catalogue()))
    return EXIT_CODES[verdict.conclusion]


def _submit(
    settings: Settings, files: Sequence[TraceFile], environment: Mapping[str, str]
) -> tuple[InputAnalysis, ...]:
    values = settings.values
    access = ServerAccess(
        url=settings.server_url,
        key=settings.api_key,
        allow_http=settings.allow_http,
        key_required=values.server == HOSTED,
        timeout=values.timeout,
        maximum_bytes=values.max_input_bytes,
        context=AnalysisContext(issue=values.issue, endpoints=values.endpoints),
    )
    progress = Progress(len(files), environment)
    try:
        return analyze_all(access, files, settings.workspace, progress.finished)
    finally:
        progress.close()


def _is_incomplete(analyses: Sequence[InputAnalysis]) -> bool:
    """Whether a pass would be a lie: nothing could be read, or the server itself failed on something.

    One unreadable input among others does not decide over the build; every report names it.
    """
    return all(analysis.result.error for analysis in analyses) or any(analysis.server_failed for analysis in analyses)


def _read_ones(analyses: Sequence[InputAnalysis]) -> tuple[InputAnalysis, ...]:
    """Leave out files of searched folders that are no traces at all.

    Raises:
        NoInputError: Nothing else was found.
    """
    kept = tuple(analysis for analysis in analyses if not analysis.skipped)
    if not kept:
        raise NoInputError(f"none of the {len(analyses)} files that were found is a trace")
    if skipped := len(analyses) - len(kept):
        logger.info("%d files that are no traces were skipped", skipped)
    failed = [analysis.result for analysis in kept if analysis.result.error]
    for result in failed[:_FAILURES_TOLD]:
        logger.error("%s: %s", result.name, result.error)
    if len(failed) > _FAILURES_TOLD:
        logger.error("%d more inputs could not be analysed; the reports name them", len(failed) - _FAILURES_TOLD)
    return kept
