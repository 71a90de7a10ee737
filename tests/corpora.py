"""Made corpora: small, seeded, learnable, with labels as awkward as people's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LABELS = ("cooking", "hockey & ice", "宇宙")
TOPIC = {
    "cooking": (
        "oven",
        "butter",
        "flour",
        "sugar",
        "recipe",
        "bake",
        "salt",
        "pepper",
        "sauce",
        "garlic",
    ),
    "hockey & ice": (
        "puck",
        "goal",
        "skate",
        "rink",
        "goalie",
        "stick",
        "league",
        "season",
        "coach",
        "ice",
    ),
    "宇宙": (
        "orbit",
        "rocket",
        "moon",
        "launch",
        "nasa",
        "planet",
        "crew",
        "probe",
        "shuttle",
        "star",
    ),
}
COMMON = "the a of and to in is it was for on that with as at by from has".split()  # noqa: SIM905


def document(label: str, random: np.random.Generator, words: int = 30) -> str:
    """One document: a third of its words from its topic."""
    own = random.choice(TOPIC[label], size=words // 3)
    rest = random.choice(COMMON, size=words - words // 3)
    return " ".join(random.permutation(np.concatenate([own, rest])).tolist())


def corpus(n: int = 150, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts and labels, ``n`` of them, labels in turn."""
    random = np.random.default_rng(seed)
    labels = [LABELS[i % len(LABELS)] for i in range(n)]
    return [document(label, random) for label in labels], labels


def folder(root: Path, n: int = 150, seed: int = 0) -> Path:
    """The same as labelled folders, files without an extension."""
    for number, (text, label) in enumerate(zip(*corpus(n, seed), strict=True)):
        place = root / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:05d}").write_text(text, "utf-8")
    return root
