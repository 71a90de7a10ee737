"""What the pre-flight check found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from satchel.sources.documents import brief, counted

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        severity: ``error``: training makes no sense; ``warning``: the result will suffer or
            mislead; ``note``: good to know.
        code: A short fixed name, such as ``one-class``.
        message: What was found.
        advice: What to do.
        examples: A few documents or labels concerned.
    """

    severity: Severity
    code: str
    message: str
    advice: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """What the check found.

    Attributes:
        documents: How many documents there are to learn from.
        test_documents: How many in the test source; None without one.
        classes: Label → number of documents, most first.
        findings: Errors first, then warnings, then notes.
        remarks: What reading had to say, in sentences.
    """

    documents: int
    test_documents: int | None
    classes: dict[str, int]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def exit_status(self, *, strict: bool = False) -> int:
        """Return what ``satchel check`` ends with.

        Args:
            strict: Whether warnings count.

        Returns:
            2 where there is an error, 1 where there is a warning and they count, else 0.
        """
        if not self.ok:
            return 2
        return int(strict and any(finding.severity == "warning" for finding in self.findings))

    def headline(self) -> str:
        """Return what was looked over and how much was found, in one line."""
        what = f"{counted(len(self.classes), 'label')} in {counted(self.documents, 'document')}"
        if self.test_documents is not None:
            what += f", {counted(self.test_documents, 'test document')}"
        times = Counter(finding.severity for finding in self.findings)
        found = [counted(times[each], each) for each in ("error", "warning", "note") if times[each]]
        return f"{what}: {', '.join(found) or 'nothing to remark'}"

    def lines(self) -> list[str]:
        """Return the findings and remarks as lines for a terminal."""
        said = []
        for finding in self.findings:
            said.append(f"{finding.severity}: {finding.message}")
            if finding.examples:
                said.append(
                    f"    such as: {', '.join(brief(each, 200) for each in finding.examples)}"
                )
            said.append(f"    {finding.advice}")
        return said + [f"reading: {remark}" for remark in self.remarks]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "ok": self.ok,
            "documents": self.documents,
            "test_documents": self.test_documents,
            "classes": self.classes,
            "findings": [
                {
                    "severity": finding.severity,
                    "code": finding.code,
                    "message": finding.message,
                    "advice": finding.advice,
                    "examples": list(finding.examples),
                }
                for finding in self.findings
            ],
            "remarks": list(self.remarks),
        }
