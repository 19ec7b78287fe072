"""Color profiles: the same colors in other numbers, without clipping."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from limner.photos.profiles import ASSUMING_SRGB, has_matrix, srgb_profile, to_profile, usable
from profile_files import ADOBE, P3, SRGB_CURVE, gamma, lut_profile, matrix_profile, parametric, profile, table

DISPLAY_P3 = matrix_profile(P3, parametric(*SRGB_CURVE))
CURVES = {
    "gamma": gamma(2.2),
    "linear": b"curv\0\0\0\0\0\0\0\0",
    "table": table(np.linspace(0, 1, 1024) ** 2.2),
    "coarse table": table(np.linspace(0, 1, 7) ** 1.8),
    "flat ends": table(np.clip(np.linspace(-0.1, 1.1, 64), 0, 1)),
    "para 0": parametric(0, 1.8),
    "para 1": parametric(1, 2.4, 1 / 1.1, 0.1 / 1.1),
    "para 2": parametric(2, 2.4, 0.9, 0.05, 0.01),
    "para 3": parametric(*SRGB_CURVE),
    "para 4": parametric(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.001, 0.001),
}


def random_picture(low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    return torch.rand((3, 33, 47), generator=torch.Generator().manual_seed(0)) * (high - low) + low


def by_littlecms(picture: torch.Tensor, source: bytes, target: bytes) -> np.ndarray:
    image = Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())
    ends = (ImageCms.ImageCmsProfile(BytesIO(data)) for data in (source, target))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(image, *ends, outputMode="RGB", renderingIntent=intent)) / 255


@pytest.mark.parametrize("name", CURVES)
def test_there_and_back_is_the_identity_for_every_kind_of_curve(name: str) -> None:
    picture = random_picture(0.15, 0.8) if name == "flat ends" else random_picture()
    other = matrix_profile(P3, CURVES[name])
    back = to_profile(to_profile(picture, None, other), other, None)
    assert (back - picture).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["gamma", "table", "para 0", "para 3"])
def test_colors_beyond_the_range_survive_there_and_back(name: str) -> None:
    picture = random_picture(-0.3, 1.5)
    other = matrix_profile(P3, CURVES[name])
    back = to_profile(to_profile(picture, None, other), other, None)
    assert (back - picture).abs().max() < 5e-4


def test_a_saturated_red_of_p3_is_above_1_in_srgb_and_survives() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    srgb = to_profile(red, DISPLAY_P3, None)
    # 1.2249 linear is the value that CSS Color 4's matrices give; green and blue are below 0
    assert srgb[0].item() == pytest.approx(1.0930, abs=2e-3)
    assert srgb[1].item() == pytest.approx(-0.2267, abs=5e-3) and srgb[2].item() == pytest.approx(-0.1501, abs=5e-3)
    assert to_profile(srgb, None, DISPLAY_P3).flatten().tolist() == pytest.approx([1, 0, 0], abs=1e-4)


@pytest.mark.parametrize("name", [name for name in CURVES if name not in ("para 2", "para 4")])
def test_colors_that_fit_are_those_of_littlecms(name: str) -> None:
    other = matrix_profile(P3, CURVES[name])
    picture = (random_picture(0.2, 0.8) * 255).round() / 255
    ours = to_profile(picture, srgb_profile(), other).clamp(0, 1).permute(1, 2, 0).numpy()
    theirs = by_littlecms(picture, srgb_profile(), other)
    assert np.abs(ours - theirs).max() < 1.6 / 255


def test_a_table_and_a_formula_of_the_same_curve_agree_above_1() -> None:
    picture = random_picture(0.9, 1.4)
    by_table, by_formula = (matrix_profile(ADOBE, CURVES[name]) for name in ("table", "gamma"))
    apart = to_profile(picture, by_table, None) - to_profile(picture, by_formula, None)
    assert apart.abs().max() < 5e-3


def test_grays_stay_gray_and_equal_profiles_change_nothing() -> None:
    gray = torch.linspace(0, 1, 47).expand(3, 1, 47).contiguous()
    converted = to_profile(gray, DISPLAY_P3, None)
    assert (converted - gray).abs().max() < 1e-4
    assert to_profile(gray, DISPLAY_P3, bytes(DISPLAY_P3)) is gray
    assert (to_profile(random_picture(), srgb_profile(), None) - random_picture()).abs().max() < 5e-4


def test_a_picture_larger_than_a_chunk_is_converted_as_its_parts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = to_profile(random_picture(), DISPLAY_P3, None)
    monkeypatch.setattr("limner.photos.profiles.CHUNK", 100)
    assert torch.allclose(to_profile(random_picture(), DISPLAY_P3, None), whole, atol=1e-6)


def test_a_profile_without_a_matrix_goes_through_8_bits_and_says_so() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert not has_matrix(lab)
    by_table = lut_profile()
    assert not has_matrix(by_table)
    kept, note = usable(by_table, "RGB")
    assert kept == by_table and note is not None and "has no matrix: other profiles are reached through 8-bit" in note
    picture = random_picture(0.1, 0.9)
    assert (to_profile(picture, by_table, None) - picture).abs().max() < 0.05
    assert (to_profile(picture, None, by_table) - picture).abs().max() < 0.1


def test_gray_profiles_are_taken_as_equal_amounts_of_srgb() -> None:
    gray = profile({b"kTRC": gamma(1.8)}, space=b"GRAY")
    picture = torch.full((3, 2, 2), 0.5)
    kept, note = usable(gray, "GRAY")
    assert kept == gray and note is None
    linear = 0.5 ** (461 / 256)  # 1.8 in steps of 1/256
    expected = 1.055 * linear ** (1 / 2.4) - 0.055
    assert to_profile(picture, gray, None).flatten().tolist() == pytest.approx([expected] * 12, abs=1e-4)


def test_profiles_that_cannot_serve_are_left_out_and_said() -> None:
    assert usable(None, "RGB") == (None, ASSUMING_SRGB)
    assert usable(b"not a profile", "RGB") == (None, "the color profile is damaged: assuming sRGB")
    cut = DISPLAY_P3[:200]
    assert usable(cut, "RGB")[0] is None
    gray = profile({b"kTRC": gamma(2.2)}, space=b"GRAY")
    kept, note = usable(gray, "RGB")
    assert kept is None and note == "the color profile 'drawn' is for GRAY, the picture is RGB: assuming sRGB"


@pytest.mark.parametrize(
    "curve", [b"xxxx\0\0\0\0", parametric(0, -1.0), table(np.zeros(5)), b"curv\0\0\0\0\0\0\xff\xff"]
)
def test_a_damaged_curve_makes_no_encoding(curve: bytes) -> None:
    assert not has_matrix(matrix_profile(P3, curve))
