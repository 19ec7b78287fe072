"""What `limner networks` prints of this room: generators and discriminators with their sizes, nothing allocated."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from limner.learning.networks.listing import NetworkRow, NetworkSizes
from limner.nn.initialize import shapes_only
from limner.nn.parameters import count_parameters
from limner.translate.networks import (
    ATTRIBUTE_DISCRIMINATORS,
    ATTRIBUTE_GENERATORS,
    CLASS_DISCRIMINATORS,
    CODE_GENERATORS,
    DISCRIMINATORS,
    EXTRACTORS,
    GENERATORS,
    PICTURE_READERS,
    TOLD_GENERATORS,
    TRANSFER_DISCRIMINATORS,
)

FORMS: dict[str, tuple[dict[str, Any], ...]] = {
    "unet": ({"levels": 8}, {"levels": 7}, {"levels": 6}),
    "resnet": ({"blocks": 9}, {"blocks": 6}),
    "light-residual": ({"scale": 1}, {"scale": 4}),
    "srresnet": ({"scale": 2}, {"scale": 4}),
    "context-encoder": ({"bottleneck": 4000}, {"bottleneck": 512}),
    "context-encoder-random": ({"bottleneck": 4000},),
    "multi-scale": ({"width": 128},),
    "pyramid": ({"size_px": 32},),
    "colorizer": ({"levels": 6}, {"levels": 8, "width": 64, "seen_px": 256, "upsample": "transposed"}),
    "voxel-flow": ({"blocks": 6},),
    "patch": tuple({"layers": layers} for layers in range(5)),
    "srgan": ({"size_px": 64}, {"size_px": 96}, {"size_px": 128}),
    "context": ({"size_px": 64}, {"size_px": 128}),
}

STAR_DOMAINS = (5, 2)
ATTRIBUTES, ICGAN_PX, LATENT = 18, 64, 100
"""That the authors of IcGAN chose."""
FRAMES = {"multi-scale": 4, "voxel-flow": 2}
"""How many frames those are shown that make a frame of others."""


def list_networks(sizes: NetworkSizes) -> list[NetworkRow]:
    """Each generator and discriminator in its usual forms, with exact parameters.

    sizes: channels of the pictures, given and made; a patch discriminator sees both. The receptive field is told where
    a discriminator's logit is of a patch. Raises `UserError` for less than one channel.
    """
    rows = []
    with shapes_only():
        for name, kind in {**GENERATORS, **DISCRIMINATORS}.items():
            line = (kind.__doc__ or "").splitlines()[0]
            for form in FORMS[name]:
                network: Any
                if name in GENERATORS:
                    given = FRAMES.get(name, 1)
                    inputs, outputs = (1, 3) if name == "colorizer" else (given * sizes.channels, sizes.channels)
                    network = kind(inputs, outputs, **form)
                elif name == "patch":
                    network = kind(2 * sizes.channels, **form)
                else:
                    network = kind(sizes.channels, **form)
                role = "generator" if name in GENERATORS else "discriminator"
                told = ", ".join(f"{key.removesuffix('_px')} {value}" for key, value in form.items())
                seen = network.receptive_field() if name == "patch" else None
                rows.append(NetworkRow(name, f"{role}, {told}", count_parameters(network), seen, line))
        for count in STAR_DOMAINS:
            generator: Any = TOLD_GENERATORS["stargan"](sizes.channels + count, sizes.channels)
            line = (TOLD_GENERATORS["stargan"].__doc__ or "").splitlines()[0]
            rows.append(NetworkRow("stargan", f"generator, domains {count}", count_parameters(generator), None, line))
        for count in STAR_DOMAINS:
            network = CLASS_DISCRIMINATORS["stargan"](sizes.channels, 128, count)
            line = (CLASS_DISCRIMINATORS["stargan"].__doc__ or "").splitlines()[0]
            told = f"discriminator, domains {count}, size 128"
            rows.append(NetworkRow("stargan", told, count_parameters(network), None, line))
        rows += _forms("dtn", _of_dtn(sizes.channels)) + _forms("icgan", _of_icgan(sizes.channels))
    return rows


def _forms(name: str, networks: Mapping[str, nn.Module]) -> list[NetworkRow]:
    return [
        NetworkRow(name, form, count_parameters(network), None, (network.__doc__ or "").splitlines()[0])
        for form, network in networks.items()
    ]


def _of_dtn(channels: int) -> dict[str, nn.Module]:
    return {
        "extractor, features 128, size 32": EXTRACTORS["dtn"](channels),
        "generator, code 128, size 32": CODE_GENERATORS["dtn"](128, channels),
        "discriminator, kinds 3, size 32": TRANSFER_DISCRIMINATORS["dtn"](channels),
        "discriminator, kinds 1, size 32": TRANSFER_DISCRIMINATORS["dtn"](channels, kinds=1),
    }


def _of_icgan(channels: int) -> dict[str, nn.Module]:
    given, told = (ICGAN_PX, channels, ATTRIBUTES), f"attributes {ATTRIBUTES}, size {ICGAN_PX}"
    return {
        f"generator, {told}": ATTRIBUTE_GENERATORS["icgan"](*given),
        f"discriminator, {told}": ATTRIBUTE_DISCRIMINATORS["icgan"](*given),
        f"encoder, latent {LATENT}, size {ICGAN_PX}": PICTURE_READERS["icgan"](ICGAN_PX, channels, LATENT),
        f"encoder, {told}": PICTURE_READERS["icgan"](*given, dense=512),
    }
