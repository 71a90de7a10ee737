"""Hypothesis strategies that several tests share."""

from __future__ import annotations

from hypothesis import strategies as st

AWKWARD_LABELS = (
    "NA", "None", "null", "nan", "true", "007", "1e3", "a b", "a/b", "a\\b", "CON", "é", "e\u0301",
    "Ελληνικά", "中文", "العربية", "-", "#", '"', "'", "a,b", "a;b", "..x", "=1+1", "label", "🎒",
)  # fmt: skip

AWKWARD_TEXTS = (
    "", " ", "\n", "a\r\nb", "a\rb", "\t", '"', '""', "'", "a,b\n\"c\"", "\ufeff", "\x00", "\x1a",
    "\u2028", "\x85", "e\u0301", "🎒", "ﬁ", "ß", "İ", "中文 字", "\ud7ff\ue000", "=1+1",
)  # fmt: skip

texts = st.one_of(st.sampled_from(AWKWARD_TEXTS), st.text(st.characters(exclude_categories=["Cs"])))
"""Any text that UTF-8 can hold."""

labels = st.one_of(
    st.sampled_from(AWKWARD_LABELS),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20),
).filter(lambda label: bool(label.strip()))
"""Any label with something to see in it."""

folder_labels = labels.filter(
    lambda label: (
        "/" not in label and not label.startswith(".") and len(label.encode()) < 200
        and label.lower() not in {"__macosx", "thumbs.db", "desktop.ini"}
    )
)  # fmt: skip
"""Labels that a folder can bear."""
