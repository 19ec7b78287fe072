"""How much boxes overlap, and which of those that overlap too much are kept."""

import torch
from torch import Tensor


def iou_matrix(boxes: Tensor, others: Tensor) -> Tensor:
    """The intersection over the union of every pair.

    boxes: (n, 4), others: (m, 4), floating. Gives (n, m), 0 to 1, of their dtype; 0 where a box has no area. R-CNN's
    programs take boxes of whole pixels whose last one still belongs to them, and add 1 to each side: their overlaps of
    small boxes differ a little.

    >>> iou_matrix(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]])).item()
    0.3333333432674408
    """
    from torchvision.ops import box_iou  # torchvision takes seconds to import: only now

    return torch.nan_to_num(box_iou(boxes, others), nan=0.0)  # 0 / 0 of two boxes without area


def inside_share(boxes: Tensor, others: Tensor) -> Tensor:
    """(n, m): which share of each of (n, 4) boxes lies in each of (m, 4) others; 0 for a box without area."""
    corner = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    sides = (torch.minimum(boxes[:, None, 2:], others[None, :, 2:]) - corner).clamp(min=0)
    return torch.nan_to_num(sides.prod(2) / box_areas(boxes)[:, None], nan=0.0, posinf=0.0)


def box_areas(boxes: Tensor) -> Tensor:
    """(n,) in square pixels of (n, 4); 0 where a box ends before it begins."""
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, 4): the parts of boxes within a picture of ``size`` (height, width)."""
    from torchvision.ops import clip_boxes_to_image

    return clip_boxes_to_image(boxes, size)


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor | None = None, iou: float = 0.3, most: int = 0) -> Tensor:
    """Non-maximum suppression: of boxes that overlap a surer one of their class by more than ``iou``, none is kept.

    boxes: (n, 4) floating. scores: (n,). labels: (n,) int64, or None where all compete (as region proposals do). iou:
    0.3 as R-CNN, Fast and Faster R-CNN were released; their proposals take 0.7. most: keep at most so many in all;
    0 for as many as there are. Gives (k,) int64, the kept ones' numbers, the surest first.
    """
    from torchvision.ops import batched_nms, nms

    kept = nms(boxes, scores, iou) if labels is None else batched_nms(boxes, scores, labels, iou)
    return kept[:most] if most else kept
