"""The one exception that means "the user can mend this"."""


class UserError(ValueError):
    """A mistake in what the user gave: a file, a recipe, an option.

    The message is one line that says what was got, what is needed and what to do. The command line prints
    it after ``limner:`` and exits with code 2; Python callers catch it as a `ValueError`.
    """
