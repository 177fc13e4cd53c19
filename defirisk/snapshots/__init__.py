"""Positions on disk: a Parquet that is written once from a chain and replayed anywhere, on one machine or many.

``codec`` turns a protocol's own state into bytes and back, into the family's own types and nothing else; ``layout`` is
the file's columns and head; ``writing`` and ``reading`` are the file itself; ``taking`` reads a chain into one;
``replaying`` audits one, here or on a cluster (``cluster``).
"""
