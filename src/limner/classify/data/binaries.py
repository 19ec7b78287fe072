"""Binary data sets as their makers publish them: idx files (MNIST and its kin) and CIFAR's binary version."""

from pathlib import Path

import numpy as np

from limner.classify.data.found import Found, fingerprint_of_arrays, open_arrays
from limner.datasets.pictures.idx import read_idx, unpacked_bytes
from limner.foundation.errors import UserError

CIFAR_RECORD = 3 * 32 * 32


def idx_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Pairs of a file of pictures and one of labels whose names differ in just that; train before others."""
    pairs = []
    for pictures in sorted(folder.glob("*images*idx3*")):
        labels = pictures.with_name(pictures.name.replace("images", "labels").replace("idx3", "idx1"))
        if labels.is_file() and pictures.is_file():
            pairs.append((pictures, labels))
    plain = {pictures.name.removesuffix(".gz") for pictures, _ in pairs if pictures.suffix != ".gz"}
    unpacked = [pair for pair in pairs if not (pair[0].suffix == ".gz" and pair[0].stem in plain)]
    return sorted(unpacked, key=lambda pair: ("train" not in pair[0].name, pair[0].name))


def find_idx(folder: Path) -> Found:
    """Gray pictures of idx files: ``train-images-idx3-ubyte`` with ``train-labels-idx1-ubyte``, and the same of
    ``t10k``, which is then held out; or one pair of any name.

    Raises `UserError` as `read_idx` does, and for pictures and labels that do not match.
    """
    parts = []
    for pictures_path, labels_path in idx_pairs(folder):
        pictures, labels = read_idx(pictures_path), read_idx(labels_path)
        if pictures.ndim != 3 or labels.shape != pictures.shape[:1]:
            raise UserError(
                f"{pictures_path}: {' x '.join(map(str, pictures.shape))}, and {labels_path.name} holds "
                f"{' x '.join(map(str, labels.shape))}; needed: N x height x width, and N labels"
            )
        parts.append((pictures, labels, "train" not in pictures_path.name))
    if len({part[0].shape[1:] for part in parts}) > 1:
        raise UserError(f"{folder}: pictures of several sizes in its idx files; give one pair a folder of its own")
    names = tuple(map(str, range(1 + max(int(labels.max(initial=0)) for _, labels, _ in parts))))
    return _joined("idx files", parts, names)


def is_cifar(folder: Path) -> bool:
    """Whether a folder holds CIFAR's binary version."""
    return bool(_cifar_files(folder))


def find_cifar(folder: Path) -> Found:
    """CIFAR-10 (``data_batch_1.bin`` ... and ``test_batch.bin``) or CIFAR-100 (``train.bin``, ``test.bin``; the fine
    classes) in the binary version (Krizhevsky 2009), whose test part is held out.

    Raises `UserError` for files that are cut short, and classes without names.
    """
    parts = []
    hundred = (folder / "fine_label_names.txt").is_file()
    head = 2 if hundred else 1
    for path in _cifar_files(folder):
        content = np.frombuffer(unpacked_bytes(path), np.uint8)
        if len(content) == 0 or len(content) % (head + CIFAR_RECORD):
            raise UserError(
                f"{path}: {len(content):,} bytes; needed: a multiple of {head + CIFAR_RECORD}; fetch it again"
            )
        rows = content.reshape(-1, head + CIFAR_RECORD)
        pictures = rows[:, head:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        parts.append((pictures, rows[:, head - 1], path.name.startswith("test")))
    names_file = folder / ("fine_label_names.txt" if hundred else "batches.meta.txt")
    most = 1 + max(int(labels.max()) for _, labels, _ in parts)
    names = tuple(map(str, range(most)))
    if names_file.is_file():
        names = tuple(line.strip() for line in names_file.read_text(encoding="utf-8").splitlines() if line.strip())
    if len(names) < most:
        raise UserError(f"{names_file}: names {len(names)} classes, and the labels have {most}; fetch it again")
    return _joined(f"CIFAR-{100 if hundred else 10} in its binary version", parts, names)


def _cifar_files(folder: Path) -> list[Path]:
    batches = [*sorted(folder.glob("data_batch_*.bin")), *folder.glob("test_batch.bin")]
    return batches or [path for name in ("train.bin", "test.bin") if (path := folder / name).is_file()]


def _joined(form: str, parts: list[tuple[np.ndarray, np.ndarray, bool]], names: tuple[str, ...]) -> Found:
    pictures = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts]).astype(np.int64)
    held = np.concatenate([np.full(len(part[1]), part[2]) for part in parts])
    return Found(
        form=form,
        names=tuple(f"picture {number:05d}" for number in range(len(labels))),
        labels=labels,
        class_names=names,
        opener=open_arrays(pictures),
        fingerprint=fingerprint_of_arrays(pictures, labels),
        held_out=held if held.any() and not held.all() else None,
    )
