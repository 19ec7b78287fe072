"""The documentation as a site: built without a warning, whole, searchable, loading nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("zensical")
pytest.importorskip("mkdocstrings")

import limner

TOP = Path(__file__).parents[1]
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
"""What a browser fetches by itself."""
NOT_FETCHED = ("canonical", "prev", "next", "edit")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built beside the folders that its pages link to, as in the repository."""
    top = tmp_path_factory.mktemp("repository")
    shutil.copytree(TOP / "docs", top / "docs")
    (top / "src").symlink_to(TOP / "src")
    shutil.copy(TOP / "zensical.toml", top)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=top, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert (done.returncode, "No issues found" in said) == (0, True), said[-3000:]
    return top / "site"


def test_every_page_is_there_and_can_be_searched(site: Path) -> None:
    pages = {path.relative_to(TOP / "docs").with_suffix(".html") for path in (TOP / "docs").rglob("*.md")}
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    assert pages <= built
    index = (site / "search.json").read_text(encoding="utf-8")
    for words in ("limner segment", "residual-unet", "superpixel", "StyleGAN2"):
        assert words in index


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.ids.add(given.get("id") or "")
        address = given.get(LOADED.get(tag, "")) or ""
        if address and given.get("rel") not in NOT_FETCHED:
            self.fetched.append(address)


def test_pages_load_nothing_from_elsewhere_and_all_that_they_load_is_there(site: Path) -> None:
    for path in site.rglob("*.html"):
        tags = _Tags()
        tags.feed(path.read_text(encoding="utf-8"))
        for address in tags.fetched:
            assert not re.match(r"(https?:)?//", address), (path.name, address)
            if not address.startswith("data:"):
                there = site if path.name == "404.html" and address.startswith("/") else path.parent
                assert (there / address.lstrip("/").partition("?")[0]).exists(), (path.name, address)


def test_the_reference_tells_of_every_function_of_the_api(site: Path) -> None:
    tags = _Tags()
    tags.feed((site / "api.html").read_text(encoding="utf-8"))
    told = {name.rpartition(".")[2] for name in tags.ids}
    assert {place.rpartition(":")[2] for place in limner._PLACES.values()} | {"UserError"} <= told
    assert "its folder, <code>last</code>" in (site / "api.html").read_text(encoding="utf-8").replace("\n", " ")


def test_notebooks_stand_there_as_they_were_run_with_the_files_to_open(site: Path) -> None:
    page = (site / "convnets/notebooks/pooling.html").read_text(encoding="utf-8")
    assert "average [13.0, 8.0, 79.0, 19.5]" in re.sub(r"<[^>]+>", "", page)
    for path in (TOP / "docs/convnets/notebooks").glob("*.ipynb"):
        assert (site / "convnets/notebooks" / path.name).exists()
        assert f'href="{path.name}"' in (site / "convnets/notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
