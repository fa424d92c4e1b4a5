"""The symptoms that users name (`context.issue`), and the answer to each: confirmed, refuted or not observable.

What a symptom is called and which checks decide it is data, `knowledge/symptoms.yml`. The order of decision: a finding
that is the symptom itself confirms it; then what the trace shows of it without a check; then a finding that leads to
it. Only where the trace shows what the symptom is about, and shows it to be well, is it refuted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

from sip_ci.findings import Severity
from sip_ci.service.wire import IssueVerdict, NotChecked, WireFinding
from sip_ci.wording import plural
from sip_ci_server.engine.knowledge.symptom_files import Symptom, symptoms
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.symptom_sights import look
from sip_ci_server.engine.transactions import Transaction

_NO_WORD = re.compile(r"[^a-z0-9.]+")
_FINAL = re.compile(r"(?<![0-9.])([3-6][0-9][0-9])(?![0-9.])")
SETUP = "call-setup-failing"
"""The symptom that a final response code in the user's text stands for."""
NAMED_FINDINGS = 3


@lru_cache(maxsize=256)
def _words(text: str) -> str:
    """A text in lower case with single blanks and one at each end; what contracts `not` is written out."""
    plain = text.lower().replace("can't", "cannot").replace("can not", "cannot").replace("n't", " not")
    return f" {' '.join(_NO_WORD.sub(' ', plain).split())} "


@lru_cache(maxsize=256)
def symptom_of(issue: str | None) -> str | None:
    """The recognised symptom in a free text, by the longest phrase in it; hyphens and underscores count as blanks."""
    if not issue:
        return None
    text = _words(issue)
    best, length = None, 0
    for name, symptom in symptoms().items():
        for phrase in (name, *symptom.words):
            wanted = _words(phrase)
            if len(wanted) > length and wanted in text:
                best, length = name, len(wanted)
    return best if best is not None else (SETUP if _FINAL.search(issue) else None)


def relevance(check: str, issue: str | None) -> int:
    """0 for a check that explains the symptom, 1 for any other."""
    name = symptom_of(issue)
    if name is None:
        return 1
    symptom = symptoms()[name]
    plain = tuple(entry.partition(" ")[0] for entry in symptom.confirms)
    return 0 if _matches(check, symptom.decides + plain + symptom.suggests + symptom.explains) else 1


def _unknown(issue: str) -> str:
    """Why nothing is said of a text that names no symptom, with the symptom that it may have meant."""
    near = get_close_matches("-".join(_words(issue).split()), symptoms(), n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    known = ", ".join(symptoms())
    return f"no symptom is known by this name; {meant}The known ones: {known}. The findings stand by themselves"


def _matches(check: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(check, pattern) for pattern in patterns)


def judge_issue(
    issue: str | None, findings: Sequence[WireFinding], not_checked: Sequence[NotChecked], model: Model
) -> IssueVerdict | None:
    """Answer the hint: confirmed, refuted or not observable, with the reason."""
    if not issue:
        return None
    name = symptom_of(issue)
    if name is None:
        return IssueVerdict(hint=issue, verdict="not observable", reason=_unknown(issue))
    code = _FINAL.search(issue) if name == SETUP else None
    verdict, reason = (
        _judge_code(int(code[1]), issue, findings, model)
        if code is not None
        else _judge(symptoms()[name], findings, not_checked, model)
    )
    return IssueVerdict(hint=issue, verdict=verdict, reason=reason, symptom=name)


def _judge(
    symptom: Symptom, findings: Sequence[WireFinding], not_checked: Sequence[NotChecked], model: Model
) -> tuple[str, str]:
    if symptom.sight is None:
        return "not observable", symptom.never
    seen = look(symptom.sight, model)
    # A finding names its first calls only: of one that is seen in more nobody knows that it is about others.
    fitting = [item for item in findings if item.calls_affected > len(item.calls) or seen.concerns(item.calls)]
    serious = [finding for finding in fitting if finding.severity.at_least(Severity.MEDIUM)]
    decisive = [finding for finding in serious if _matches(finding.check, symptom.decides)]
    decisive += [finding for finding in fitting if finding not in decisive and _confirms(finding, symptom)]
    if decisive:
        return "confirmed", _told(decisive, findings)
    if seen.wrong:
        return "confirmed", seen.wrong
    leading = [finding for finding in serious if _matches(finding.check, symptom.explains)]
    if seen.absent:
        # What stands in the way of everything, such as a port that nobody listens on, may be why nothing is there.
        general = [finding for finding in leading if not finding.calls]
        return "not observable", seen.hidden + (f"; found was: {_told(general, findings)}" if general else "")
    if leading:
        return "confirmed", f"what leads to it was found: {_told(leading, findings)}"
    possible = [finding for finding in fitting if _matches(finding.check, symptom.suggests)]
    if possible:
        return "not observable", f"possible, and not proven by the trace: {_told(possible, findings)}"
    if seen.hidden:
        return "not observable", seen.hidden
    missing = [item for item in not_checked if item.check == symptom.decides[0]]
    if missing and not seen.certain:
        return "not observable", missing[0].reason
    return "refuted", seen.well


def _confirms(finding: WireFinding, symptom: Symptom) -> bool:
    """Whether a finding is the symptom, however mild."""
    for entry in symptom.confirms:
        check, _, word = entry.partition(" ")
        if fnmatchcase(finding.check, check) and word in finding.title:
            return True
    return False


def _told(hits: Sequence[WireFinding], findings: Sequence[WireFinding]) -> str:
    """The titles of findings, each with that of its root."""
    by_identity = {finding.fingerprint: finding for finding in findings}
    told = []
    for hit in hits:
        roots = [by_identity[cause].title for cause in hit.causes if cause in by_identity and not hit.root]
        told.append(hit.title + (f" (because: {roots[0]})" if roots else ""))
    return "; ".join(list(dict.fromkeys(told))[:NAMED_FINDINGS])


def _judge_code(code: int, issue: str, findings: Sequence[WireFinding], model: Model) -> tuple[str, str]:
    """Whether requests ended with the final response that the user names; where calls are named, their INVITEs."""
    if not len(model.transactions):
        return "not observable", "the trace holds no SIP request"
    ended = model.ended_with(code)
    invites = [item for item in ended if item.method == "INVITE"]
    of_calls = " call" in _words(issue)
    if of_calls and not model.legs:
        return "not observable", "the trace holds no INVITE that begins a call"
    if invites or (ended and not of_calls):
        return "confirmed", _ended(invites or ended, code, findings, model)
    kind = "INVITE" if of_calls else "request"
    counts = Counter(
        status for status in model.final_statuses() for item in model.ended_with(status)
        if not of_calls or item.method == "INVITE"
    )  # fmt: skip
    if not counts:
        return "not observable", f"no {kind} of the trace has a final response"
    told = ", ".join(f"{status} ({count:,})" for status, count in counts.most_common(5))
    others = f"; {plural(len(ended), 'other request')} did, the first {_named(ended[0].method)}" if ended else ""
    return "refuted", f"no {kind} ended with {code}{others}; the final responses are {told}"


def _ended(ended: Sequence[Transaction], code: int, findings: Sequence[WireFinding], model: Model) -> str:
    """How many requests ended with a code, and the roots in the call of the first: those that name it, else all."""
    first = ended[0]
    who = first.final.observation.source if first.final is not None else None
    session = model.joined.of(first.call_id)
    calls = set(session.calls if session is not None else ()) | {first.call_id}
    roots = [
        finding
        for finding in findings
        if finding.root and finding.severity.at_least(Severity.MEDIUM) and calls.intersection(finding.calls)
    ]
    named = [finding for finding in roots if str(code) in finding.title]
    which = "the first" if first.method == "INVITE" else f"the first {_named(first.method)}"
    told = f"{plural(len(ended), first.method if first.method == 'INVITE' else 'request')} ended with {code}, {which}"
    reasons = _told(named or roots, findings)
    return f"{told} answered by {who or 'the far end'}" + (f": {reasons}" if reasons else "")


def _named(method: str) -> str:
    """A method with its article."""
    return f"{'an' if method[:1] in 'AEIOU' else 'a'} {method}"
