"""Numbers of things in words for people: one of them is told in the singular."""


def counted(number: int, noun: str) -> str:
    """A number of things whose plural ends in s.

    >>> counted(1, "band"), counted(3, "band")
    ('1 band', '3 bands')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")
