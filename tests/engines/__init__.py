"""The old place of `tools.engines`: scripts in issue reports import from here."""

from tools import engines

__path__ = engines.__path__
