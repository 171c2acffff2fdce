"""rules.yaml -> Policy -> Verdict. Pure: bytes, letters and moments go in, values come out."""

from bot.rules.examples import check_examples
from bot.rules.judge import judge, matched, why
from bot.rules.loading import json_schema, load
from bot.rules.policy import Facts, Policy
from bot.rules.yaml_source import Mistake, RulesError

__all__ = ["Facts", "Mistake", "Policy", "RulesError", "check_examples", "json_schema", "judge", "load", "matched", "why"]
