"""The only rooms that speak to a chain: live endpoints, recordings, ABI fragments, names.

This file stays light; ``chain.client`` and ``chain.ens`` import aiohttp and web3, and only when they are used.
"""

from defirisk.chain.calls import Answer, Block, Call, Chain, Returned, Reverted

__all__ = ["Answer", "Block", "Call", "Chain", "Returned", "Reverted"]
