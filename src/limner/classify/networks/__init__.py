"""Networks of this room: a picture in, the logits of its class out.

Each takes ``channels`` and ``classes`` and then options of its own, reads (B, channels, H, W), and gives (B, classes);
one with auxiliary heads gives a tuple of such while it trains, the last layer's first. See `PictureNetwork`.
"""

from torch import nn

from limner.classify.networks.alexnet import AlexNet, TwoTowerAlexNet
from limner.classify.networks.densenet import DenseNet
from limner.classify.networks.efficientnet_lite import EfficientNetLite
from limner.classify.networks.googlenet import GoogLeNet
from limner.classify.networks.googlenet_bn import GoogLeNetBN
from limner.classify.networks.kmeans_linear import KMeansLinear
from limner.classify.networks.lenet import LeNet
from limner.classify.networks.lenet_1998 import LeNet1998
from limner.classify.networks.picture_network import PictureNetwork
from limner.classify.networks.resnet import ResNet
from limner.classify.networks.vgg import VGG

NETWORKS: dict[str, type[nn.Module]] = {
    "lenet": LeNet, "lenet-1998": LeNet1998, "alexnet": AlexNet, "alexnet-two-towers": TwoTowerAlexNet, "vgg": VGG,
    "googlenet": GoogLeNet, "googlenet-bn": GoogLeNetBN, "resnet": ResNet, "densenet": DenseNet,
    "efficientnet-lite": EfficientNetLite, "kmeans-linear": KMeansLinear,
}  # fmt: skip

__all__ = ["NETWORKS", "PictureNetwork"]
