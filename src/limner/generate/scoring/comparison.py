"""What ``limner compare`` does for generated pictures: runs and other tools' folders side by side, by one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.fidelity.described import Described, describe, describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.result import HEADS, LOWER_IS_BETTER, PictureScores, Score, printed
from limner.fidelity.score import score_pictures, state_protocol
from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.generate.scoring.options import USUAL_COLUMNS, CompareOptions
from limner.generate.scoring.sides import make_pictures, unseen_by
from limner.learning.runs.evaluations import Compared
from limner.learning.runs.run import Run
from limner.learning.seed_table import Measure
from limner.nn.pretrained import INCEPTION
from limner.reporting.tables import SHARES, csv_table, markdown_table, tex, tex_table, write_table

FLAT = "flat mean colors"
BOLD = "Bold: the best of its column, where its 95 % interval overlaps no other's; ties are never bold."


class Item(NamedTuple):
    """What is compared. run: None for a folder or an evaluation file. kept: what an ``evaluation.json`` holds."""

    name: str
    place: Path
    run: Run | None
    kept: PictureScores | None

    @property
    def is_folder(self) -> bool:
        """Whether these are pictures that somebody else made."""
        return self.run is None and self.kept is None


@dataclass(frozen=True)
class PictureComparison:
    """Generated pictures side by side, all scored by one protocol but for the seed.

    rows: names and scores. columns: keys of `HEADS`; with few pictures the KID comes first.
    """

    rows: tuple[tuple[str, PictureScores], ...]
    columns: tuple[str, ...] = USUAL_COLUMNS

    def best(self) -> dict[str, int | None]:
        """Of each column the number of the row that is best beyond doubt: no other prints the same, and its interval
        overlaps no other's. None where there is none, and where there is nothing to be better than.

        Rows without intervals (``resamples=0``) are told apart by what is printed alone.
        """
        return {column: self._best(column) for column in self.columns}

    def _best(self, column: str) -> int | None:
        if len(self.rows) < 2:
            return None
        scores = [scores.scores[column] for _, scores in self.rows]
        better = min if column in LOWER_IS_BETTER else max
        values = [score.value for score in scores]
        first = values.index(better(values))
        others = [score for number, score in enumerate(scores) if number != first]
        if any(printed(column, other.value) == printed(column, values[first]) for other in others):
            return None
        return None if any(_overlap(scores[first], other) for other in others) else first

    def header(self) -> list[str]:
        """ "pictures", the columns' titles, and the interval of the first one."""
        titles = [self.rows[0][1].title(column) for column in self.columns]
        return ["pictures", *titles, f"{HEADS[self.columns[0]]}'s 95 % interval"]

    def body(self, bold: str = "{}") -> list[list[str]]:
        """The rows as printed; bold: how the best of a column is set."""
        best = self.best()
        lines = []
        for number, (name, scores) in enumerate(self.rows):
            cells = [printed(column, scores[column]) for column in self.columns]
            marked = [
                bold.format(cell) if best[column] == number else cell
                for column, cell in zip(self.columns, cells, strict=True)
            ]
            interval = scores.scores[self.columns[0]].interval or ()
            lines.append([name, *marked, " to ".join(printed(self.columns[0], each) for each in interval)])
        return lines

    def flat(self) -> list[str]:
        """The row of pictures that are flat: what every row above must beat. Only their KID is meant."""
        cells = [printed("kid", self.rows[0][1].flat_kid) if column == "kid" else "" for column in self.columns]
        return [FLAT, *cells, ""]

    def notes(self) -> list[str]:
        """What to know, without repeats, and the protocol."""
        told = dict.fromkeys(note for _, scores in self.rows for note in scores.notes if not note.startswith("The IS"))
        rule = [BOLD] if len(self.rows) > 1 else []
        return [*told, *rule, self.rows[0][1].protocol.sentence()]

    def to_markdown(self) -> str:
        """A Markdown table with the best in bold, and the notes."""
        notes = "\n".join(self.notes()).splitlines()
        return markdown_table(self.header(), [*self.body("**{}**"), self.flat()], notes)

    def to_csv(self) -> str:
        """Comma-separated, unrounded, shares in percent: ``pictures,kid,kid_low,kid_high,...``; absent intervals are
        empty."""
        rows = []
        for name, scores in self.rows:
            numbers: list[float | None] = []
            for column in self.columns:
                score, unit = scores.scores[column], 100 if column in SHARES else 1
                numbers += [each if each is None else unit * each for each in (score.value, score.low, score.high)]
            rows.append([name, *numbers])
        header = ["pictures", *(f"{column}{end}" for column in self.columns for end in ("", "_low", "_high"))]
        return csv_table(header, rows)

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs, the best in bold; the notes are comments."""
        rows = [[tex(row[0]), *row[1:]] for row in self.body(r"\textbf{{{}}}")]
        return tex_table([" & ".join(map(tex, self.header()))], [rows, [self.flat()]], self.notes())

    def to_json(self) -> dict[str, Any]:
        """The rows, each with its scores by column, their intervals, and the protocol of all; and the notes."""
        rows = {name: {column: asdict(scores.scores[column]) for column in self.columns} for name, scores in self.rows}
        first = self.rows[0][1]
        return {
            "pictures": rows,
            "flat_kid": first.flat_kid,
            "protocol": first.protocol.to_json(),
            "notes": self.notes(),
        }

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        """The scores of each row, shares in percent: what `limner study` gathers over seeds."""
        found: dict[str, dict[Measure, float | None]] = {}
        for name, scores in self.rows:
            found[name] = {}
            for column in self.columns:
                better: Literal["lower", "higher"] = "lower" if column in LOWER_IS_BETTER else "higher"
                measure = Measure(scores.title(column), better, 4 if column == "kid" else 2)
                found[name][measure] = scores[column] * (100 if column in SHARES else 1)
        return found

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})


def _overlap(one: Score, other: Score) -> bool:
    """Whether two scores' intervals share a value; False where one of them has none."""
    if one.interval is None or other.interval is None:
        return False
    return max(one.interval[0], other.interval[0]) <= min(one.interval[1], other.interval[1])


def compare_pictures(
    compared: Sequence[Compared], options: CompareOptions, *, device: str = "auto"
) -> PictureComparison:
    """Compare runs that generate, folders of pictures and evaluation files, all by one protocol.

    Runs alone are compared by their ``evaluation.json``. With a folder among them, or with ``data``, what is not yet
    scored by the common protocol is scored now, and nothing is written.

    Raises `UserError`, naming what differs, where protocols do; without real pictures; for runs that hold out other
    ones.
    """
    items = [_item(each) for each in compared]
    data, features, samples, seed = options.data, options.features, options.samples, options.seed
    for column in options.columns:
        if column not in HEADS:
            raise UserError(f"no column '{column}'; choose of {', '.join(HEADS)}")
    kept = [(item.name, item.kept) for item in items if item.kept is not None]
    if len(kept) == len(items) and data is None and features is None and samples is None:
        rows = kept
    else:
        unseen = _held_out(items) if data is None else None
        name = features or (kept[0][1].protocol.features if kept else INCEPTION)
        extractor = FeatureExtractor.of(name, device=choose_device(device))
        real = describe_folder(str(data), extractor) if unseen is None else describe(unseen, extractor)
        count = _count(items, samples, real)
        rows = [(item.name, _scored(item, real, count, extractor, seed)) for item in items]
    _check_alike(rows)
    leading = rows[0][1].leading
    ordered = sorted(
        dict.fromkeys(options.columns), key=lambda column: (column not in LOWER_IS_BETTER, column != leading)
    )
    return PictureComparison(tuple(rows), tuple(ordered))


def _item(compared: Compared) -> Item:
    if compared.path is None:
        folder = Path(compared.place)
        picture_files(folder)  # there must be some
        return Item(compared.name, folder, None, None)
    kept = None if compared.evaluation is None else PictureScores.from_json(compared.evaluation, str(compared.path))
    place = compared.path if compared.run is None else compared.run.folder
    return Item(compared.name, place, compared.run, kept)


def _held_out(items: Sequence[Item]) -> Tensor:
    """(n, C, S, S) uint8: the real pictures that all runs held out."""
    runs = [item for item in items if item.run is not None]
    if not runs:
        raise UserError("folders alone do not say what is real; add --data FOLDER of real pictures")
    found = [unseen_by(item.run) for item in runs if item.run is not None]
    for item, pictures in zip(runs[1:], found[1:], strict=True):
        if not torch.equal(pictures, found[0]):
            raise UserError(
                f"{runs[0].name} and {item.name} hold out other pictures; "
                "add --data FOLDER of real ones that neither saw"
            )
    return found[0]


def _count(items: Sequence[Item], samples: int | None, real: Described) -> int:
    folders = {item.name: len(picture_files(item.place)) for item in items if item.is_folder}
    if samples is not None:
        for name, held in folders.items():
            if held < samples:
                raise UserError(f"{name}: {held} pictures, fewer than --samples {samples}; ask for {held} or add some")
        return samples
    evaluated = [item.kept.protocol.fake_count for item in items if item.kept is not None]
    return min([*folders.values(), *evaluated], default=real.count)


def _scored(item: Item, real: Described, count: int, extractor: FeatureExtractor, seed: int) -> PictureScores:
    if item.kept is not None:
        wanted = state_protocol(real, count, extractor, seed=seed)
        if item.run is None or not wanted.differs(item.kept.protocol):
            return item.kept
    if item.run is not None:
        made = describe(make_pictures(item.run, count, device=extractor.device, seed=seed), extractor)
    else:
        made = describe_folder(item.place, extractor).some(count, seed)
    return score_pictures(real, made, extractor, seed=seed)


def _check_alike(rows: Sequence[tuple[str, PictureScores]]) -> None:
    first_name, first = rows[0]
    for name, other in rows[1:]:
        if difference := first.protocol.differs(other.protocol):
            raise UserError(
                f"{first_name} and {name} are not scored alike ({difference}); add --data FOLDER to score all anew"
            )
