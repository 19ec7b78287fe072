"""The embedded data: 1,797 handwritten digits of scikit-learn, which come with its package."""

import numpy as np

from limner.classify.data.found import Found, fingerprint_of_arrays, open_arrays

DIGITS = "digits"
"""What `limner check` calls them; trainings take them where no data is given."""


def find_digits() -> Found:
    """scikit-learn's digits: 8 x 8 px, 17 grays, of 13 writers one after the other (E. Alpaydin, C. Kaynak, "Optical
    Recognition of Handwritten Digits", UCI 1998: the part for tests).

    Who wrote which is not said, but neighbors are mostly of one writer: ``data.split: order`` holds out the last.
    """
    from sklearn.datasets import load_digits  # takes a second: only now

    found = load_digits()
    # 16 is black ink; written white on black, as the digits of MNIST are.
    pictures = np.round(found.images * (255 / 16)).astype(np.uint8)
    labels = found.target.astype(np.int64)
    return Found(
        form="scikit-learn's digits",
        names=tuple(f"digit {number:04d}" for number in range(len(labels))),
        labels=labels,
        class_names=tuple(map(str, range(10))),
        opener=open_arrays(pictures),
        fingerprint=fingerprint_of_arrays(pictures, labels),
    )
