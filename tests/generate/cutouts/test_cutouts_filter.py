"""The filter: with a detector that answers by size, and with torchvision's own class on random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from cutouts_stub import StubDetector
from drawn_cityscapes import write_cityscapes
from limner.foundation.errors import UserError
from limner.generate.cutouts.detector import class_for
from limner.generate.cutouts.mask_rcnn import NAMES, MaskRcnn
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import CutOuts, cut_out


def cut(folder: Path, detector: StubDetector | None = None, **given: object) -> CutOuts:
    """Cars of 60 x 40 (two), 40 x 40, 10 x 6 and a group in one street; the stub's scores are 0.6, 0.6,
    0.4 and none.
    """
    root = write_cityscapes(folder / "city", count=1, splits=("train",))
    options = CutOutOptions(**{"workers": 1, "min_width": 1, "min_height": 1, "min_score": 0.5, **given})  # type: ignore[arg-type]
    return cut_out(root, "car", folder / "out", options, detector=detector or StubDetector())


def test_only_what_the_detector_is_sure_of_is_kept(tmp_path: Path) -> None:
    made = cut(tmp_path)
    assert [(row.instance, row.score, row.kept, row.reason) for row in made.rows] == [
        ("26", None, "no", "group"),
        ("26000", 0.6, "yes", ""),
        ("26002", 0.6, "yes", ""),
        ("26003", 0.4, "no", "low score"),
        ("26004", None, "no", "not found"),
    ]
    assert made.rejected == {"group": 1, "low score": 1, "not found": 1}


def test_a_cut_out_is_cropped_to_the_predicted_box_on_whole_pixels(tmp_path: Path) -> None:
    made = cut(tmp_path)
    (row,) = [row for row in made.rows if row.instance == "26002"]
    assert (row.x0, row.y0, row.x1, row.y1) == (125, 75, 185, 115)
    assert (row.found_x0, row.found_y0, row.found_x1, row.found_y1) == (124, 74, 186, 116)
    shown = np.asarray(Image.open(tmp_path / "out" / row.file))
    assert shown.shape == (42, 62, 3)
    assert (shown[0] == (51, 255, 51)).all() and not (shown[1, 1:-1] == (51, 255, 51)).all(axis=-1).any()


def test_the_crop_to_the_mask_and_the_whole_picture_need_no_prediction(tmp_path: Path) -> None:
    for crop, size in (("mask", (60, 40)), ("none", (256, 128))):
        made = cut(tmp_path / crop, crop=crop)
        assert Image.open(made.files[-1]).size == size


def test_objects_are_shown_alone_in_batches_and_asked_for_by_name(tmp_path: Path) -> None:
    stub = StubDetector((0, 0, 255))
    made = cut(tmp_path, stub, background="0,0,255")
    assert stub.batches == [4] and set(stub.asked) == {"car"}
    assert len(made.files) == 2


def test_without_the_filter_the_detector_is_not_asked(tmp_path: Path) -> None:
    stub = StubDetector()
    made = cut(tmp_path, stub, no_filter=True, min_score=0.9)
    assert stub.batches == [] and len(made.files) == 4


def test_names_of_other_data_sets_are_known_and_others_refused() -> None:
    stub = StubDetector()
    assert [class_for(name, stub) for name in ("Car", "rider", "pedestrian", "van")] == [
        "car",
        "person",
        "person",
        "car",
    ]
    with pytest.raises(
        UserError, match="knows no 'trailer'; give a class of COCO with --detect-as, or add --no-filter"
    ):
        class_for("trailer", stub)
    with pytest.raises(UserError, match="with --detect-as, such as bus, or"):
        class_for("minibus", stub)


def test_detect_as_says_what_to_find(tmp_path: Path) -> None:
    stub = StubDetector()
    cut(tmp_path, stub, detect_as="bus")
    assert set(stub.asked) == {"bus"}
    with pytest.raises(UserError, match="knows no 'lorry'"):
        cut(tmp_path / "other", stub, detect_as="lorry")
    assert not (tmp_path / "other/out").exists()


def test_missing_weights_are_one_line_that_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    root = write_cityscapes(tmp_path / "city", count=1)
    with pytest.raises(
        UserError, match=r"needs maskrcnn_.*\(\d+ MB\); put it at .*, add --download, or add --no-filter$"
    ):
        cut_out(root, "car", tmp_path / "out", CutOutOptions(workers=1))
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def mask_rcnn() -> MaskRcnn:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, min_size=64, max_size=96, box_score_thresh=0.0,
            rpn_pre_nms_top_n_test=20,
            rpn_post_nms_top_n_test=10, box_detections_per_img=500,
        )  # fmt: skip
    return MaskRcnn(network, "random", batch=2)


def test_torchvisions_mask_rcnn_gives_the_surest_box_of_the_class_it_was_asked_for(mask_rcnn: MaskRcnn) -> None:
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (size, size, 3), np.uint8) for size in (40, 64, 51)]
    for name in ("car", "toothbrush"):
        found = mask_rcnn.find(pictures, [name] * 3)
        for picture, finding in zip(pictures, found, strict=True):
            assert finding is not None and 0 < finding.score < 1
            x0, y0, x1, y1 = finding.box
            assert 0 <= x0 < x1 <= picture.shape[1] and 0 <= y0 < y1 <= picture.shape[0]
            image01 = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
            with torch.inference_mode():
                (output,) = mask_rcnn.network([image01])
            scores = output["scores"][output["labels"] == NAMES.index(name)]
            assert finding.score == pytest.approx(scores.max().item(), abs=1e-5)
            assert "masks" not in output


def test_torchvisions_mask_rcnn_runs_as_the_filter(mask_rcnn: MaskRcnn, tmp_path: Path) -> None:
    root = write_cityscapes(tmp_path / "city", count=1, splits=("val",))
    made = cut_out(root, "car", tmp_path / "out", CutOutOptions(workers=1, min_score=0.0), detector=mask_rcnn)
    assert len(made.files) == 3 and all(row.score is not None for row in made.rows if row.file)
    assert mask_rcnn.names[2] == "car" and "N/A" not in mask_rcnn.names and len(mask_rcnn.names) == 80


def test_nothing_found_is_none(mask_rcnn: MaskRcnn) -> None:
    threshold = mask_rcnn.network.roi_heads.score_thresh
    mask_rcnn.network.roi_heads.score_thresh = 1.0
    try:
        assert mask_rcnn.find([np.zeros((40, 40, 3), np.uint8)], ["car"]) == [None]
    finally:
        mask_rcnn.network.roi_heads.score_thresh = threshold


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other.pth: not weights of maskrcnn_resnet50_fpn_v2; give torchvision's file"):
        MaskRcnn.pretrained(tmp_path / "other.pth", download=False, device=torch.device("cpu"))
