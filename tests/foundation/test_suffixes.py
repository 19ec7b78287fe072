"""How files end is said once."""

import ast
from pathlib import Path

import limner
from limner.foundation.files import suffixes
from limner.foundation.files.suffixes import PICTURES, VIDEOS, WRITTEN_VIDEOS, ends_with
from limner.photos.encoding import FORMS

SOURCE = Path(str(limner.__file__)).parent
EVERY = {one for group in vars(suffixes).values() if isinstance(group, tuple) for one in group}


def test_every_picture_that_is_read_can_be_written_as_a_photo() -> None:
    assert set(FORMS) == set(PICTURES)
    assert set(WRITTEN_VIDEOS) < set(VIDEOS)


def test_capitals_end_a_name_as_well() -> None:
    assert ends_with(Path("SCAN.TIF"), PICTURES)
    assert not ends_with(Path("tif"), PICTURES)


def test_no_other_module_lists_endings() -> None:
    """Three or more in a row; fewer are a thing of their own, such as ``.html`` and ``.htm``."""
    listed = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set) and path != Path(str(suffixes.__file__)):
                words = [each.value for each in node.elts if isinstance(each, ast.Constant)]
                if len(EVERY.intersection(word for word in words if isinstance(word, str))) > 2:
                    listed.append(f"{path}:{node.lineno}")
    assert listed == []
