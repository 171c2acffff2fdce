"""Dictionaries and word lists that do not depend on the rules, loaded once and shared by all parsers.

Only the fork server imports this module.
"""

from __future__ import annotations

import gc

from bot.language import abuse
from bot.language.completeness import Content
from bot.language.software_versions import Finder
from bot.language.word_classes import Lexicon, cut
from bot.language.word_forms import is_name

SAMPLE = "Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 бл*"  # asks the user agents' table and the lexicon of abuse, which load at first use

_lexicon = Lexicon()
_finder, _ = Finder(_lexicon), Content(_lexicon)
_finder.find(cut(SAMPLE, _lexicon))
abuse.find(SAMPLE)
is_name("анна")
gc.collect()
gc.freeze()  # a garbage collection in a parser would write to pages that all parsers share
