"""What ``limner compare`` does for classifiers: their scores side by side, on the same pictures."""

from collections.abc import Sequence

from limner.classify.measures.scores import Evaluation, wilson
from limner.classify.scoring.options import COLUMNS, CompareOptions
from limner.foundation.errors import UserError
from limner.learning.runs.evaluations import Compared
from limner.learning.runs.score_table import Column, Row, ScoreTable, Trivial, chosen_columns

LOWER_IS_BETTER = ("calibration_error", "loss")
KNOWN = tuple(
    Column(name, title, name in LOWER_IS_BETTER, digits=4 if name == "loss" else None)
    for name, title in COLUMNS.items()
)


def compare_runs(compared: Sequence[Compared], options: CompareOptions, *, device: str = "auto") -> ScoreTable:
    """Classifiers by their ``evaluation.json``. Raises `UserError` for a column that is none, other classes, and a run
    without an evaluation."""
    columns = chosen_columns(options.columns, KNOWN)
    rows = [(each.name, Evaluation.from_json(each.needed(), str(each.path))) for each in compared]
    first_name, first = rows[0]
    for name, other in rows[1:]:
        if other.class_names != first.class_names:
            raise UserError(f"{first_name} and {name} tell other classes apart; compare runs of the same classes")
    answer, accuracy = first.trivial
    trivial = Trivial(f"always '{answer}'", "accuracy", accuracy)
    return ScoreTable(columns, tuple(_row(name, scored) for name, scored in rows), "pictures", trivial)


def _row(name: str, scored: Evaluation) -> Row:
    return Row(
        name,
        {column: getattr(scored, column) for column in COLUMNS},
        scored.pictures,
        scored.on,
        scored.confusion.sum(axis=1).tobytes(),
        wilson(round(scored.accuracy * scored.pictures), scored.pictures),
    )
