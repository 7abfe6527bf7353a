"""Connects the evaluation runner to the product: nothing here computes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from streams.contract.taxonomy import default_taxonomy
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage
from streams.core.known_failures.book import default_rules

_fingerprinter = Fingerprinter()
_taxonomy = default_taxonomy()
_stage = FoldStage(fingerprinter=_fingerprinter, rules=default_rules(), taxonomy=_taxonomy, partitions=1)
