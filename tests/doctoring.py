"""What tests of ``vac doctor`` share: findings in short, each of which tells its mend."""

from __future__ import annotations

from collections.abc import Iterable

from vac_core.cli.findings import Finding, Verdict


def verdicts(findings: Iterable[Finding]) -> list[tuple[str, Verdict]]:
    found = list(findings)
    assert all(one.mend for one in found if one.verdict is not Verdict.OK)
    return [(one.what, one.verdict) for one in found]


def only(findings: Iterable[Finding]) -> Finding:
    (found,) = findings
    assert found.mend or found.verdict is Verdict.OK
    return found
