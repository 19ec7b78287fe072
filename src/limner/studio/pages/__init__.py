"""The pages of the studio, each a thin layer over one verb."""

from limner.studio.page import Page
from limner.studio.pages.caption import CAPTION
from limner.studio.pages.check import CHECK
from limner.studio.pages.classify import CLASSIFY
from limner.studio.pages.detect import DETECT
from limner.studio.pages.generate import GENERATE, WALK
from limner.studio.pages.look import LOOK
from limner.studio.pages.recolor import RECOLOR
from limner.studio.pages.refine import REFINE
from limner.studio.pages.segment import SEGMENT
from limner.studio.pages.styles import STYLES
from limner.studio.pages.train import TRAIN
from limner.studio.pages.translate import TRANSLATE

ALL = (SEGMENT, REFINE, RECOLOR, CHECK, TRAIN, GENERATE, WALK, STYLES, TRANSLATE, DETECT, CLASSIFY, CAPTION, LOOK)
PAGES: dict[str, Page] = {page.name: page for page in ALL}
"""By name, in the order in which they are offered."""
