"""Features come from named layers of any network, the bundled one, VGG-19 from torchvision's cache,
or are made by hand.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import vgg19

from limner.foundation.errors import UserError
from limner.nn.pretrained import WEIGHTS
from limner.nn.receptive_field import receptive_field
from limner.nn.tiled_features import network_features
from limner.recolor.matching import features as room
from limner.recolor.matching.features import VGG19_LAYERS, features_of, lab_gradient


def noise(*size: int) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("layer", "channels", "stride"), [("stem", 32, 2), ("block0", 16, 2), ("block1", 24, 4), ("blocks.2", 40, 8)]
)
def test_lite0_layers_have_their_maps_and_strides(layer: str, channels: int, stride: int) -> None:
    source = features_of("efficientnet-lite0", (layer,))
    (tile,) = source.tiles(noise(3, 64, 96))
    assert source.stride == stride
    assert tile.maps[0].shape == (channels, 64 // stride, 96 // stride)


def test_the_reach_of_a_layer_is_half_its_receptive_field() -> None:
    network = room._lite0_network()
    seen = receptive_field([network.conv_stem, *network.blocks[:2]])
    assert seen // 2 <= features_of("efficientnet-lite0", ("block1",)).reach_px <= seen // 2 + 4


def test_the_network_runs_no_further_than_the_layers_that_are_listened_to() -> None:
    ran = []
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    layers[2].register_forward_hook(lambda *_: ran.append(2))
    source = network_features(layers, ["1"])
    assert ran == []
    assert source.run(noise(1, 3, 8, 8))[0].min() >= 0


def test_any_networks_input_is_standardized_as_it_was_trained() -> None:
    source = network_features(nn.Sequential(nn.Identity()), ["0"], mean=(0.5, 0.25, 0), std=(0.5, 1, 2))
    found = source.run(torch.ones(1, 3, 4, 4))[0][0, :, 0, 0]
    assert found.tolist() == [1.0, 0.75, 0.5]


def test_lab_gradients_of_a_gray_ramp_are_its_slope() -> None:
    ramp = torch.linspace(0.2, 0.8, 64).expand(1, 3, 64, 64)
    maps = lab_gradient(ramp)[0][0]
    assert maps.shape == (6, 64, 64)
    assert maps[1:3].abs().max() < 1e-3  # gray has no a and b
    slope = (maps[0, 32, 33] - maps[0, 32, 31]) / 2
    for scale, found in zip((1, 2, 4), maps[3:, 32, 32], strict=True):
        assert found == pytest.approx(float(slope) * scale, rel=0.02)
    flat = lab_gradient(torch.full((1, 3, 20, 20), 0.4))[0][0]
    assert flat[3:].abs().max() < 1e-5


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, as torchvision would fill it."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_vgg19_reads_torchvisions_own_file_and_listens_after_the_nonlinearity(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(weights: None) -> nn.Module:
        with torch.device("meta"):
            network = vgg19(weights=weights)
        network.classifier = nn.Sequential()  # half a gigabyte that no layer of `features` needs
        return network.to_empty(device="cpu")

    torch.manual_seed(0)
    published = small(None)
    for layer in published.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    file = WEIGHTS["vgg19"].file
    assert file == "vgg19-dcbb9e9d.pth"
    torch.save(published.state_dict(), hub / file)
    monkeypatch.setattr("torchvision.models.vgg19", small)
    monkeypatch.setattr("limner.nn.pretrained._checked", lambda path, _: path)

    image = noise(3, 32, 48)
    (tile,) = features_of("vgg19", ("relu1_2", "relu2_2")).tiles(image)
    assert [tuple(found.shape) for found in tile.maps] == [(64, 32, 48), (128, 16, 24)]
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    standard = ((image - mean[:, None, None]) / deviation[:, None, None])[None]
    expected = published.features[:4](standard)[0]
    assert (tile.maps[0] - expected).abs().max() < 1e-4 * expected.abs().max()
    (default,) = features_of("vgg19").tiles(image)
    assert torch.equal(default.maps[0], tile.maps[0])


def test_vgg19s_layer_names_are_its_convolutions_after_their_nonlinearity() -> None:
    with torch.device("meta"):
        layers = vgg19(weights=None).features
    assert len(VGG19_LAYERS) == 16
    for name in VGG19_LAYERS.values():
        number = int(name.removeprefix("features."))
        assert isinstance(layers[number], nn.ReLU) and isinstance(layers[number - 1], nn.Conv2d)
    assert layers[int(VGG19_LAYERS["relu5_4"].removeprefix("features.")) - 1].out_channels == 512


def test_without_vgg19s_weights_one_line_says_what_to_do(hub: Path) -> None:
    with pytest.raises(
        UserError, match=r"vgg19 needs vgg19-dcbb9e9d\.pth \(575 MB\); put it at .*, add --download, or use"
    ):
        features_of("vgg19")


@pytest.mark.parametrize(
    ("name", "layers", "says"),
    [
        ("vgg18", (), "no features are called 'vgg18'; did you mean 'vgg19'"),
        ("efficientnet-lite0", ("stm",), "no layer 'stm'; did you mean 'stem'"),
        ("lab-gradient", ("stem",), "have no layers, got stem"),
    ],
)
def test_unknown_features_and_layers_name_the_nearest(name: str, layers: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says):
        features_of(name, layers)


def test_a_network_of_the_users_names_its_layers_when_one_is_missing() -> None:
    with pytest.raises(UserError, match="network has no layer 'conv9'"):
        network_features(nn.Sequential(nn.Conv2d(3, 4, 3)), ["conv9"])
