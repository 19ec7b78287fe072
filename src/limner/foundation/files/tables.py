"""Tables of text as people have them: cells parted by commas, by tabs or, from spreadsheets in many languages, by
semicolons, with commas in their numbers."""

SEPARATORS = (",", ";", "\t")


def separator_of(head: str) -> str:
    """What parts the cells of a table, by its first line: what is most often there; a comma where nothing is.

    >>> separator_of("path,label"), separator_of("path;x0;y0"), separator_of("path")
    (',', ';', ',')
    """
    return max(SEPARATORS, key=head.count)


def number_of(text: str, separator: str) -> float:
    """The number in a cell; between other signs than commas, a comma is its point. Raises `ValueError` for none.

    >>> number_of("12.5", ","), number_of("12,5", ";")
    (12.5, 12.5)
    """
    return float(text if separator == "," else text.replace(",", "."))
