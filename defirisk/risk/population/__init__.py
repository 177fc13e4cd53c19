"""Populations: a million positions under many scenarios, on arrays; exact wherever floats could not decide."""

from defirisk.risk.population.columns import EXACT, FAST, LEG, UNPRICED, Asset, Group, Population
from defirisk.risk.population.engine import ENGINES, replay_population
from defirisk.risk.population.outcomes import ENDINGS, NO_ENDING, PopulationOutcomes

__all__ = [
    "ENDINGS",
    "ENGINES",
    "EXACT",
    "FAST",
    "LEG",
    "NO_ENDING",
    "UNPRICED",
    "Asset",
    "Group",
    "Population",
    "PopulationOutcomes",
    "replay_population",
]
