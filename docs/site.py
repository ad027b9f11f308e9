"""What the documentation site needs beyond docs/: hooks of mkdocs and of griffe (mkdocs.yml).

Pages link to each other and to the repository's other files by paths that lead somewhere in the
repository. The site has docs/ as its root, README.md as its first page, and every file that a page
links to or shows, under the path that it has in the repository.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import griffe
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "notebook.ipynb"
_LINK = re.compile(r"\]\((?P<path>[^)#\s]+)(?P<rest>[^)\s]*)\)")
_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z]+:")
_LOADED = re.compile(
    r'<(?:script|img|iframe)\b[^>]*\bsrc="(?:https?:)?//[^"]*"'
    r'|<link\b[^>]*\brel="(?:stylesheet|preconnect)"[^>]*href="(?:https?:)?//'
)


class ExamplesAreCode(griffe.Extension):
    """For griffe, which reads the docstrings: it knows a section Examples, and they say Example."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Name the section as griffe does."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )


def on_files(files: Any, config: Any) -> Any:
    """Add the notebook as a page, README.md, and what the pages link to outside of docs/."""
    notebook = files.get_file_from_path(NOTEBOOK)
    if notebook is not None:
        text = (ROOT / "docs" / NOTEBOOK).read_text(encoding="utf-8")
        page = File.generated(config, "notebook.md", content=notebook_page(json.loads(text)))
        files.append(page)
    seen: set[Path] = set()
    todo = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        if _outside(path):
            files.append(File.generated(config, _uri(path), abs_src_path=str(path)))
        if path.suffix == ".md":
            todo += _links(path)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the site has them; a drawing as a table; docstrings below the list of names."""
    uri = page.file.src_uri
    here = ROOT / uri if _outside(ROOT / uri) else ROOT / "docs" / uri
    text = _drawn(_outside_blocks(markdown, lambda part: _LINK.sub(_moved(here), part)))
    if uri == "api.md":
        names = re.findall(r"^\| `(esim\.\w+)`", text, flags=re.MULTILINE)
        text += "\n## In full\n\n" + "\n".join(f"::: {name}\n" for name in names)
    return text


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that would load something from elsewhere."""
    for loaded in _LOADED.finditer(output):
        raise PluginError(f"{page.file.src_uri} loads {loaded[0]}")
    return output


def notebook_page(notebook: Any) -> str:
    """A notebook as Markdown, its pictures inside."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [_output(one) for one in cell["outputs"]]
    return "\n\n".join(parts) + "\n"


def _output(output: Any) -> str:
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    data = output["data"]
    if "image/png" in data:
        return f"![](data:image/png;base64,{''.join(data['image/png']).strip()})"
    if "text/html" in data:
        return f"<div>{''.join(data['text/html'])}</div>".replace("\n\n", "\n")
    return f"```text\n{''.join(data['text/plain'])}\n```"


def _links(path: Path) -> Iterable[Path]:
    text = _BLOCK.sub("", path.read_text(encoding="utf-8"))
    for link in _LINK.finditer(text):
        target = Path(os.path.normpath(path.parent / link["path"]))
        if not _ELSEWHERE.match(link["path"]) and target.is_file():
            yield target


def _moved(here: Path) -> Any:
    start = Path(_uri(here)).parent

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(here.parent / link["path"]))
        if _ELSEWHERE.match(link["path"]) or not target.exists():
            return link[0]
        uri = "notebook.md" if target.name == NOTEBOOK else _uri(target)
        return f"]({os.path.relpath(uri, start)}{link['rest']})"

    return moved


def _drawn(text: str) -> str:
    """A flowchart of Mermaid, whose script would come from elsewhere, as a table of its arrows."""

    def table(drawing: re.Match[str]) -> str:
        arrows: dict[str, list[str]] = {}
        for start, end in re.findall(r"(\w+) --> (\w+)", drawing[0]):
            arrows.setdefault(start, []).append(end)
        rows = [
            f"| `{start}` | {', '.join(f'`{end}`' for end in ends)} |"
            for start, ends in arrows.items()
        ]
        return "\n".join(["| from | arrows to |", "|---|---|", *rows])

    return re.sub(r"^```mermaid\n.*?^```$", table, text, flags=re.DOTALL | re.MULTILINE)


def _outside_blocks(text: str, change: Any) -> str:
    parts = []
    last = 0
    for block in _BLOCK.finditer(text):
        parts += [change(text[last : block.start()]), block[0]]
        last = block.end()
    return "".join([*parts, change(text[last:])])


def _outside(path: Path) -> bool:
    return path.exists() and not path.is_relative_to(ROOT / "docs")


def _uri(path: Path) -> str:
    inside = path.relative_to(ROOT)
    return str(inside.relative_to("docs") if inside.parts[0] == "docs" else inside)
