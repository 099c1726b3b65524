"""A relative link in a document leads to a file that is there."""

import re
from pathlib import Path


def broken_links(document: Path) -> list[str]:
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)[^)]*\)", document.read_text())
    return [target for target in targets if not (document.parent / target).exists()]


def test_every_link_between_documents_leads_somewhere(tracked: list[Path]) -> None:
    documents = [path for path in tracked if path.suffix == ".md"]
    assert documents
    found = {str(path): broken_links(path) for path in documents}
    assert {path: links for path, links in found.items() if links} == {}


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("[x](a.md) [y](b.md#part) [z](https://example.org/b.md) [w](#here)")
    assert broken_links(document) == ["b.md"]
