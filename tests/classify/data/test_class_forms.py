"""Pictures with classes are found in every form, and what is wrong with one is told in a line."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.classify.data.sources import find_pictures, part_of
from limner.datasets.pictures.idx import read_idx
from limner.foundation.errors import UserError

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 0, 1, 1, 2, 0], np.uint8)


def save(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PICTURES[number]).save(path)
    return path


def write_idx(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_a_folder_for_each_class_names_them_in_natural_order(tmp_path: Path) -> None:
    for name in ("class 10/a.png", "class 2/b.png", "class 2/deep/c.png"):
        save(tmp_path / name)
    found = find_pictures([tmp_path])
    assert found.class_names == ("class 2", "class 10")
    assert dict(zip(found.names, found.labels.tolist(), strict=True)) == {
        "class 2/b.png": 0, "class 2/deep/c.png": 0, "class 10/a.png": 1
    }  # fmt: skip
    assert found.held_out is None
    assert np.array_equal(np.asarray(found.opener(0, "gray", 28)), PICTURES[0])


def test_the_innermost_folders_are_classes_where_they_are_to_be(tmp_path: Path) -> None:
    for name in ("Greek/alpha/1.png", "Greek/beta/1.png", "Korean/alpha/1.png"):
        save(tmp_path / name)
    assert find_pictures([tmp_path]).class_names == ("Greek", "Korean")
    innermost = find_pictures([tmp_path], class_folder="innermost")
    assert innermost.class_names == ("Greek/alpha", "Greek/beta", "Korean/alpha")


def test_folders_of_a_split_are_no_classes_and_the_first_of_val_and_test_is_held_out(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "test/dog/3.png"):
        save(tmp_path / name)
    found = find_pictures([tmp_path])
    assert found.class_names == ("cat", "dog")
    assert found.held_out is not None
    assert dict(zip(found.names, found.held_out.tolist(), strict=True)) == {
        "train/cat/1.png": False, "train/dog/1.png": False, "val/cat/2.png": True
    }  # fmt: skip


def test_classes_that_are_called_train_and_plane_are_no_split(tmp_path: Path) -> None:
    for name in ("train/1.png", "plane/2.png"):
        save(tmp_path / name)
    assert find_pictures([tmp_path]).class_names == ("plane", "train")


def test_a_table_gives_paths_classes_split_and_groups(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"pictures/{number}.png", number)
    rows = "image,Class,split,group\n" + "".join(
        f"pictures/{number}.png,{'cat' if number % 2 else 'dog'},{'test' if number == 3 else 'train'},g{number // 2}\n"
        for number in range(4)
    )
    (tmp_path / "labels.csv").write_text(rows)
    found = find_pictures([tmp_path / "labels.csv"])
    assert (found.class_names, found.labels.tolist()) == (("cat", "dog"), [1, 0, 1, 0])
    assert found.held_out is not None and found.held_out.tolist() == [False, False, False, True]
    assert found.groups is not None and found.groups.tolist() == [0, 0, 1, 1]


def test_a_table_of_a_spreadsheet_and_pictures_behind_links_are_read(tmp_path: Path) -> None:
    save(tmp_path / "disk/1.png")
    save(tmp_path / "data/in/Bele\u0301m.png")
    (tmp_path / "data/1.png").symlink_to(tmp_path / "disk/1.png")
    text = "\ufeffpath;label\r\n1.png;cat, small\r\nin\\Bel\u00e9m.png;dog\r\n"
    (tmp_path / "data/t.csv").write_text(text, encoding="utf-8")
    found = find_pictures([tmp_path / "data/t.csv"])
    assert (found.class_names, found.labels.tolist()) == (("cat, small", "dog"), [0, 1])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "its head is a, b; needed: a head such as path,label"),
        ("path,label\n", "no rows"),
        ("path,label\nx.png,cat\nx.png,\n", "line 3: no label"),
        ("path,label\n../x.png,cat\n", "line 2: ../x.png leaves the CSV's folder"),
        ("path,label\nx.png,cat\ngone.png,dog\n", "line 3: gone.png: no such file"),
        ("path,label\nx.png,cat\n", "1 class; needed: two or more"),
        ("path,label\nx\0.png,cat\n", "line 2: its path holds a NUL"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    save(tmp_path / "data/x.png")
    save(tmp_path / "x.png")
    (tmp_path / "data/t.csv").write_text(text)
    with pytest.raises(UserError) as error:
        find_pictures([tmp_path / "data/t.csv"])
    assert says in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_are_read_and_those_of_t10k_are_held_out(tmp_path: Path, suffix: str) -> None:
    write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", PICTURES[:4])
    write_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", LABELS[:4])
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", PICTURES[4:])
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{suffix}", LABELS[4:])
    found = find_pictures([tmp_path])
    assert (found.form, found.class_names) == ("idx files", ("0", "1", "2", "3"))
    assert found.labels.tolist() == LABELS.tolist()
    assert found.held_out is not None and found.held_out.tolist() == [False] * 4 + [True] * 2
    assert all(np.array_equal(np.asarray(found.opener(n, "gray", 28)), PICTURES[n]) for n in range(6))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda content: content[:-5], "holds 4,699 bytes after its head, which says 4,704"),
        (lambda content: content[:7], "cut short in its head"),
        (lambda content: b"\0\0\x0d" + content[3:], "not an idx file of unsigned bytes"),
    ],
)
def test_damaged_idx_files_are_told(tmp_path: Path, spoil: Callable[[bytes], bytes], says: str) -> None:
    path = write_idx(tmp_path / "images-idx3-ubyte", PICTURES)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match=says):
        read_idx(path)


def test_a_damaged_gzip_is_told(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "images-idx3-ubyte.gz", PICTURES)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="cannot be unpacked"):
        read_idx(path)


def test_labels_of_another_number_than_pictures_are_told(tmp_path: Path) -> None:
    write_idx(tmp_path / "images-idx3-ubyte", PICTURES)
    write_idx(tmp_path / "labels-idx1-ubyte", LABELS[:5])
    with pytest.raises(UserError, match="6 x 28 x 28, and labels-idx1-ubyte holds 5"):
        find_pictures([tmp_path])


def write_cifar(folder: Path, *, hundred: bool) -> np.ndarray:
    """Two pictures to learn from and one held out; gives the pictures, (3, 32, 32, 3)."""
    pictures = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    records = [
        bytes([9, label] if hundred else [label]) + picture.transpose(2, 0, 1).tobytes()
        for label, picture in zip((1, 0, 1), pictures, strict=True)
    ]
    names = ("train.bin", "test.bin", "fine_label_names.txt") if hundred else (
        "data_batch_1.bin", "test_batch.bin", "batches.meta.txt"
    )  # fmt: skip
    (folder / names[0]).write_bytes(records[0] + records[1])
    (folder / names[1]).write_bytes(records[2])
    (folder / names[2]).write_text("frog\nship\n\n")
    return pictures


@pytest.mark.parametrize("hundred", [False, True])
def test_cifars_binary_version_is_read(tmp_path: Path, hundred: bool) -> None:
    pictures = write_cifar(tmp_path, hundred=hundred)
    found = find_pictures([tmp_path])
    assert (found.class_names, found.labels.tolist()) == (("frog", "ship"), [1, 0, 1])
    assert found.held_out is not None and found.held_out.tolist() == [False, False, True]
    assert all(np.array_equal(np.asarray(found.opener(n, "rgb", 32)), pictures[n]) for n in range(3))


def test_a_cifar_file_that_is_cut_short_is_told(tmp_path: Path) -> None:
    write_cifar(tmp_path, hundred=False)
    path = tmp_path / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="3,072 bytes; needed: a multiple of 3073"):
        find_pictures([tmp_path])


def test_torchvisions_sets_are_found_by_name_where_their_files_are(tmp_path: Path) -> None:
    for name, chosen in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        write_idx(tmp_path / f"MNIST/raw/{name}-images-idx3-ubyte", PICTURES[chosen])
        write_idx(tmp_path / f"MNIST/raw/{name}-labels-idx1-ubyte", LABELS[chosen])
    found = find_pictures([tmp_path], torchvision="MNIST")
    assert found.labels.tolist() == LABELS.tolist()
    assert found.class_names[3] == "3 - three"
    assert found.held_out is not None and found.held_out.sum() == 2
    assert np.array_equal(np.asarray(found.opener(5, "gray", 28)), PICTURES[5])
    with pytest.raises(UserError, match="torchvision finds no CIFAR10 there"):
        find_pictures([tmp_path], torchvision="CIFAR10")
    with pytest.raises(UserError, match=r"data.torchvision is 'MNITS'; did you mean 'MNIST'?"):
        find_pictures([tmp_path], torchvision="MNITS")


def test_without_a_path_the_digits_that_come_with_scikit_learn_are_found() -> None:
    found = find_pictures([])
    assert found.counts().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.asarray(found.opener(0, "gray", 8)).max() in (239, 255)  # 15 or 16 of 16


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a/1.png"], "all pictures lie in the one folder a; needed: a folder for each class, two or more"),
        (["a/1.png", "b/1.png", "2.png"], r"2.png: lies in no class's folder \(1 of 3 do\)"),
    ],
)
def test_folders_without_classes_are_told(tmp_path: Path, names: list[str], says: str) -> None:
    for name in names:
        save(tmp_path / name)
    with pytest.raises(UserError, match=says):
        find_pictures([tmp_path])


def test_what_is_no_data_set_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.txt").touch()
    with pytest.raises(
        UserError, match=r"x.txt: a file of another kind; needed: a folder with a folder for each class"
    ):
        find_pictures([tmp_path / "x.txt"])
    (tmp_path / "data_batch_1").touch()
    with pytest.raises(UserError, match="CIFAR's version for Python, whose files may run code"):
        find_pictures([tmp_path])


def test_the_fingerprint_follows_pictures_and_labels(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png"):
        save(tmp_path / name)
    before = find_pictures([tmp_path]).fingerprint
    assert find_pictures([tmp_path]).fingerprint == before
    save(tmp_path / "b/2.png", 3)
    changed = find_pictures([tmp_path]).fingerprint
    (tmp_path / "c").mkdir()
    (tmp_path / "b/2.png").rename(tmp_path / "c/2.png")
    assert len({before, changed}) == 2


def test_a_part_of_a_set_opens_its_own_pictures(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{'ab'[number % 2]}/{number}.png", number)
    found = find_pictures([tmp_path])
    part = part_of(found, np.array([3, 0]))
    assert part.names == (found.names[3], found.names[0])
    assert np.array_equal(np.asarray(part.opener(0, "gray", 28)), np.asarray(found.opener(3, "gray", 28)))


def test_classes_are_brought_to_those_that_a_run_knows(tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/2.png"):
        save(tmp_path / name)
    found = find_pictures([tmp_path])
    assert found.named(("bird", "dog", "cat"), "there").labels.tolist() == [2, 1]
    with pytest.raises(UserError, match="there: has a class 'dog', and the run knows bird, cat"):
        found.named(("bird", "cat"), "there")
