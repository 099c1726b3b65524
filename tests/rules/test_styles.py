"""Every style sheet keeps to one cascade layer and is linked, from no page twice."""

import re
from pathlib import Path

LAYERS = ("reset", "tokens", "base", "layout", "components", "utilities")


def outside_layers(css: str) -> str:
    """Return what of a sheet stands outside its `@layer name { … }` blocks."""
    rest = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    outside, depth = [], 0
    for part in re.split(r"([{}])", rest):
        if part == "{":
            depth += 1
        elif part == "}":
            depth -= 1
        elif depth == 0:
            outside.append(re.sub(rf"@layer\s+({'|'.join(LAYERS)})\s*$", "", part.strip()))
    return "".join(outside).strip()


def test_the_order_of_the_layers_comes_first(root: Path) -> None:
    order = outside_layers((root / "frontend/css/layers.css").read_text())
    assert order == f"@layer {', '.join(LAYERS)};"


def test_every_other_sheet_keeps_to_its_layer(root: Path) -> None:
    sheets = [path for path in (root / "frontend/css").rglob("*.css") if path.name != "layers.css"]
    assert sheets
    loose = {str(path): outside_layers(path.read_text()) for path in sheets}
    assert {path: rest for path, rest in loose.items() if rest} == {}


def sheets_of(page: Path) -> list[str]:
    return re.findall(r'href="\{\{asset:(css/.+?\.css)\}\}"', page.read_text())


def test_every_page_links_a_sheet_once_at_most_and_the_order_of_the_layers_first(
    root: Path,
) -> None:
    for page in (root / "frontend").glob("*.html"):
        linked = sheets_of(page)
        assert linked[0] == "css/layers.css", page.name
        assert len(set(linked)) == len(linked), page.name


def test_every_sheet_is_linked(root: Path) -> None:
    pages = [*(root / "frontend").glob("*.html")]
    assert len(pages) == 2
    files = {
        path.relative_to(root / "frontend").as_posix()
        for path in (root / "frontend/css").rglob("*.css")
    }
    assert {sheet for page in pages for sheet in sheets_of(page)} == files


def test_a_rule_outside_a_layer_is_found() -> None:
    assert outside_layers("@layer base { a { color: red } }") == ""
    assert outside_layers("@layer base { a { color: red } } b { color: red }") == "b"
    assert outside_layers("@layer other { a { color: red } }") == "@layer other"
