"""`limner check --room translate`: what the options say that the data is, looked at before a training."""

from collections.abc import Sequence
from pathlib import Path

from limner.translate.data.checks.attributes import check_attributes
from limner.translate.data.checks.domains import check_domains
from limner.translate.data.checks.labeled import check_labeled
from limner.translate.data.checks.pairs import check_pairs
from limner.translate.data.checks.report import CheckReport
from limner.translate.data.options import PairCheckOptions


def check(data: Sequence[Path], options: PairCheckOptions, *, sheet: Path | None = None) -> CheckReport:
    """Look at pairs, domains, a source with classes and a target, or pictures with a table of attributes, before
    training; every problem is in the report, none raises.

    sheet: where to write some pictures.
    """
    if options.table is not None:
        return check_attributes(data, options.table, sheet=sheet)
    if options.source_classes:
        return check_labeled(data, sheet=sheet)
    if options.domains:
        return check_domains(data, sheet=sheet)
    return check_pairs(data, options, sheet=sheet)
