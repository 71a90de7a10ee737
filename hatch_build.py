"""What the package's metadata say of its home, which is wherever the checkout came from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PAGES = {
    "Source": "",
    "Issues": "/issues",
    "Changelog": "/blob/HEAD/CHANGELOG.md",
    "Documentation": "/blob/HEAD/README.md",
}


class HomeHook(MetadataHookInterface):
    """Fills in the URLs, and makes the README's links to files absolute: PyPI has no files."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in ``urls`` and ``readme``; without a public home links stay as they are."""
        root = Path(self.root)
        home = home_of(root)
        metadata["urls"] = {name: home + page for name, page in PAGES.items()} if home else {}
        text = (root / "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, home) if home else text,
        }


def home_of(root: Path) -> str:
    """The address of the repository's page: of the remote ``origin``, in an sdist of its metadata.

    Returns:
        An ``https`` address without a user or a slash at its end; empty where there is none.
    """
    packed = root / "PKG-INFO"
    if packed.is_file():
        found = re.search(r"^Project-URL: Source, (https://\S+)$", packed.read_text("utf-8"), re.M)
        return found[1] if found else ""
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return page_of(answer.stdout.strip())


def page_of(remote: str) -> str:
    """The page of a Git remote; empty for one that is no public address, such as a folder.

    Whoever pushes with a name or a token in the address must not publish it.
    """
    pattern = r"(?:https://|ssh://|git://|(?=[\w.-]+@))(?:[^/@]*@)?([\w-]+(?:\.[\w-]+)+)(?::\d+/|[:/])(.+)"
    found = re.fullmatch(pattern, remote)
    if not found:
        return ""
    return f"https://{found[1]}/{found[2].strip('/').removesuffix('.git')}"


def absolute(text: str, home: str) -> str:
    """Markdown with its links to files of the repository made links to its page."""
    return re.sub(r"\]\((?![a-z]+:|#)([^)]+)\)", rf"]({home}/blob/HEAD/\1)", text)
