"""Compound V3 (Comet): reader, rules of both variants, and deployments."""
