"""Lazy regularization: a costly term now and then, and as much more of it."""


def lazy_factor(number: int, interval: int) -> int:
    """How much a term counts at update ``number``, from 0: ``interval`` at each ``interval``-th, otherwise 0.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, sec. 3.1: the same pull on
    average for a fraction of the time. The paper also shortens Adam's memory a little to match; limner leaves Adam as
    the recipe says.
    """
    return 0 if number % interval else interval
