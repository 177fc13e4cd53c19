"""Aave V2: reader, rules and deployments; one more revision on V3's engine."""
