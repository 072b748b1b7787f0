from .site import build as build
from .readme import scoreboard_markdown as scoreboard_markdown
