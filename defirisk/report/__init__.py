"""Outcome to table, JSON, CSV and Markdown: pure text from values, no chain and no clock."""
