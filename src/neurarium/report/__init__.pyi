from .readme import scoreboard_markdown as scoreboard_markdown
from .site import build as build
