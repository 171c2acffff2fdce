"""rules.yaml -> Policy -> Verdict. Pure: bytes, letters and moments go in, values come out."""

from bot.policy.examples import check_examples
from bot.policy.judge import judge, matched, why
from bot.policy.loading import json_schema, load
from bot.policy.policy import Facts, Policy
from bot.policy.yamlfile import Mistake, RulesError

__all__ = ["Facts", "Mistake", "Policy", "RulesError", "check_examples", "json_schema", "judge", "load", "matched", "why"]
