"""What a server counts, and the text in which Prometheus reads it.

A worker counts in a `Recorder`; its `Counters` are plain data that processes exchange and add up.
The format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from satchel.escaping import abbreviate
from satchel.serving.models import Scores, Served
from satchel.serving.unknown import words_of

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
OTHER = "(other)"

_SERIES = 400
"""The most series of labels, over all models."""

_LABEL = 60
"""The most characters of a label in a series."""

_RECENT = 1_000
"""Labels that count as those of the last requests."""

_SAMPLED = 64
"""Of so many documents the words of one are looked up."""

_PREFIX = 2_000
"""Characters of such a document that are looked at."""


class Histogram(msgspec.Struct):
    """How many values lie between the bounds.

    Attributes:
        counts: Values up to each bound and above the one before; then those above the last.
        total: The sum of the values.
    """

    counts: list[int]
    total: float = 0.0

    def add(self, other: Histogram) -> None:
        """Add another of the same bounds."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.total += other.total


class ModelCounters(msgspec.Struct):
    """What was counted of one model.

    Attributes:
        documents: Documents.
        unknown: Those of which the model knows no feature.
        unlabelled: Those that got no label, of a model with several labels per document.
        words: Words that were looked up, in a sample of the documents.
        unknown_words: Those of them that the model does not know.
        labels: How often each label was given; rare ones are counted as ``(other)``.
        recent: The same for the last documents of each worker.
    """

    documents: int = 0
    unknown: int = 0
    unlabelled: int = 0
    words: int = 0
    unknown_words: int = 0
    labels: dict[str, int] = {}
    recent: dict[str, int] = {}

    def add(self, other: ModelCounters) -> None:
        """Add what another worker counted."""
        self.documents += other.documents
        self.unknown += other.unknown
        self.unlabelled += other.unlabelled
        self.words += other.words
        self.unknown_words += other.unknown_words
        self.labels = dict(Counter(self.labels) + Counter(other.labels))
        self.recent = dict(Counter(self.recent) + Counter(other.recent))


class Counters(msgspec.Struct):
    """What was counted.

    Attributes:
        requests: Requests by endpoint and status.
        seconds: Their durations by endpoint.
        batches: The sizes of batches in documents.
        models: By name.
        connections: Connections that are open.
    """

    requests: dict[tuple[str, int], int] = {}
    seconds: dict[str, Histogram] = {}
    batches: Histogram = msgspec.field(
        default_factory=lambda: Histogram([0] * (len(DOCUMENTS) + 1))
    )
    models: dict[str, ModelCounters] = {}
    connections: int = 0

    def add(self, other: Counters) -> None:
        """Add what another worker counted."""
        for request, count in other.requests.items():
            self.requests[request] = self.requests.get(request, 0) + count
        for endpoint, seconds in other.seconds.items():
            if endpoint in self.seconds:
                self.seconds[endpoint].add(seconds)
            else:
                self.seconds[endpoint] = Histogram(list(seconds.counts), seconds.total)
        self.batches.add(other.batches)
        for name, model in other.models.items():
            self.models.setdefault(name, ModelCounters()).add(model)
        self.connections += other.connections

    def retired(self) -> Counters:
        """Return what stays when the worker has ended."""
        for model in self.models.values():
            model.recent = {}
        self.connections = 0
        return self


class _Labels:
    """Counts the labels of one model by column."""

    def __init__(self, served: Served, series: int) -> None:
        labels = served.model.ensemble.labels
        self._counts = np.zeros(len(labels), np.int64)
        self._recent: deque[int] = deque(maxlen=_RECENT)
        frequent = np.argsort(-np.array(served.model.ensemble.training.class_counts), kind="stable")
        named = set(frequent[:series].tolist())
        self._names = [
            abbreviate(label, _LABEL) if column in named else OTHER
            for column, label in enumerate(labels)
        ]

    def add(self, columns: np.ndarray) -> None:
        """Count labels that were given."""
        np.add.at(self._counts, columns, 1)
        self._recent.extend(columns.tolist())

    def total(self) -> dict[str, int]:
        """Return how often each was given."""
        columns = np.flatnonzero(self._counts)
        return self._named(zip(columns.tolist(), self._counts[columns].tolist(), strict=True))

    def recent(self) -> dict[str, int]:
        """Return how often each was given of late."""
        return self._named(Counter(self._recent).items())

    def _named(self, counts: Iterable[tuple[int, int]]) -> dict[str, int]:
        found: dict[str, int] = {}
        for column, count in counts:
            found[self._names[column]] = found.get(self._names[column], 0) + count
        return found


class Recorder:
    """Counts what one worker does.

    Args:
        served: Its models.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._counters = Counters(models={each.name: ModelCounters() for each in served})
        self._labels = {each.name: _Labels(each, _SERIES // len(served)) for each in served}
        self._sampled = 0
        self.connections = 0

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        counters = self._counters
        key = (endpoint, status)
        counters.requests[key] = counters.requests.get(key, 0) + 1
        histogram = counters.seconds.get(endpoint)
        if histogram is None:
            histogram = counters.seconds[endpoint] = Histogram([0] * (len(SECONDS) + 1))
        histogram.counts[bisect_left(SECONDS, seconds)] += 1
        histogram.total += seconds

    def batch(self, documents: int) -> None:
        """Count a batch."""
        batches = self._counters.batches
        batches.counts[bisect_left(DOCUMENTS, documents)] += 1
        batches.total += documents

    def predictions(self, served: Served, texts: Sequence[str], scores: Scores) -> None:
        """Count the labels of documents, and the unknown words in some."""
        counters = self._counters.models[served.name]
        counters.documents += len(texts)
        counters.unknown += len(texts) - int(np.count_nonzero(scores.known))
        thresholds = served.model.predictor.thresholds
        if thresholds is None:
            columns = scores.probabilities.argmax(axis=1)
        else:
            rows, columns = np.nonzero(scores.probabilities >= thresholds)
            counters.unlabelled += len(texts) - len(np.unique(rows))
        self._labels[served.name].add(columns)
        self._sampled += len(texts)
        if texts and self._sampled >= _SAMPLED:
            self._sampled = 0
            words = words_of(served.model.predictor, texts[0][:_PREFIX])
            counters.words += words.number
            counters.unknown_words += len(words.unknown)

    def counters(self) -> Counters:
        """Return what was counted up to now."""
        for name, labels in self._labels.items():
            self._counters.models[name].labels = labels.total()
            self._counters.models[name].recent = labels.recent()
        self._counters.connections = self.connections
        return self._counters


class ModelState(msgspec.Struct):
    """One model of the server, for those who look after it.

    Attributes:
        name: Its name.
        version: How many files were read under this name.
        failures: How many new files were refused.
        failure: Why the last one was, or empty if it was not.
    """

    name: str
    version: int
    failures: int = 0
    failure: str = ""


class Totals(msgspec.Struct):
    """What all processes of a server have counted, and how they are.

    Attributes:
        counters: What was counted.
        models: The models.
        workers: Processes that answer.
        restarts: Workers that ended by themselves and were replaced.
    """

    counters: Counters
    models: list[ModelState]
    workers: int
    restarts: int


class _Page:
    """Writes the text format."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def family(self, name: str, kind: str, about: str) -> None:
        """Begin the samples of one metric."""
        self.lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]

    def sample(self, name: str, labels: Mapping[str, object], value: float) -> None:
        """Add one sample."""
        inside = ",".join(f'{key}="{_escaped(str(each))}"' for key, each in labels.items())
        number = repr(value) if isinstance(value, float) else str(value)
        self.lines.append(f"{name}{{{inside}}} {number}" if inside else f"{name} {number}")

    def histogram(
        self,
        name: str,
        labels: Mapping[str, object],
        bounds: Sequence[float],
        found: Histogram,
    ) -> None:
        """Add the samples of one histogram, whose buckets hold all that is below their bound."""
        below = 0
        for bound, count in zip([*bounds, "+Inf"], found.counts, strict=True):
            below += count
            self.sample(f"{name}_bucket", {**labels, "le": bound}, below)
        self.sample(f"{name}_sum", labels, found.total)
        self.sample(f"{name}_count", labels, below)


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def prometheus_text(totals: Totals) -> str:
    """Return the page that Prometheus reads."""
    page = _Page()
    counters = totals.counters
    page.family("satchel_requests_total", "counter", "Requests by endpoint and HTTP status.")
    for (endpoint, status), count in sorted(counters.requests.items()):
        page.sample("satchel_requests_total", {"endpoint": endpoint, "status": status}, count)
    page.family("satchel_request_seconds", "histogram", "Seconds from headers to answer.")
    for endpoint, seconds in sorted(counters.seconds.items()):
        page.histogram("satchel_request_seconds", {"endpoint": endpoint}, SECONDS, seconds)
    page.family("satchel_batch_documents", "histogram", "Documents that were scored together.")
    page.histogram("satchel_batch_documents", {}, DOCUMENTS, counters.batches)
    for name, about in {
        "documents": "Documents that were scored.",
        "unknown": "Documents of which the model knows no feature.",
        "unlabelled": "Documents that got no label (several labels per document only).",
        "words": "Words that were looked up, in a sample of the documents.",
        "unknown_words": "Those of them that the model does not know.",
    }.items():
        metric = f"satchel_{_TOTALS[name]}_total"
        page.family(metric, "counter", about)
        for model, counted in counters.models.items():
            page.sample(metric, {"model": model}, getattr(counted, name))
    page.family("satchel_labels_total", "counter", "How often a label was given.")
    for model, counted in counters.models.items():
        for label, count in sorted(counted.labels.items()):
            page.sample("satchel_labels_total", {"model": model, "label": label}, count)
    for metric, kind, about, field in (
        ("satchel_model_version", "gauge", "Files that were read under this name.", "version"),
        ("satchel_model_failures_total", "counter", "New files that were refused.", "failures"),
    ):
        page.family(metric, kind, about)
        for state in totals.models:
            page.sample(metric, {"model": state.name}, getattr(state, field))
    page.family("satchel_model_stale", "gauge", "1 if the newest file was refused, else 0.")
    for state in totals.models:
        page.sample("satchel_model_stale", {"model": state.name}, int(bool(state.failure)))
    page.family("satchel_workers", "gauge", "Processes that answer.")
    page.sample("satchel_workers", {}, totals.workers)
    page.family("satchel_worker_restarts_total", "counter", "Workers that were replaced.")
    page.sample("satchel_worker_restarts_total", {}, totals.restarts)
    page.family("satchel_connections", "gauge", "Connections that are open.")
    page.sample("satchel_connections", {}, counters.connections)
    return "\n".join(page.lines) + "\n"


_TOTALS = {
    "documents": "documents",
    "unknown": "documents_without_known_features",
    "unlabelled": "documents_without_label",
    "words": "sampled_words",
    "unknown_words": "sampled_words_unknown",
}
