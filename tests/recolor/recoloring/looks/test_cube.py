"""Look-up tables: what is written is what the map does, what is read is what the file says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.foundation.errors import UserError
from limner.recolor.recoloring.looks.cube import CubeLook, lattice, read_cube, write_cube


def identity(colors: torch.Tensor) -> torch.Tensor:
    return colors


def warm(colors: torch.Tensor) -> torch.Tensor:
    """A smooth map that mixes channels and leaves [0, 1]."""
    matrix = torch.tensor([[1.1, 0.1, -0.05], [0.05, 0.9, 0.05], [-0.1, 0.1, 0.95]]).to(colors)
    return matrix @ (colors + 0.1 * torch.sin(5 * colors.flip(0)))


def random_colors(count: int = 500, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    return torch.rand((3, count), generator=torch.Generator().manual_seed(0)) * (high - low) + low


def in_tetrahedra(table: np.ndarray, color: np.ndarray) -> np.ndarray:
    """One color by the six cases of Kasson, Nin, Plouffe and Hafner 1995. table: (size, size, size, 3) by r, g, b."""
    size = len(table)
    place = color * (size - 1)
    i, j, k = np.minimum(place.astype(int), size - 2)
    r, g, b = place - (i, j, k)

    def at(red: int, green: int, blue: int) -> np.ndarray:
        return table[i + red, j + green, k + blue]

    low, high = at(0, 0, 0), at(1, 1, 1)
    if r > g > b:
        return low + r * (at(1, 0, 0) - low) + g * (at(1, 1, 0) - at(1, 0, 0)) + b * (high - at(1, 1, 0))
    if r > b >= g:
        return low + r * (at(1, 0, 0) - low) + b * (at(1, 0, 1) - at(1, 0, 0)) + g * (high - at(1, 0, 1))
    if b >= r > g:
        return low + b * (at(0, 0, 1) - low) + r * (at(1, 0, 1) - at(0, 0, 1)) + g * (high - at(1, 0, 1))
    if b > g >= r:
        return low + b * (at(0, 0, 1) - low) + g * (at(0, 1, 1) - at(0, 0, 1)) + r * (high - at(0, 1, 1))
    if g >= b >= r:
        return low + g * (at(0, 1, 0) - low) + b * (at(0, 1, 1) - at(0, 1, 0)) + r * (high - at(0, 1, 1))
    return low + g * (at(0, 1, 0) - low) + r * (at(1, 1, 0) - at(0, 1, 0)) + b * (high - at(1, 1, 0))


@pytest.mark.parametrize("size", [2, 5, 33])
def test_the_table_of_the_identity_is_the_identity(tmp_path: Path, size: int) -> None:
    write_cube(tmp_path / "a.cube", identity, size)
    look = read_cube(tmp_path / "a.cube")
    corners = torch.tensor([[0.0, 1, 0, 1, 0.5], [0, 1, 1, 0, 0.5], [0, 1, 0.3, 1, 0.5]])
    for colors in (random_colors(), corners, random_colors(0), random_colors(1)):
        assert look(colors).shape == colors.shape
        assert torch.allclose(look(colors), colors, atol=1e-6)


def test_the_lattice_and_the_file_run_through_red_first(tmp_path: Path) -> None:
    assert lattice(3)[:, :4].T.tolist() == [[0, 0, 0], [0.5, 0, 0], [1, 0, 0], [0, 0.5, 0]]
    write_cube(tmp_path / "a.cube", identity, 2, title='the "quay"')
    assert (tmp_path / "a.cube").read_text().splitlines() == [
        "TITLE \"the 'quay'\"",
        "LUT_3D_SIZE 2",
        "DOMAIN_MIN 0.0 0.0 0.0",
        "DOMAIN_MAX 1.0 1.0 1.0",
        "",
        *(f"{red}.0000000 {green}.0000000 {blue}.0000000" for blue in (0, 1) for green in (0, 1) for red in (0, 1)),
    ]
    assert read_cube(tmp_path / "a.cube").title == "the 'quay'"


def test_interpolation_is_that_of_the_six_tetrahedra() -> None:
    table = torch.rand((4**3, 3), generator=torch.Generator().manual_seed(1))
    by_channel = table.double().reshape(4, 4, 4, 3).permute(2, 1, 0, 3).numpy()
    ties = torch.tensor([[0.4, 0.4, 0.9, 0.5, 1.0], [0.4, 0.1, 0.4, 0.5, 1.0], [0.1, 0.4, 0.4, 0.5, 0.2]])
    colors = torch.cat([random_colors(300), ties], 1).double()
    expected = np.stack([in_tetrahedra(by_channel, color) for color in colors.T.numpy()], 1)
    assert np.abs(CubeLook(table, 4)(colors).numpy() - expected).max() < 1e-12
    assert CubeLook(table, 4)(colors.float()).dtype == torch.float32


def test_a_smooth_map_comes_back_within_the_error_of_interpolation(tmp_path: Path) -> None:
    colors, errors = random_colors(2000, 0.05, 1), []
    for size in (5, 9, 17):
        write_cube(tmp_path / "a.cube", warm, size)
        errors.append(float((read_cube(tmp_path / "a.cube")(colors) - warm(colors)).abs().max()))
    assert errors[2] < 0.002 and errors[0] > errors[1] > errors[2]


def test_grays_depend_on_the_grays_of_the_table_alone() -> None:
    table = lattice(5).T.clone()
    neutral = (table[:, 0] == table[:, 1]) & (table[:, 1] == table[:, 2])
    table[~neutral] += torch.rand((int((~neutral).sum()), 3), generator=torch.Generator().manual_seed(2))
    gray = torch.linspace(0, 1, 101).expand(3, -1)
    assert torch.allclose(CubeLook(table, 5)(gray), gray, atol=1e-6)


def test_colors_outside_the_domain_are_those_of_its_border(tmp_path: Path) -> None:
    write_cube(tmp_path / "a.cube", warm, 9)
    look = read_cube(tmp_path / "a.cube")
    colors = random_colors(200, -1, 2)
    assert torch.equal(look(colors), look(colors.clamp(0, 1)))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    look = CubeLook(torch.rand((3**3, 3), generator=torch.Generator().manual_seed(3)), 3)
    whole = look(random_colors())
    monkeypatch.setattr("limner.recolor.recoloring.looks.cube.CHUNK", 37)
    assert torch.equal(look(random_colors()), whole)


def test_tables_of_one_dimension_comments_and_domains_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    path.write_text(
        '\ufeff# a comment\r\nTITLE "x"\r\nLUT_1D_SIZE 3\r\nDOMAIN_MIN 0 0 -1\r\nDOMAIN_MAX 2 1 1\r\n\r\n'
        "0 0 0\r\n# in between\r\n0.5 0.1 1\r\n1\t1\t2e0\r\n\r\n",
        encoding="utf-8",
    )
    look = read_cube(path)
    result = look(torch.tensor([[1.0, 0.5], [0.25, 1.0], [0.0, 0.5]]))
    assert result.T.tolist() == [[0.5, pytest.approx(0.05), 1.0], [0.25, 1.0, 1.5]]
    path.write_text(
        "LUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0.0 2.0\n"
        + "".join(f"{r} {g} {b}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    )
    assert read_cube(path)(torch.tensor([[1.0], [2.0], [0.5]])).flatten().tolist() == [0.5, 1.0, 0.25]


POINTS = "0 0 0\n" * 8
BROKEN = [
    ("", "line 1: no LUT_3D_SIZE or LUT_1D_SIZE before; not a .cube look-up table"),
    ("dear reader\n", "line 1: no LUT_3D_SIZE or LUT_1D_SIZE before"),
    (POINTS, "line 1: no LUT_3D_SIZE"),
    ("LUT_3D_SIZE 2\n" + POINTS[:-6], "line 8: the table ends after 7 colors; its size needs 8"),
    ("LUT_3D_SIZE 2\n" + POINTS + "0 0 0\n", "line 10: the table ends after 9 colors; its size needs 8"),
    ("LUT_3D_SIZE 2\n", "line 1: the table ends after 0 colors"),
    ("LUT_3D_SIZE 2\n0 0 0\n# so\n0 nan 0\n" + POINTS[12:], "line 4: '0 nan 0'; needed: 3 finite numbers"),
    ("LUT_3D_SIZE 2\n0 0 0\n0 0 1e400\n" + POINTS[12:], "line 3: '0 0 1e400'; needed: 3 finite numbers"),
    ("LUT_3D_SIZE 2\n0 0 0\n0 0\n" + POINTS[12:], "line 3: '0 0'; needed: 3 finite numbers"),
    ("LUT_3D_SIZE 2\nLUT_IN_VIDEO_RANGE\n" + POINTS, "line 2: 'LUT_IN_VIDEO_RANGE'; needed: 3 finite numbers"),
    ("LUT_3D_SIZE 1\n0 0 0\n", "line 1: a size of '1'; needed: a whole number from 2 to 256"),
    ("LUT_3D_SIZE 257\n", "line 1: a size of '257'; needed: a whole number from 2 to 256"),
    ("LUT_3D_SIZE two\n", "line 1: a size of 'two'"),
    ("LUT_3D_SIZE\n", "line 1: a size of ''"),
    ("LUT_1D_SIZE 2\nLUT_3D_SIZE 2\n" + POINTS, "line 2: a second table (LUT_3D_SIZE)"),
    ("LUT_3D_SIZE 2\nDOMAIN_MIN 0 0\n" + POINTS, "line 2: '0 0'; needed: 3 finite numbers"),
    ("LUT_3D_SIZE 2\nDOMAIN_MAX 1 0 1\n" + POINTS, "DOMAIN_MIN must be below DOMAIN_MAX"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), BROKEN)
def test_a_broken_table_gives_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "a.cube").write_text(text)
    with pytest.raises(UserError) as raised:
        read_cube(tmp_path / "a.cube")
    assert line in str(raised.value) and str(raised.value).startswith(f"{tmp_path}/a.cube")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_title_and_comments_may_be_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    write_cube(tmp_path / "a.cube", warm, 3)
    table = (tmp_path / "a.cube").read_text().partition("LUT_3D_SIZE")
    text = f'TITLE "caf\u00e9"\n# f\u00fcr Z\u00fcrich\n{table[1]}{table[2]}'
    (tmp_path / "b.cube").write_bytes(text.encode(encoding))
    made, expected = read_cube(tmp_path / "b.cube"), read_cube(tmp_path / "a.cube")
    assert torch.equal(made.table, expected.table)
    assert made.title.startswith("caf")


def test_what_is_no_text_or_not_there_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.cube: no such file"):
        read_cube(tmp_path / "a.cube")
    (tmp_path / "a.cube").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    with pytest.raises(UserError, match=r"a\.cube: not a \.cube look-up table, which is text"):
        read_cube(tmp_path / "a.cube")


def test_other_bands_and_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"colors of 4 bands; a \.cube look-up table maps red, green and blue"):
        CubeLook(lattice(2).T, 2)(torch.zeros(4, 5))
    with pytest.raises(UserError, match="a look-up table of 1 points"):
        write_cube(tmp_path / "a.cube", identity, 1)
    with pytest.raises(ValueError, match="gives NaN"):
        write_cube(tmp_path / "a.cube", lambda colors: colors / 0 * 0, 2)
    assert not list(tmp_path.iterdir())
