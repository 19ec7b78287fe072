"""Reports: everything in one page, everything escaped; and curves that show what was measured."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from limner.foundation.errors import UserError
from limner.reporting.report import Report, draw_curves, has_curve

VOID = {"input", "meta", "img", "br", "link"}


class Page(HTMLParser):
    """The tags of a page, checked for balance, and the text between them."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def picture(seed=0, height=33, width=47):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def embedded(page):
    urls = [image["src"] for image in page.attributes("img")]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def test_a_report_stands_alone_and_is_well_formed(tmp_path):
    report = Report("Banepa", "a run").text("One.\n\nTwo.").facts({"F1": 0.8123})
    report.section("Scores").table(["area", "F1"], [["west", 0.5], ["east", None]], "By area")
    report.section("Pictures").picture(picture(), "A chip").pictures(
        [(picture(1), "left"), (picture(2), "right")], "Two"
    )
    report.section("Commands").command(["limner check data", "limner train segment/demo"])
    page = Page(report.write(tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert not any("src" in tag or "href" in tag for tag in page.attributes("link") + page.attributes("script"))
    assert all(image["src"].startswith("data:image/") for image in page.attributes("img"))
    assert {"Banepa", "a run", "One.", "Two.", "0.812", "west", "0.500", "–", "limner check data"} <= set(page.texts)
    assert [text for text in page.texts if re.match(r"(Figure|Table) \d", text)] == [
        "Table 1.",
        "Figure 1.",
        "Figure 2.",
    ]


def test_the_contents_list_every_section_and_lead_to_it():
    page = Page(Report("Title").section("First").text("a").section("Second & last").text("b").to_html())
    targets = [link["href"].removeprefix("#") for link in page.attributes("a")]
    assert targets == [section["id"] for section in page.attributes("section")]
    assert page.texts.count("First") == 2 and page.texts.count("Second & last") == 2


def test_no_text_can_become_markup():
    evil = "<script>alert('x')</script>\"'&"
    report = Report(evil, evil).text(evil).facts({evil: evil})
    report.section(evil).table([evil], [[evil]], evil).pictures([(picture(), evil)], evil).command(evil)
    html = report.to_html()
    page = Page(html)
    assert "<script" not in html
    assert page.attributes("img")[0]["alt"] == evil
    assert sum("alert('x')" in text for text in page.texts) >= 9


def test_the_best_of_a_column_is_set_in_bold_and_ties_share_it():
    rows = [["a", 0.1, 3.0], ["b", 0.70004, 1.0], ["c", 0.7, 2.0], ["d", None, None]]
    page = Page(Report("t").table(["run", "F1", "loss"], rows, best={"F1": "highest", "loss": "lowest"}).to_html())
    cells = [cell.get("class", "") for cell in page.attributes("td")]
    assert ["best" in cell for cell in cells] == [
        False, False, False,
        False, True, True,
        False, True, False,
        False, False, False,
    ]  # fmt: skip


def test_tables_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="under a header of 2"):
        Report("t").table(["a", "b"], [[1]])
    with pytest.raises(ValueError, match="no column"):
        Report("t").table(["a"], [[1]], best=["b"])


def test_drawings_stay_sharp_and_photographs_small():
    drawing = np.zeros((40, 40, 3), np.uint8)
    drawing[10:20] = (230, 159, 0)
    first, second = embedded(
        Page(Report("t").pictures([(drawing, ""), (picture(height=200, width=200), "")]).to_html())
    )
    assert (first.format, second.format) == ("PNG", "JPEG")
    assert np.array_equal(np.asarray(first), drawing)


def test_files_are_embedded_as_they_are_unless_they_are_huge(tmp_path):
    for name, size in (("small.png", 60), ("large.png", 1700), ("other.tif", 60)):
        Image.fromarray(picture(height=20, width=size)).save(tmp_path / name)
    names = ("small.png", "large.png", "other.tif")
    page = Page(Report("t").pictures([(tmp_path / name, name) for name in names]).to_html())
    assert base64.b64encode((tmp_path / "small.png").read_bytes()).decode() in page.attributes("img")[0]["src"]
    assert [image.width for image in embedded(page)] == [60, 1600, 60]


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("broken.png", "missing.png"):
        with pytest.raises(UserError, match=name):
            Report("t").picture(tmp_path / name)


def test_a_report_is_a_web_page(tmp_path):
    with pytest.raises(UserError, match=r"report\.pdf.*\.html"):
        Report("t").write(tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []


# --- curves ---------------------------------------------------------------------------------------------------------


def rows_of_metrics():
    rows = [
        {"step": str(step), "epoch": "", "stage": "main", "train/loss": str(1 / (1 + step))} for step in range(0, 50, 5)
    ]
    rows[-1] |= {"epoch": "1", "validation/loss": "0.5", "validation/f1": "0.7", "train/learning_rate": "0.001"}
    return [{"validation/f1": "", **row} for row in rows]


@pytest.fixture
def drawn(monkeypatch, drawn_figures):
    """The figures that were drawn."""
    from matplotlib.figure import Figure

    figures, begin = [], Figure.__init__

    def keep(figure, *arguments, **options):
        begin(figure, *arguments, **options)
        figures.append(figure)

    monkeypatch.setattr(Figure, "__init__", keep)
    return figures


def test_losses_and_scores_have_a_panel_each_and_empty_cells_are_no_points(tmp_path, drawn):
    draw_curves(rows_of_metrics(), tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").format == "PNG"
    panels = {
        axes.get_ylabel(): {line.get_label(): len(line.get_xdata()) for line in axes.lines} for axes in drawn[0].axes
    }
    assert panels == {
        "loss": {"train loss": 10, "validation loss": 1},
        "score, %": {"validation f1": 1},
        "learning rate": {"train learning_rate": 1},
    }
    training, validation = drawn[0].axes[0].lines
    assert training.get_color() == validation.get_color()
    assert training.get_linewidth() < validation.get_linewidth()


def test_several_stages_are_marked_where_they_begin(tmp_path, drawn):
    rows = [{"step": step, "stage": "first" if step < 30 else "second", "train/loss": 1.0} for step in range(0, 60, 10)]
    draw_curves(rows, tmp_path / "curves.png")
    assert {text.get_text(): text.xy[0] for text in drawn[0].axes[0].texts} == {"first": 0, "second": 30}


@pytest.mark.parametrize("rows", [[], [{"step": "0", "epoch": "0", "stage": "main", "train/loss": ""}]])
def test_nothing_measured_is_nothing_to_draw(tmp_path, rows):
    with pytest.raises(UserError, match="no curve to draw"):
        draw_curves(rows, tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_a_point_alone_is_no_curve() -> None:
    rows = [{"step": "2", "epoch": "1", "stage": "main", "train/loss": "0.5", "validation/f1": "0.7"}]
    assert has_curve(rows_of_metrics()) and not has_curve(rows) and not has_curve([])
    assert has_curve([*rows, {"step": "4", "stage": "main", "train/loss": "0.4"}])


def test_pictures_enlarge_and_the_page_has_a_dark_side_without_a_script() -> None:
    html = (
        Report("t").pictures([(picture(height=20, width=30), "one"), (picture(height=20, width=30), "two")]).to_html()
    )
    assert html.count('<label class="zoom"><input type="checkbox" aria-label="Enlarge"><img') == 2
    assert ".zoom:has(input:checked) { position: fixed; inset: 0; z-index: 1; overflow: auto;" in html
    assert "prefers-color-scheme: dark" in html
    assert 'content="light dark"' in html
    assert "<script" not in html


def test_two_pictures_are_compared_by_a_divider_that_keys_and_touch_move() -> None:
    before, after = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8)
    html = Report("t").comparison(before, after, names=("photo", "evening")).to_html()
    assert (
        '<input type="range" min="0" max="100" value="50" aria-label="How much of the picture is shown as photo' in html
    )
    assert html.index('alt="evening"') < html.index('class="before"') < html.index('alt="photo"')
    assert html.count("<script>") == 1 and "pointerdown" in html and 'src="http' not in html
    with pytest.raises(ValueError, match="one size"):
        Report("t").comparison(before, after[1:])


def test_a_region_is_a_path_in_each_picture_and_a_key_below() -> None:
    left, right = np.zeros((4, 6), int), np.ones((4, 6), int)
    right[0] = -1
    shown = picture(height=8, width=12)
    html = (
        Report("t")
        .regions([(shown, left, "target"), (shown, right, "reference")], [("a third", ["red"]), ("<rest>", [])])
        .to_html()
    )
    assert html.count('<path class="r0" d="M0 0h6v4h-6z"/>') == html.count('<path class="r1" d="M0 1h6v3h-6z"/>') == 1
    assert '<button type="button" class="r0"><i style="background: red"></i><span>a third</span></button>' in html
    assert "&lt;rest&gt;" in html
    with pytest.raises(ValueError, match="at most"):
        Report("t").regions([(shown, left, "target")], [("", [])] * 17)
