"""What if: parameters as a vote would set them, a position as its owner would change it, and how much is needed. Pure.

Knows no protocol: families bring :class:`defirisk.protocols.interface.Changes` with their rules.
"""
