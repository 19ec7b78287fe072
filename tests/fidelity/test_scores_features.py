"""Extractors, resizing, folders and the cache: what is seen of a picture depends on its pixels
and the protocol only.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from limner.datasets.pictures.decoding import BEHIND_ALPHA
from limner.datasets.pictures.folders import decoded_batches, read_picture
from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.quantized import as_rgb, quantized
from limner.fidelity import cache
from limner.fidelity.described import describe, describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.inception import Inception, draw_weights
from limner.fidelity.resizing import bicubic, bilinear, tensorflow
from limner.fidelity.score import score_pictures
from limner.foundation.errors import UserError


def drawn_pictures(count: int, size_px: int = 32, seed: int = 0) -> Tensor:
    """(count, 3, size, size) uint8: a smooth colored field each, with noise, as CIFAR's pictures roughly are."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 4, 4), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size_px, size_px), mode="bicubic")
    noise = torch.randn((count, 3, size_px, size_px), generator=generator)
    return ((smooth + 0.05 * noise) * 255).clamp(0, 255).round().to(torch.uint8)


def written(folder, pictures: Tensor, names: str = "{:04d}.png"):
    folder.mkdir(exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(folder / names.format(number))
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def lite0() -> FeatureExtractor:
    return FeatureExtractor.of("efficientnet-lite0")


@pytest.fixture(scope="module")
def random_inception() -> FeatureExtractor:
    return FeatureExtractor.inception(seed=0)


class Counting:
    """An extractor that counts how many pictures its network sees."""

    def __init__(self, extractor: FeatureExtractor, monkeypatch) -> None:
        self.pictures = 0
        inner = extractor.network.forward

        def counted(image):
            self.pictures += len(image)
            return inner(image)

        monkeypatch.setattr(extractor.network, "forward", counted)


@pytest.mark.parametrize(
    ("width", "height", "size_px"), [(64, 64, 299), (33, 47, 299), (400, 301, 224), (299, 50, 299)]
)
@pytest.mark.parametrize(
    ("resize", "filter"), [(bicubic, Image.Resampling.BICUBIC), (bilinear, Image.Resampling.BILINEAR)]
)
def test_resizing_is_pillows_on_float_channels_as_in_clean_fid(width, height, size_px, resize, filter):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.float32)
    channels = [Image.fromarray(picture[..., channel]).resize((size_px, size_px), filter) for channel in range(3)]
    expected = torch.from_numpy(np.stack([np.asarray(channel) for channel in channels]).clip(0, 255))
    found = resize(torch.from_numpy(picture).permute(2, 0, 1)[None], size_px)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01)  # of 255


def test_resizing_is_clean_fids_own_where_it_is_installed():
    resize = pytest.importorskip("cleanfid.resize").build_resizer("clean")
    picture = drawn_pictures(1, 47)[0]
    expected = torch.from_numpy(resize(picture.permute(1, 2, 0).numpy())).permute(2, 0, 1)
    torch.testing.assert_close(bicubic(picture[None].float(), 299)[0], expected, rtol=0, atol=0.01)


def test_the_inception_is_torch_fidelitys_on_the_same_resized_pictures(tmp_path):
    network = Inception()
    draw_weights(network, torch.Generator().manual_seed(3))
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    theirs = FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], str(tmp_path / "weights.pth"))
    ours = FeatureExtractor.inception(tmp_path / "weights.pth", resizer="tensorflow")
    pictures = drawn_pictures(3)
    features, logits = theirs(pictures)
    seen = ours.see(pictures)
    torch.testing.assert_close(seen.features, features, rtol=1e-4, atol=1e-5 * float(features.abs().max()))
    torch.testing.assert_close(seen.logits, logits, rtol=1e-4, atol=1e-5 * float(logits.abs().max()))
    assert tensorflow(pictures.float(), 299).shape == (3, 3, 299, 299)


def test_features_do_not_depend_on_the_batch_a_picture_is_in(lite0):
    pictures = drawn_pictures(5)
    whole = lite0.extract(pictures)
    one_by_one = lite0.extract(picture[None] for picture in pictures)
    assert whole.shape == (5, 1280)
    assert whole.dtype == torch.float64
    torch.testing.assert_close(whole, one_by_one, rtol=1e-4, atol=1e-4)


def test_making_an_extractor_draws_nothing_that_a_training_would_miss():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    FeatureExtractor.of("efficientnet-lite0")
    FeatureExtractor.inception(seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_features_are_float32_even_where_a_training_computes_in_bfloat16(lite0):
    pictures = drawn_pictures(2)
    plain = lite0.see(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        within = lite0.see(pictures)
    assert torch.equal(within.features, plain.features)
    assert within.logits.dtype == torch.float32


def test_random_weights_follow_the_seed_and_the_digest_follows_the_weights(random_inception):
    assert FeatureExtractor.inception(seed=0).digest == random_inception.digest
    assert FeatureExtractor.inception(seed=1).digest != random_inception.digest


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UserError, match="no features are called 'incepton'; did you mean 'inception"):
        FeatureExtractor.of("incepton")


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="not the weights of FID's Inception"):
        FeatureExtractor.inception(tmp_path / "other.pth")


def test_pictures_of_another_form_are_a_mistake_of_the_caller(lite0):
    with pytest.raises(ValueError, match="needed: uint8"):
        lite0.see(torch.rand(2, 3, 8, 8))
    with pytest.raises(ValueError, match="no pictures"):
        lite0.see([])


def test_gray_sixteen_bit_and_transparent_files_have_one_meaning(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    Image.fromarray(gray.astype(np.uint16) * 257 + 100).save(tmp_path / "deep.png")
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:4] = (10, 20, 30, 255)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    expected = torch.from_numpy(gray).expand(3, 8, 8)
    assert torch.equal(read_picture(tmp_path / "gray.png"), expected)
    assert torch.equal(read_picture(tmp_path / "deep.png"), expected)
    shown = read_picture(tmp_path / "clear.png")
    assert shown[:, 0, 0].tolist() == [10, 20, 30]
    assert tuple(shown[:, 7, 7].tolist()) == BEHIND_ALPHA


def test_pictures_in_memory_are_seen_as_their_files_would_be(tmp_path):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (1, 4, 9, 7), generator=generator, dtype=torch.uint8)
    Image.fromarray(pictures[0].permute(1, 2, 0).numpy(), "RGBA").save(tmp_path / "a.png")
    assert torch.equal(as_rgb(pictures)[0], read_picture(tmp_path / "a.png"))
    assert torch.equal(as_rgb(pictures[:, :1]), pictures[:, :1].expand(1, 3, 9, 7))
    with pytest.raises(ValueError, match="needed: uint8"):
        as_rgb(pictures[:, :2])


def test_floats_become_the_nearest_of_256_levels():
    assert quantized(torch.tensor([-0.1, 0, 0.0019, 0.002, 1, 1.2])).tolist() == [0, 0, 0, 1, 255, 255]


def test_batches_keep_the_order_and_end_where_sizes_change(tmp_path):
    pictures = [drawn_pictures(1, size_px, seed)[0] for seed, size_px in enumerate([8, 8, 9, 9, 9, 8, 8])]
    for number, picture in enumerate(pictures):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / f"{number}.png")
    batches = list(decoded_batches(picture_files(tmp_path), 4))
    assert [tuple(batch.shape) for batch in batches] == [(2, 3, 8, 8), (2, 3, 9, 9), (1, 3, 9, 9), (2, 3, 8, 8)]
    for batch_picture, picture in zip((each for batch in batches for each in batch), pictures, strict=True):
        assert torch.equal(batch_picture, picture)


def test_a_folder_is_described_like_its_pictures_in_memory(tmp_path, lite0):
    pictures = drawn_pictures(6)
    folder = written(tmp_path / "a", pictures)
    (folder / ".hidden.png").write_bytes(b"no picture")
    from_files = describe_folder(folder, lite0, cached=False)
    in_memory = describe(pictures.flip(0), lite0)
    assert from_files.pixels == in_memory.pixels  # whatever their order
    assert from_files.sizes == {"32 x 32": 6}
    torch.testing.assert_close(from_files.features, in_memory.features.flip(0), rtol=1e-4, atol=1e-4)
    assert describe(pictures[:5], lite0).pixels != in_memory.pixels


def test_features_of_a_folder_are_kept_until_a_file_changes(tmp_path, lite0, monkeypatch):
    folder = written(tmp_path / "a", drawn_pictures(4))
    counting = Counting(lite0, monkeypatch)
    first = describe_folder(folder, lite0)
    again = describe_folder(folder, lite0)
    assert counting.pictures == 4
    assert torch.equal(first.features, again.features)
    assert (first.pixels, first.sizes, first.weights) == (again.pixels, again.sizes, again.weights)
    written(folder, drawn_pictures(1, 40, seed=9))
    assert describe_folder(folder, lite0).pixels != first.pixels
    assert counting.pictures == 8


def test_pictures_of_the_old_names_sizes_and_times_are_looked_at_anew(tmp_path, lite0):
    folder, pictures = tmp_path / "a", drawn_pictures(3)

    def write(pixels):
        folder.mkdir(exist_ok=True)
        for number, picture in enumerate(pixels):
            path = folder / f"{number}.bmp"
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(path)
            os.utime(path, (10**9, 10**9))
        return describe_folder(folder, lite0)

    first, other = write(pictures), write(255 - pictures)
    assert not torch.equal(first.features, other.features)
    assert torch.equal(other.features, describe_folder(folder, lite0, cached=False).features)


def test_another_resizer_is_not_served_from_the_cache(tmp_path, lite0):
    folder = written(tmp_path / "a", drawn_pictures(2))
    other = FeatureExtractor.of("efficientnet-lite0", resizer="bicubic")
    assert not torch.equal(describe_folder(folder, lite0).features, describe_folder(folder, other).features)


@pytest.mark.parametrize("damage", [b"", b"not safetensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_cache_is_computed_and_written_anew(tmp_path, lite0, monkeypatch, damage):
    folder = written(tmp_path / "a", drawn_pictures(2))
    first = describe_folder(folder, lite0)
    (kept,) = cache.cache_folder().iterdir()
    whole = kept.read_bytes()
    for broken in (damage, whole[: len(whole) // 2]):
        kept.write_bytes(broken)
        assert torch.equal(describe_folder(folder, lite0).features, first.features)
        assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path, lite0, monkeypatch):
    (tmp_path / "blocked").write_text("a file")
    monkeypatch.setenv("LIMNER_CACHE", str(tmp_path / "blocked"))
    assert describe_folder(written(tmp_path / "a", drawn_pictures(2)), lite0).count == 2


def test_the_longest_unused_features_go_first(tmp_path, lite0, monkeypatch):
    folders = [written(tmp_path / name, drawn_pictures(2, seed=seed)) for seed, name in enumerate("abc")]
    describe_folder(folders[0], lite0)
    (oldest,) = cache.cache_folder().iterdir()
    monkeypatch.setattr(cache, "LIMIT_BYTES", 2 * oldest.stat().st_size + 100)
    os.utime(oldest, (1, 1))
    for folder in folders[1:]:
        describe_folder(folder, lite0)
    assert not oldest.exists()
    assert len(list(cache.cache_folder().iterdir())) == 2


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: None, "no pictures in it; needed: .jpg"),
        (
            lambda folder: (folder / "a.png").write_bytes(b""),
            "a.png: not a picture, or of a kind that Pillow cannot read",
        ),
        (
            lambda folder: (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n1234"),
            "a.png: not a picture, or of a kind that Pillow cannot read",
        ),
        (lambda folder: Image.new("F", (4, 4)).save(folder / "a.tif"), "a.tif: a picture of fractions"),
    ],
)
def test_broken_folders_are_one_line(tmp_path, make, expected, lite0):
    (tmp_path / "a").mkdir()
    make(tmp_path / "a")
    with pytest.raises(UserError, match=expected) as caught:
        describe_folder(tmp_path / "a", lite0)
    assert "\n" not in str(caught.value)


def test_a_picture_cut_short_is_named(tmp_path, lite0):
    folder = written(tmp_path / "a", drawn_pictures(3))
    whole = (folder / "0001.png").read_bytes()
    (folder / "0001.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"0001\.png: cut short or damaged"):
        describe_folder(folder, lite0)


def test_no_folder_and_a_file_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        picture_files(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: a file; needed: a folder of pictures"):
        picture_files(tmp_path / "file")


class Ours(FeatureExtractorBase):
    """One of our extractors as torch-fidelity takes them."""

    extractor: FeatureExtractor

    def __init__(self, name, features_list, **options):
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list():
        return "features", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric):
        return "logits" if metric == "isc" else "features"

    def forward(self, pictures):
        seen = self.extractor.see(pictures)
        return tuple(getattr(seen, name) for name in self.features_list)


class First(nn.Module):
    """The first features of a network, more than there are pictures, for the distance of thousands takes seconds. A
    picture that comes again is not looked at again."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: dict[bytes, tuple[Tensor, Tensor]] = {}

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        keys = [picture.numpy().tobytes() for picture in image]
        new = {key: place for place, key in enumerate(keys) if key not in self.seen}
        if new:
            features, logits = self.network(image[list(new.values())])
            self.seen.update(zip(new, zip(features[:, :64], logits, strict=True), strict=True))
        features, logits = zip(*(self.seen[key] for key in keys), strict=True)
        return torch.stack(features), torch.stack(logits)


def first_of(whole: FeatureExtractor) -> FeatureExtractor:
    return FeatureExtractor(
        whole.name, First(whole.network), whole.digest, input_px=whole.input_px, resizer=whole.resizer, device="cpu"
    )


@pytest.mark.parametrize(("name", "count"), [("efficientnet-lite0", 20), ("inception", 10)])
def test_scores_agree_with_torch_fidelity_given_the_same_extractor(name, count, lite0, random_inception):
    from torch_fidelity import calculate_metrics, register_feature_extractor

    Ours.extractor = first_of({"efficientnet-lite0": lite0, "inception": random_inception}[name])
    register_feature_extractor(f"ours-{name}", Ours)
    real, fake = drawn_pictures(count), drawn_pictures(count, seed=1) // 2 + 60

    class Held(torch.utils.data.Dataset):
        def __init__(self, pictures):
            self.pictures = pictures

        def __len__(self):
            return len(self.pictures)

        def __getitem__(self, place):
            return self.pictures[place]

    theirs = calculate_metrics(
        input1=Held(fake), input2=Held(real), feature_extractor=f"ours-{name}", cuda=False, fid=True, kid=True,
        prc=True,
        isc=True, isc_splits=1, kid_subsets=2, kid_subset_size=count, save_cpu_ram=True, verbose=False, cache=False,
        batch_size=32,
    )  # fmt: skip
    ours = score_pictures(real, fake, Ours.extractor, resamples=2, subsets=2)
    assert ours["fid"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    assert ours["kid"] == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)  # a subset is the whole set
    assert ours["is"] == pytest.approx(theirs["inception_score_mean"], rel=1e-3)
    assert ours["precision"] == pytest.approx(theirs["precision"], rel=1e-3)
    assert ours["recall"] == pytest.approx(theirs["recall"], rel=1e-3)


def test_a_photo_that_is_to_be_turned_is_scored_as_it_is_learned_from(tmp_path: Path) -> None:
    lying = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: to be turned by a quarter
    lying.save(tmp_path / "a.png", exif=turned)
    expected = torch.from_numpy(np.array(lying.transpose(Image.Transpose.ROTATE_270))).permute(2, 0, 1)
    assert torch.equal(read_picture(tmp_path / "a.png"), expected)
