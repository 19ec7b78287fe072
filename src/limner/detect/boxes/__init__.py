"""Boxes, and what is computed of them: overlaps, codes, anchors, matches, scores.

A box is x0, y0, x1, y1 in pixels, float32; x1 and y1 are where it ends, so that its width is x1 - x0. Labels are int64
from 0 and know no background; scores are float32.
"""
