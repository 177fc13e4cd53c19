"""Compound V2 and its forks: reader, rules, and deployments."""
