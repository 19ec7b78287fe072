"""Each room's main job through the studio in a browser, at two sizes: what is on the page, and what is on the disk.

Debian's Chromium, driven by Playwright; skipped where either is missing.
"""

import csv
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright.sync_api")

import uvicorn
from playwright.sync_api import expect, sync_playwright

from contracts import CONTRACTS
from limner.cli import main
from limner.learning.library import load_recipe
from limner.learning.runs.opening import bundled_models
from limner.learning.runs.run import Run
from limner.studio.folder import EXAMPLES
from limner.studio.pages.caption import NOTHING
from limner.studio.server import Studio, open_studio

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
OLDER = Path(__file__).parents[1] / "fixtures/runs-0.1.0"
SIZES = {"wide": {"width": 1400, "height": 900}, "narrow": {"width": 400, "height": 800}}
LONG_MS = 120_000
WIDTH = "each => each.decode().then(() => each.naturalWidth)"
"""Of a picture, in its own pixels, as soon as it is there."""
SHEET = ".sheet:not([aria-busy])"
"""What is drawn on, once its picture has come."""
SHOTS = os.environ.get("LIMNER_SCREENSHOTS")
"""A folder for pictures of every page, for people to look at."""


class Browser(NamedTuple):
    browser: Any
    studio: Studio
    address: str
    wrong: list[str]

    def page(self, path: str = "", size: str = "wide", scheme: str = "light") -> Any:
        """A tab; `wrong` collects what it asks elsewhere, and every error of its script."""
        context = self.browser.new_context(viewport=SIZES[size], color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(LONG_MS)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("request", lambda request: self._note(request.url))
        page.goto(self.address + path)
        return page

    def _note(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:", "about:")):
            self.wrong.append(url)

    @property
    def root(self) -> Path:
        return self.studio.folder.root


@pytest.fixture(autouse=True)
def nothing_wrong(browser: Browser) -> Iterator[None]:
    """No script failed, and nothing was asked of any other place."""
    yield
    assert browser.wrong == []


def train(room: str, recipe: str, folder: Path, out: Path, *more: str) -> None:
    """A run of two steps, of a room's smallest network; what is learned from is drawn once."""
    contract = CONTRACTS[room]
    data = folder if folder.exists() else contract.draw(folder)
    words = ["train", recipe, "--data", str(data), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        contract.slim(patch)
        main([*words, *contract.settings(load_recipe(recipe)), *more])
    assert left.value.code == 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    root = tmp_path_factory.mktemp("studio")
    (root / "runs").mkdir()
    shutil.copytree(OLDER / "generate", root / "runs/made")
    train("detect", "detect/yolo-tiny", root / "objects", root / "runs/found")
    train("translate", "translate/pairs-l1", root / "drawn", root / "runs/turned")
    train("translate", "translate/fill", root / "drawn", root / "runs/filler")
    train("segment", "segment/demo", root / "town", root / "runs/tiny", "--network.width=4")
    for recipe, name in (("stylegan2-light", "styled"), ("melody", "played")):
        train("generate", f"generate/{recipe}", root / "media", root / "runs" / name)
    train("generate", "generate/captions", root / "media/clips", root / "runs/says")
    shutil.copytree(bundled_models()["buildings"], root / "runs/before")
    (root / "runs/before/run.json").write_text('{"status": "finished"}')
    stills = [Image.new("RGB", (16, 16), color) for color in ("red", "teal", "gold")]
    stills[0].save(root / "clip.gif", save_all=True, append_images=stills[1:])
    with pytest.raises(SystemExit):
        main(["train", "classify/lenet-digits", "--loop.steps", "20", "--out", str(root / "runs/told")])
    with rasterio.open(EXAMPLES["banepa"]) as whole:  # a corner of it is mapped in a second
        window = rasterio.windows.Window(600, 900, 320, 256)
        profile = {**whole.profile, "width": 320, "height": 256, "transform": whole.window_transform(window)}
        with rasterio.open(root / "corner.tif", "w", **profile) as corner:
            corner.write(whole.read(window=window))
    for name, source in (("photo.jpg", "dubai"), ("look.png", "kampala")):
        with Image.open(EXAMPLES[source]) as picture:
            picture.convert("RGB").resize((160, 120)).save(root / name)
    studio = open_studio(root)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(studio.application(port), log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Browser(opened, studio, f"http://127.0.0.1:{port}/{studio.token}/", [])
        opened.close()
    server.should_exit = True
    thread.join(10)
    studio.board.close()


def check_looks(page: Any, name: str) -> None:
    """Nothing is wider than the window, every control has a name, at both sizes; pictures of it where asked for."""
    for size, view in SIZES.items():
        page.set_viewport_size(view)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (name, size)
        if SHOTS:
            page.emulate_media(color_scheme="dark" if size == "narrow" else "light")
            page.wait_for_timeout(300)
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{size}.png"), full_page=True)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, a, iframe")].filter(each =>
            !(each.labels && each.labels.length) && !each.ariaLabel && !each.title && !each.textContent.trim())
            .map(each => each.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("h1").count() == 1 and page.locator("img:not([alt])").count() == 0


def done(page: Any) -> str:
    """The job's name, once it is done."""
    page.wait_for_selector(".state.done, .state.failed")
    assert page.locator(".state.done").count() == 1, page.locator(".said pre").text_content()
    return str(page.url.rsplit("/", 1)[1])


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse over the sheet; (x, y) as shares of its sides."""
    sheet = page.locator(SHEET)
    sheet.scroll_into_view_if_needed()
    frame = sheet.bounding_box()
    places = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    page.mouse.up()


def paint_left_of_middle(page: Any) -> None:
    """Paint a stroke of 20 px from the middle of the picture to its left edge, by keys."""
    page.get_by_role("button", name="Paint it here: Mask", exact=True).click()
    page.get_by_label("Brush", exact=True).fill("10")
    page.locator(SHEET).focus()
    page.keyboard.press("Space")
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")


def test_a_scene_is_mapped_by_drop_and_button(browser: Browser) -> None:
    page = browser.page("segment")
    check_looks(page, "segment")
    chooser = page.locator("[data-name=scene] input[type=file]")
    chooser.set_input_files(str(browser.root / "corner.tif"))
    expect(page.locator("[name=scene]")).to_have_value("studio/uploads/corner.tif")
    expect(page.locator("#command")).to_contain_text("limner segment buildings studio/uploads/corner.tif")
    page.get_by_role("button", name="Map it").click()
    page.wait_for_url("**/work/**")
    job = done(page)
    maps = browser.root / "studio" / job / "maps"
    with rasterio.open(maps / "corner_classes.tif") as classes:
        assert (classes.width, classes.height) == (320, 256)
        share = float((classes.read(1) == 1).mean())
    assert 0.05 < share < 0.95 and f"{100 * share:.2f} %" in page.locator(".facts").inner_text()
    assert (maps / "corner_entropy.tif").exists() and (maps / "corner_building.gpkg").exists()
    for name in ("the scene", "map", "footprints"):
        picture = page.locator(f"img[alt='{name}']")
        assert picture.evaluate(WIDTH) == 320, name
    doubt = page.locator("img[alt=doubt]")
    assert not doubt.is_visible()
    page.get_by_label("doubt", exact=True).check()
    assert doubt.is_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="footprints as polygons").click()
    assert download.value.suggested_filename == "corner_building.gpkg"
    assert f"limner segment buildings studio/uploads/corner.tif --entropy --out studio/{job}/maps" in page.inner_text(
        "main"
    )
    check_looks(page, "segment-result")
    assert page.locator(".comparison").count() == 0
    page.goto(f"{browser.address}segment?run=runs/before&scene=studio/uploads/corner.tif")
    page.get_by_role("button", name="Map it").click()
    page.wait_for_url("**/work/**")
    done(page)
    spans = page.locator(".comparison span").all_inner_texts()
    assert spans == ["buildings", "runs/before"]
    assert page.locator(".comparison img").first.evaluate(WIDTH) == 320
    check_looks(page, "segment-before-and-after")


def test_buildings_are_drawn_over_the_scene_by_mouse_and_keys(browser: Browser) -> None:
    page = browser.page("refine")
    page.select_option("[name=scene]", "corner.tif")
    page.get_by_role("button", name="Draw here: Drawn objects").click()
    sheet = page.locator(SHEET)
    page.get_by_role("radio", name="Box").check()
    drag(page, (0.25, 0.25), (0.5, 0.5))
    expect(page.locator(".easel .count")).to_have_text("1 drawn")
    page.get_by_role("radio", name="Outline").check()
    sheet.focus()
    for key, times in (("Space", 1), ("ArrowRight", 10), ("Space", 1), ("ArrowDown", 5), ("Space", 1), ("Enter", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    expect(page.locator(".easel .count")).to_have_text("2 drawn")
    check_looks(page, "refine-drawing")
    page.set_viewport_size(SIZES["wide"])
    page.get_by_role("button", name="Use these objects").click()
    expect(page.locator("[name=labels]")).to_have_value("studio/uploads/corner-objects.gpkg")
    expect(page.locator("#command")).to_contain_text("--labels studio/uploads/corner-objects.gpkg")
    shapes = shapely.from_wkb(pyogrio.raw.read(browser.root / "studio/uploads/corner-objects.gpkg")[2])
    with rasterio.open(browser.root / "corner.tif") as corner:
        left, top, ground = corner.bounds.left, corner.bounds.top, corner.transform.a
    box, outline = shapes
    expected = (left + 80 * ground, top - 128 * ground, left + 160 * ground, top - 64 * ground)
    assert box.bounds == pytest.approx(expected, abs=2 * ground)
    assert outline.area == pytest.approx(0.5 * (0.2 * 320) * (0.1 * 320) * ground**2, rel=0.1)


def test_a_run_is_refined_on_what_was_drawn_and_its_map_stands_beside_the_former(browser: Browser) -> None:
    page = browser.page("refine?run=runs/tiny&scene=corner.tif")
    page.get_by_role("button", name="Draw here: Drawn objects").click()
    page.get_by_role("radio", name="Box").check()
    for x, y in ((0.1, 0.1), (0.6, 0.1), (0.1, 0.6), (0.6, 0.6)):
        drag(page, (x, y), (x + 0.2, y + 0.25))
    expect(page.locator(".easel .count")).to_have_text("4 drawn")
    page.get_by_role("button", name="Use these objects").click()
    expect(page.locator("[name=labels]")).to_have_value(re.compile("^studio/uploads/corner-objects"))
    page.locator("summary").first.click()
    page.fill("[name=epochs]", "1")
    page.fill("[name=name]", "town")
    page.get_by_role("button", name="Refine").click()
    page.wait_for_url("**/work/**")
    done(page)
    status = Run(browser.root / "runs/town-001").status
    assert status["status"] == "finished" and status["steps"] > 0
    assert "kept: " in page.locator("pre").first.inner_text()
    check_looks(page, "refine-result")
    for link in ("Map the scene as before, to compare", "Map the scene with it"):
        maps = browser.page(
            page.get_by_role("link", name=link).evaluate("each => each.href").removeprefix(browser.address)
        )
        maps.get_by_role("button", name="Map it").click()
        maps.wait_for_url("**/work/**")
        done(maps)
    assert maps.locator(".comparison span").all_inner_texts() == ["runs/tiny", "runs/town-001"]
    check_looks(maps, "refine-maps")


def test_a_photo_is_recolored_where_it_is_painted_and_compared_by_keys(browser: Browser) -> None:
    page = browser.page("recolor", "narrow")
    page.select_option("[name=photo]", "photo.jpg")
    page.locator("summary").first.click()
    paint_left_of_middle(page)
    check_looks(page, "recolor-painting")
    page.set_viewport_size(SIZES["narrow"])
    page.get_by_role("button", name="Use this mask").click()
    expect(page.locator("[name=mask]")).to_have_value("studio/uploads/photo-mask.png")
    mask = np.asarray(Image.open(browser.root / "studio/uploads/photo-mask.png")) == 255
    assert mask.shape == (120, 160) and mask[60, :80].all() and not mask[60, 100:].any() and not mask[:40].any()
    page.select_option("[name=like]", "look.png")
    page.select_option("[name=method]", "reinhard")
    page.get_by_role("button", name="Recolor it").click()
    page.wait_for_url("**/work/**")
    job = done(page)
    made = browser.root / "studio" / job / "recolored/photo.jpg"
    before, like, after = (
        np.asarray(Image.open(path).convert("RGB"), np.float64) for path in (browser.root / "photo.jpg",
        browser.root / "look.png", made))  # fmt: skip
    assert np.abs(after - before)[~mask].mean() < 4 < np.abs(after - before)[mask].mean()
    goal = like.mean((0, 1))
    assert np.abs(after[mask].mean(0) - goal).sum() < np.abs(before[mask].mean(0) - goal).sum() / 2
    slider = page.get_by_label("How much of the picture is shown as before")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert page.locator(".comparison").evaluate("each => each.style.getPropertyValue('--at')") == "45%"
    check_looks(page, "recolor-result")


def test_a_training_grows_curves_stops_and_goes_on(browser: Browser) -> None:
    page = browser.page("train")
    page.select_option("[name=recipe]", "classify/lenet-digits")
    page.fill("[name=steps]", "4000")
    page.locator("summary").click()
    page.fill("[name=name]", "digits")
    page.fill("[name=settings]", "--loop.log-every 5")
    check_looks(page, "train")
    page.get_by_role("button", name="Train").click()
    page.wait_for_selector("svg.curves")
    assert "of 4,000 steps" in page.locator(".status .line").inner_text()
    check_looks(page, "train-works")
    other = browser.page("recolor")  # a second tab, meanwhile
    assert other.get_by_role("button", name="Recolor it").is_enabled()
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(".state.stopped")
    metrics = browser.root / "runs/digits-001/metrics.csv"
    before = len(metrics.read_text().splitlines())
    assert before > 2 and (browser.root / "runs/digits-001/model.json").exists()
    page.get_by_role("button", name="Go on").click()
    page.wait_for_selector(".state.working")
    for _ in range(600):
        if len(metrics.read_text().splitlines()) > before + 2:
            break
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(".state.stopped")
    steps = [int(row.partition(",")[0]) for row in metrics.read_text().splitlines()[1:]]
    assert steps == sorted(steps) and len(steps) > before
    page.goto(f"{browser.address}runs")
    row = page.get_by_role("row", name="runs/digits-001")
    assert "interrupted" in row.inner_text()
    check_looks(page, "runs")
    page.get_by_role("link", name="runs/digits-001").click()
    assert page.locator("svg.curves").count() >= 1
    check_looks(page, "run")


def test_pictures_are_made_and_a_walk_is_gone(browser: Browser) -> None:
    page = browser.page("walk?run=runs/made")
    page.fill("[name=stops]", "2")
    page.fill("[name=seconds]", "1")
    page.get_by_role("button", name="Walk").click()
    page.wait_for_url("**/work/**")
    makes = browser.page("generate?run=runs/made")
    makes.fill("[name=n]", "5")
    makes.get_by_role("button", name="Make them").click()
    makes.wait_for_url("**/work/**")
    walk, made = done(page), done(makes)
    assert len(list((browser.root / "studio" / made / "generated").glob("*.png"))) == 5
    assert makes.locator(".tiny img").count() == 5
    assert (browser.root / "studio" / walk / "walk.gif").exists()
    frames = page.locator(".film img")
    assert frames.count() > 10 and frames.nth(0).is_visible() and not frames.nth(1).is_visible()
    page.get_by_label("Place on the walk").focus()
    page.keyboard.press("ArrowRight")
    assert frames.nth(1).is_visible() and not frames.nth(0).is_visible()
    check_looks(page, "walk-result")
    check_looks(makes, "generate-result")


def test_styles_are_mixed_music_is_heard_and_a_clip_is_told(browser: Browser) -> None:
    mixes = browser.page("styles?run=runs/styled")
    assert "runs/played" not in mixes.locator("[name=run] option").all_inner_texts()
    slider = mixes.get_by_role("slider", name="Truncation")
    slider.fill("0.7")
    expect(mixes.locator("[name=truncation]")).to_have_value("0.7")
    expect(mixes.locator("#command")).to_contain_text(
        "limner generate runs/styled --mix 0,3,5 --seed 0 --truncation 0.7"
    )
    check_looks(mixes, "styles")
    mixes.get_by_role("button", name="Mix them").click()
    mixes.wait_for_url("**/work/**")
    plays = browser.page("generate?run=runs/played&n=2")
    plays.get_by_role("button", name="Make them").click()
    plays.wait_for_url("**/work/**")
    tells = browser.page("caption")
    assert tells.locator("[name=run] option").all_inner_texts() == ["runs/says"]
    tells.select_option("[name=clip]", "clip.gif")
    tells.get_by_role("button", name="Say it").click()
    tells.wait_for_url("**/work/**")
    mixed, played, told = done(mixes), done(plays), done(tells)
    assert mixes.locator("img[src*='generated-mix-']").evaluate(WIDTH) > 64
    assert list((browser.root / "studio" / mixed).glob("generated-mix-*.png"))
    assert len(list((browser.root / "studio" / played / "generated").glob("*.mid"))) == 2
    assert plays.locator("audio").count() == 2 and plays.locator(".heard img").count() == 2
    seconds = "each => new Promise(done => { each.onloadedmetadata = () => done(each.duration); each.load(); })"
    assert plays.locator("audio").first.evaluate(seconds) > 1
    with (browser.root / "studio" / told / "captions.csv").open(encoding="utf-8") as table:
        (row,) = csv.DictReader(table)
    assert tells.locator(".facts dd").inner_text() == (row["caption"] or NOTHING)
    assert tells.locator(".clip img").evaluate(WIDTH) == 16
    check_looks(mixes, "styles-result")
    check_looks(plays, "music-result")
    check_looks(tells, "caption-result")


def test_a_picture_is_translated_and_objects_are_found(browser: Browser) -> None:
    turns = browser.page("translate?run=runs/turned")
    turns.select_option("[name=picture]", "photo.jpg")
    turns.get_by_role("button", name="Translate it").click()
    turns.wait_for_url("**/work/**")
    finds = browser.page("detect?run=runs/found")
    finds.select_option("[name=picture]", "objects/images/0.png")
    finds.get_by_role("button", name="Find them").click()
    finds.wait_for_url("**/work/**")
    turned, found = done(turns), done(finds)
    (made,) = (browser.root / "studio" / turned / "translated").glob("photo.*g")
    assert Image.open(made).size == (160, 120) and turns.locator(".comparison").count() == 1
    assert (browser.root / "studio" / found / "found/detections.json").exists()
    boxes = finds.locator("rect")
    slider = finds.locator(".threshold input")
    slider.fill("0.05")
    assert finds.locator("rect:not([hidden])").count() == boxes.count()
    slider.fill("0.99")
    assert (
        finds.locator(".count").inner_text()
        == f"{finds.locator('rect:not([hidden])').count()} of {boxes.count()} objects"
    )
    check_looks(turns, "translate-result")
    check_looks(finds, "detect-result")


def test_nothing_is_painted_before_the_picture_has_come(browser: Browser) -> None:
    page = browser.page("translate?run=runs/filler")
    page.select_option("[name=picture]", "photo.jpg")
    page.locator("summary").first.click()
    held: list[Any] = []
    page.route("**/picture?*", lambda route: held.append(route))
    page.get_by_role("button", name="Paint it here: Mask", exact=True).click()
    page.locator(".sheet").focus()
    page.keyboard.press("Space")
    assert len(held) == 1 and page.locator(SHEET).count() == 0
    held[0].continue_()
    page.locator(SHEET).focus()
    expect(page.locator(".easel .count")).to_have_text("0.0 % painted")  # and the brush is not down
    page.keyboard.press("Space")
    expect(page.locator(".easel .count")).to_contain_text("the brush is down")


def test_a_painted_hole_is_filled_and_the_rest_stays(browser: Browser) -> None:
    page = browser.page("translate?run=runs/filler")
    page.select_option("[name=picture]", "photo.jpg")
    page.locator("summary").first.click()
    paint_left_of_middle(page)
    page.get_by_role("button", name="Use this mask").click()
    expect(page.locator("[name=mask]")).not_to_have_value("")
    mask = np.asarray(Image.open(browser.root / page.locator("[name=mask]").input_value())) == 255
    page.get_by_role("button", name="Translate it").click()
    page.wait_for_url("**/work/**")
    job = done(page)
    (made,) = (browser.root / "studio" / job / "translated").glob("photo.*g")
    before, after = (np.asarray(Image.open(path).convert("RGB"), int) for path in (browser.root / "photo.jpg", made))
    change = np.abs(after - before)
    assert change[~mask].mean() < 4 < change[mask].mean()  # JPEG changes a little everywhere
    check_looks(page, "fill-result")


def test_a_picture_is_told_with_its_evidence(browser: Browser) -> None:
    page = browser.page("classify?run=runs/told")
    page.select_option("[name=picture]", "photo.jpg")
    page.get_by_role("button", name="Tell").click()
    page.wait_for_url("**/work/**")
    job = done(page)
    (row, *_) = (browser.root / "studio" / job / "classified/classes.csv").read_text().splitlines()[1:]
    _, name, share = row.split(",")[:3]
    assert f"{100 * float(share):.2f} %" in page.locator(".facts").inner_text()
    assert page.locator("tbody tr").count() == 5 and page.locator("tbody tr").first.inner_text().startswith(name)
    check_looks(page, "classify-result")


def test_a_network_is_looked_into_and_data_is_checked(browser: Browser) -> None:
    looks = browser.page("look?run=runs/told")
    looks.select_option("[name=picture]", "photo.jpg")
    looks.get_by_role("button", name="Look").click()
    looks.wait_for_url("**/work/**")
    checks = browser.page("check")
    checks.select_option("[name=data]", "objects")
    checks.select_option("[name=room]", "detect")
    checks.get_by_role("button", name="Check it").click()
    checks.wait_for_url("**/work/**")
    looked, checked = done(looks), done(checks)
    assert (browser.root / "studio" / looked / "look.html").exists()
    inside = looks.frame_locator("iframe.page")
    assert inside.locator("h1").first.inner_text()
    assert "10 pictures" in checks.locator("pre.lines").first.inner_text()
    assert (browser.root / "studio" / checked / "check.png").exists()
    check_looks(checks, "check-result")
    check_looks(looks, "look-result")


def test_mistakes_are_told_beside_the_button_and_the_page_is_used_by_keyboard(browser: Browser) -> None:
    page = browser.page("segment", "narrow", "dark")
    page.get_by_role("button", name="Map it").click()
    page.wait_for_selector(".error:not([hidden])")
    assert page.get_by_role("alert").inner_text().startswith("Scene is missing")
    page.goto(browser.address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.querySelector('b').textContent") == "Map a scene"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(20, 24, 29)"
    check_looks(page, "home")
