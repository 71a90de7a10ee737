"""The results of the predict benchmark as Markdown."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.predict.contenders import ONE_AT_A_TIME
from benchmarks.predict.stages import STAGES
from benchmarks.shared import tables


def report(found: dict[str, Any]) -> str:
    """Return the page."""
    about = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    return (
        "# Text to labels, 20 Newsgroups by date\n\n"
        + _bulk(found["bulk"])
        + _latency(found["latency"])
        + _stages(found["stages"], found["bulk"])
        + f"\n{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; "
        f"Python {about['python']}; {versions}; commit {about['commit']}; "
        f"load {about['load_before']:.1f} before and {found['load_after']:.1f} after.\n\n"
        f"```\n{' '.join(about['command'])}\n```\n"
    )


def _bulk(rows: list[dict[str, Any]]) -> str:
    header = ["program", "threads", "documents/s", "MB/s", "Satchel is faster by", "accuracy"]
    lines = [
        [
            row["name"],
            str(row["threads"]),
            f"{row['documents_per_second']:,.0f}",
            f"{row['mb_per_second']:.1f}",
            _ratio(row["satchel_is_faster_by"]),
            f"{row['accuracy']:.4f}",
        ]
        for row in rows
    ]
    return (
        f"## All {rows[0]['documents']:,} test documents at once\n\n"
        + tables.markdown(header, lines)
        + f"\nMedians of {len(rows[0]['seconds'])} interleaved rounds in one process, after one "
        "that does not count; the ratio is taken round by round (least to most in brackets).\n\n"
    )


def _ratio(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} × ({min(values):.1f} to {max(values):.1f})"


def _latency(runs: dict[str, list[dict[str, Any]]]) -> str:
    header = ["program", "median", "99 %", "median, all", "99 %, all", "accuracy"]
    lines = []
    for kind, done in runs.items():
        cells = [
            f"{statistics.median(run[part][name] for run in done):,.0f} µs"
            for part in ("about_2_kb", "all")
            for name in ("median_us", "p99_us")
        ]
        lines.append([ONE_AT_A_TIME[kind], *cells, f"{done[0]['accuracy']:.4f}"])
    some = next(iter(runs.values()))[0]
    return (
        "## One document at a time\n\n"
        + tables.markdown(header, lines)
        + f"\nThe first two columns: {some['about_2_kb']['documents']:,} documents of about 2 kB "
        f"(mean {some['about_2_kb']['mean_bytes']:,.0f} bytes); then all "
        f"{some['all']['documents']:,} (mean {some['all']['mean_bytes']:,.0f}). "
        f"One thread, a fresh process each, {len(next(iter(runs.values())))} interleaved rounds of "
        "processes, the median of their figures.\n\n"
    )


def _stages(found: dict[str, Any], bulk: list[dict[str, Any]]) -> str:
    spent = found["us_per_document"]
    whole = spent["predict"]
    lines = [
        [name, meaning, f"{spent[name]:.1f} µs", f"{spent[name] / whole:.0%}"]
        for name, meaning in STAGES.items()
    ]
    rest = whole - sum(spent[name] for name in STAGES)
    lines += [
        ["rest", "what the differences do not explain", f"{rest:.1f} µs", f"{rest / whole:.0%}"],
        ["predict", "all of it", f"{whole:.1f} µs", "100%"],
    ]
    gathered, copied = found["gathered_bytes_per_document"], found["copy_gb_per_s"]
    bound = gathered / copied / 1e3
    achieved = gathered / spent["gathering"] / 1e3
    text_rate = found["bytes_per_document"] / spent["reading"]
    each = spent["looking up"] * 1e3 / found["known_features_per_document"]
    two = bulk[0]["documents_per_second"] / bulk[-1]["documents_per_second"]
    return (
        "## Where Satchel's time goes: one thread, a document\n\n"
        + tables.markdown(["stage", "what", "time", "share"], lines)
        + "\n"
        f"- Gathering reads {gathered / 1e3:,.0f} kB of bag rows a document "
        f"({found['known_features_per_document']:,.0f} known features) from a matrix of "
        f"{found['matrix_mb']:,.0f} MB: {achieved:.1f} GB/s. One thread's plain copy moves "
        f"{copied:.1f} GB/s (read and written), so that the memory's bound is {bound:.1f} µs a "
        f"document, {bound / spent['gathering']:.0%} of what gathering takes; more than 100 % "
        "means that the rows of common words stay in the caches.\n"
        f"- Reading goes through {text_rate:,.0f} MB of text a second, and that copy through "
        f"{copied * 500:,.0f}: its limit is instructions, not memory.\n"
        f"- Looking up takes {each:,.0f} ns a known feature, at random places of hashes and "
        f"weights that are {found['vocabulary_mb']:,.1f} MB large.\n"
        f"- {bulk[0]['threads']} threads are {two:.2f} × as fast as one.\n"
    )
