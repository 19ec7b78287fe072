"""R-CNN on pictures of any size: a network reads each proposal by itself, SVMs and a ridge regression answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from limner.detect.boxes.objects import Detections, Objects
from limner.detect.boxes.overlap import box_areas, clip_boxes, suppress
from limner.detect.regions.box_ridge import LAMBDA, BoxRidge, train_box_ridge
from limner.detect.regions.linear_svm import RegionFeatures, SvmSettings, train_svms
from limner.detect.regions.warping import warped_batches
from limner.nn.pretrained import LITE0, load_weights

RELEASED = SvmSettings()


class Rcnn(nn.Module):
    """Crops with context, features of a network that stays as it is, a linear SVM and a ridge regression a class
    (Girshick et al. 2014).

    Features are the 1,280 means before the last layer of EfficientNet-Lite0, where the paper takes 4,096 of AlexNet
    after fine-tuning, and pool5 for the regression. Nothing is learned by steps: `describe` pictures, then `fit`.

    classes: without background. crop_px, context_px: of a warped crop; 227 and 16 in the paper. pretrained: begin with
    ImageNet's weights; without them the features mean nothing.
    """

    def __init__(
        self, classes: int, crop_px: int = 112, context_px: int = 8, batch: int = 64, pretrained: bool = True
    ) -> None:
        super().__init__()
        import timm  # takes seconds: only now

        body: Any = timm.create_model("tf_efficientnet_lite0", num_classes=0)
        if pretrained and not next(body.parameters()).is_meta:  # on the meta device there are shapes only
            weights = load_weights(LITE0)
            body.load_state_dict({name: weights[name] for name in body.state_dict()})
        self.body, self.class_count = body.eval().requires_grad_(False), classes
        self.crop_px, self.context_px, self.batch = crop_px, context_px, batch
        width = body.num_features
        self.scale: Tensor
        self.svm_weights: Tensor
        self.svm_biases: Tensor
        self.ridge_weights: Tensor
        self.ridge_biases: Tensor
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("svm_weights", torch.zeros(classes, width))
        self.register_buffer("svm_biases", torch.full((classes,), -1.0))
        self.register_buffer("ridge_weights", torch.zeros(classes, width, 4))
        self.register_buffer("ridge_biases", torch.zeros(classes, 4))

    def train(self, mode: bool = True) -> Rcnn:
        """Its network is never in training mode: it learns nothing."""
        return super().train(False)

    @torch.no_grad()
    def describe(self, image: Tensor, boxes: Tensor) -> Tensor:
        """(n, 1280) float32, on the CPU: the features of regions. image: (3, H, W) float32, 0 to 1. boxes: (n, 4)."""
        device = self.scale.device
        standardized = (image.to(device) - 0.5) / 0.5  # as the network learned
        found = [
            self.body(crops).float().cpu()
            for crops in warped_batches(standardized, boxes.to(device), self.batch, self.crop_px, self.context_px)
            if len(crops)
        ]
        return torch.cat(found) if found else torch.zeros(0, self.svm_weights.shape[1])

    def described(
        self, images: Sequence[Tensor], truths: Sequence[Objects], proposals: Sequence[Tensor]
    ) -> Iterator[RegionFeatures]:
        """What `fit` learns from, picture by picture; the slow part."""
        for image, objects, boxes in zip(images, truths, proposals, strict=True):
            yield RegionFeatures(self.describe(image, boxes), boxes, self.describe(image, objects.boxes), objects)

    def fit(
        self, pictures: Sequence[RegionFeatures], settings: SvmSettings = RELEASED, penalty: float = LAMBDA
    ) -> None:
        """Learn the SVMs and the ridge regressions; see `train_svms` and `train_box_ridge`."""
        svms = train_svms(pictures, self.class_count, settings)
        regression = train_box_ridge(pictures, self.class_count, svms.scale, penalty)
        self.scale.fill_(svms.scale)
        self.svm_weights.copy_(svms.weights)
        self.svm_biases.copy_(svms.biases)
        self.ridge_weights.copy_(regression.weights)
        self.ridge_biases.copy_(regression.biases)

    @torch.no_grad()
    def detect(
        self,
        images: Sequence[Tensor],
        proposals: Sequence[Tensor],
        threshold: float = -1.0,
        iou: float = 0.3,
        most: int = 100,
    ) -> list[Detections]:
        """What is in each picture, in its own pixels. A score is a distance from an SVM's border, no probability: about
        1 for an object, -1 for none. Regions are suppressed as they were proposed, and then corrected, as released."""
        found = []
        for image, boxes in zip(images, proposals, strict=True):
            features = self.describe(image, boxes)
            scores = features * self.scale.cpu() @ self.svm_weights.cpu().T + self.svm_biases.cpu()
            rows, labels = (scores > threshold).nonzero(as_tuple=True)
            kept = suppress(boxes[rows].float(), scores[rows, labels], labels, iou, most)
            rows, labels = rows[kept], labels[kept]
            sure = scores[rows, labels]
            size = (image.shape[1], image.shape[2])
            better = clip_boxes(self._corrected(features[rows], boxes[rows].float(), labels), size)
            solid = box_areas(better) > 0
            found.append(Detections(better[solid], labels[solid], sure[solid]))
        return found

    def _corrected(self, features: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        return BoxRidge(self.ridge_weights.cpu(), self.ridge_biases.cpu(), float(self.scale)).correct(
            features, boxes, labels
        )
