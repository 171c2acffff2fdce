"""Dictionaries and word lists that do not depend on the rules, loaded once and shared by all readers.

Only the fork server imports this module.
"""

from __future__ import annotations

import gc

from bot.policy import abuse
from bot.policy.browsers import Finder
from bot.policy.information import Content
from bot.policy.language import is_name
from bot.policy.words import Lexicon, cut

SAMPLE = "Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 бл*"  # asks the user agents' table and the lexicon of abuse, which load at first use

_lexicon = Lexicon()
_finder, _ = Finder(_lexicon), Content(_lexicon)
_finder.find(cut(SAMPLE, _lexicon))
abuse.find(SAMPLE)
is_name("анна")
gc.collect()
gc.freeze()  # a garbage collection in a reader would write to pages that all readers share
