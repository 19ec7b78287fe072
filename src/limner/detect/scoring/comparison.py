"""What ``limner compare`` does for detectors: their scores side by side, on the same pictures."""

from collections.abc import Sequence

from limner.detect.measures.evaluation import Evaluation
from limner.detect.scoring.options import COLUMNS, CompareOptions
from limner.foundation.errors import UserError
from limner.learning.runs.evaluations import Compared
from limner.learning.runs.score_table import Column, Row, ScoreTable, Trivial, chosen_columns

SECONDS = "seconds"
KNOWN = tuple(
    Column(name, title, name == SECONDS, digits=3 if name == SECONDS else None) for name, title in COLUMNS.items()
)


def compare_runs(compared: Sequence[Compared], options: CompareOptions, *, device: str = "auto") -> ScoreTable:
    """Detectors by their ``evaluation.json``. Raises `UserError` for a column that is none, other classes, and a run
    without an evaluation."""
    columns = chosen_columns(options.columns, KNOWN)
    rows = [(each.name, Evaluation.from_json(each.needed(), str(each.path))) for each in compared]
    first_name, first = rows[0]
    for name, other in rows[1:]:
        if other.class_names != first.class_names:
            raise UserError(f"{first_name} and {name} find other classes; compare runs of the same classes")
    common = next((scored.trivial for _, scored in rows if scored.trivial is not None), None)
    trivial = None if common is None else Trivial("the commonest boxes", "ap50", common)
    return ScoreTable(columns, tuple(_row(name, scored) for name, scored in rows), "objects", trivial)


def _row(name: str, scored: Evaluation) -> Row:
    values = {column: scored.score(column) for column in COLUMNS}
    return Row(name, values, sum(scored.objects), scored.on, (scored.pictures, scored.objects))
