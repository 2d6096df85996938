"""What MkDocs calls while it builds: the generated pages are put in, and files that pages name are shown in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.generated import commands, life_cycle, wire
from vac_core.config.reference import reference
from vac_core.plugins import load_plugins

_SHOWN_FILE: Final = re.compile(r"^--> (?P<path>[\w./-]+)$", re.MULTILINE)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    pages: dict[str, str | bytes] = {
        "reference/options.md": reference(load_plugins().option_sets),
        "reference/commands.md": commands.page(),
        "reference/wire.md": wire.page(),
        "reference/life-cycle.md": life_cycle.page(),
        f"reference/{life_cycle.PICTURE}": life_cycle.picture(),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in files where a line of a page is ``--> PATH``, with the path from the page's own directory."""
    del config, files
    where = Path(page.file.abs_src_path or "").parent
    return _SHOWN_FILE.sub(lambda match: (where / match["path"]).read_text("utf-8").rstrip(), markdown)
