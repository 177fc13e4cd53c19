"""Aave V3 and its forks: reader, rules of every revision from 3.0 to 3.7, and deployments."""
