"""Networks computed by OpenVINO: the same answers at any size, nothing sent anywhere, refusals in one line."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.engines.choice import openvino_if_alike
from limner.nn.engines.names import check_engine, device_for
from limner.nn.engines.openvino import OpenVinoNetwork, import_openvino
from limner.segment.networks import NETWORKS

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="needs OpenVINO: pip install 'limner[openvino]'")

Pair = tuple[nn.Module, OpenVinoNetwork]


def picture(batch: int, channels: int, height: int, width: int) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A network of 4 bands with skips and crops, and OpenVINO's computation of it."""
    torch.manual_seed(0)
    network = NETWORKS["unet-valid"](channels=4, classes=3, width=0.125).eval()
    return network, OpenVinoNetwork(network, torch.zeros(1, 4, 64, 64), "fp32")


class TwoAnswers(nn.Module):
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image.mean(1, keepdim=True), nn.functional.max_pool2d(image, 2)


class Bessel(nn.Module):
    """Of an operation that OpenVINO lacks."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.special.bessel_j0(image)


def test_it_answers_like_torch_at_other_sizes_and_batches_than_it_was_converted_with(pair: Pair) -> None:
    network, converted = pair
    assert converted.stride == network.stride
    for image in (picture(1, 4, 64, 64), picture(3, 4, 96, 160)):
        with torch.inference_mode():
            torch.testing.assert_close(converted(image), network(image), rtol=1e-4, atol=1e-4)


def test_an_answer_is_its_own_memory_and_a_strided_picture_is_read_right(pair: Pair) -> None:
    _, converted = pair
    image = picture(2, 4, 64, 64)
    first = converted(image)
    kept = first.clone()
    converted(image + 1)
    assert torch.equal(first, kept)
    torch.testing.assert_close(converted(image.contiguous(memory_format=torch.channels_last)), kept)


def test_several_outputs_come_as_a_list_in_their_order() -> None:
    converted = OpenVinoNetwork(TwoAnswers().eval(), torch.zeros(1, 3, 8, 8), "fp32")
    image = picture(2, 3, 12, 16)
    mean, pooled = converted(image)
    torch.testing.assert_close(mean, image.mean(1, keepdim=True), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(pooled, nn.functional.max_pool2d(image, 2))


TWO_THEN_CTRL_C = """
import os, signal, torch
from limner.nn.engines.openvino import OpenVinoNetwork

signal.signal(signal.SIGINT, signal.default_int_handler)
first, second = (OpenVinoNetwork(torch.nn.Conv2d(3, 2, 1), torch.zeros(1, 3, 8, 8), "fp32", 1) for _ in range(2))
del first
del second
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("asked to stop")
"""


def test_ctrl_c_still_asks_after_networks_went_in_the_order_they_came() -> None:
    ran = subprocess.run([sys.executable, "-c", TWO_THEN_CTRL_C], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "asked to stop\n"), ran.stderr


def test_nothing_is_sent_home() -> None:
    import_openvino()
    assert sys.modules["openvino_telemetry"] is None
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_the_quickest_format_that_answers_alike_is_taken() -> None:
    shares = {"bf16": 0.98995, "fp32": 1.0}
    asked: list[nn.Module] = []

    def alike(network: nn.Module) -> float:
        asked.append(network)
        return list(shares.values())[len(asked) - 1]

    chosen = openvino_if_alike(nn.Conv2d(3, 2, 1), torch.zeros(1, 3, 8, 8), alike, "all classes", "bf16")
    assert chosen.network is asked[1]
    assert chosen.line.endswith("computes in float32: 100.00% of all classes are torch's in float32")


def test_torch_goes_on_where_no_format_answers_alike_and_the_line_says_by_how_much() -> None:
    chosen = openvino_if_alike(nn.Conv2d(3, 2, 1), torch.zeros(1, 3, 8, 8), lambda _: 0.98995, "all classes", "bf16")
    assert chosen.network is None
    assert chosen.line == (
        "OpenVINO is not used: of all classes 98.99% in bf16 and 98.99% in float32 are torch's in float32; "
        "needed: 99%; computed by torch"
    )


def test_torch_goes_on_where_openvino_cannot_take_the_network() -> None:
    chosen = openvino_if_alike(Bessel(), torch.zeros(1, 3, 8, 8), lambda _: 1.0, "all classes", "fp32")
    assert chosen.network is None
    assert chosen.line.startswith("OpenVINO cannot take this network (")
    assert chosen.line.endswith("); computed by torch")
    assert "\n" not in chosen.line


def test_engines_that_are_none_or_compute_elsewhere_are_refused() -> None:
    with pytest.raises(UserError, match="engine is 'onnx'; needed: one of torch, openvino"):
        check_engine("onnx", "auto")
    with pytest.raises(UserError, match="--engine openvino computes on processors; add --device cpu"):
        check_engine("openvino", "cuda:0")
    check_engine("openvino", "auto")
    check_engine("torch", "cuda")
    assert (device_for("openvino", "auto"), device_for("torch", "auto")) == ("cpu", "auto")
