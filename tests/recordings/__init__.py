"""Recordings: large ones, refreshed ones, broken ones."""
