"""The columns of CSV files and frames, each with what it means. The order here is the order there."""

from __future__ import annotations

from typing import Final

_UNIT: Final = "in the market's unit"
_RAW: Final = "the same, exact, in base units as text"

ACCOUNT: Final = {
    "chain_id": "EIP-155 id of the chain",
    "block": "block that every figure is of",
    "timestamp": "the block's time, seconds since 1970",
    "source": "host of the endpoint, or name of the recording",
    "address": "the wallet",
    "account_status": "ok, no-position, or failed if any market could not be answered",
    "account_warnings": "codes of what is to be known of the address itself, such as owns-proxy",
}
POSITION: Final = {
    "market": "name of the market",
    "protocol": "rule family, such as aave-v3",
    "rules": "revision whose arithmetic was used, such as 3.6",
    "unit": "the market's unit of account",
    "status": "ok, unpriced, failed or no-position",
    "error": "code of the cause where status is unpriced or failed",
    "error_message": "the cause in words",
    "health_factor": "below 1 exactly when liquidatable; empty without debt",
    "health_factor_raw": "the same, exact, wad as text",
    "liquidatable": "whether anyone may liquidate it at the block",
    "collateral_value": f"collateral that counts, {_UNIT}",
    "collateral_value_raw": _RAW,
    "debt_value": f"all debt, {_UNIT}",
    "debt_value_raw": _RAW,
    "contract_health_factor_raw": "what the contract itself says at the block, wad as text",
    "nearest_liquidation_asset": "the asset whose own move liquidates soonest",
    "nearest_liquidation_move": "that move as a share, rounded away from zero; 0 if it is liquidatable today",
    "nearest_liquidation_price_raw": "the oracle price that it leads to, oracle units as text",
    "verdict": "code of the verdict",
    "verdict_text": "the verdict in words",
    "warnings": "codes of what is to be known of the position",
    "what_if": "what was changed before it was judged; empty where nothing was",
}
OUTCOME: Final = {
    "scenario": "name of the scenario",
    "scenario_health_factor": "health factor at the scenario's prices, before any liquidation",
    "scenario_health_factor_raw": "the same, exact, wad as text",
    "scenario_liquidatable": "whether anyone may liquidate at those prices",
    "liquidations": "how many calls the replay took",
    "ended": "healthy, nothing-to-seize, rules or liquidator: why the replay ended",
    "liquidator": "order in which the liquidations were replayed",
    "search": "exhaustive or greedy, for worst-case",
    "bad_debt_value": f"debt that is never repaid, {_UNIT}",
    "bad_debt_value_raw": _RAW,
    "uncovered_value": f"debt beyond what the collateral left could repay, where the replay stopped early, {_UNIT}",
    "uncovered_value_raw": _RAW,
    "owner_loss_value": f"what the owner loses, negative for a gain, {_UNIT}",
    "owner_loss_value_raw": _RAW,
    "owner_loss_move_value": f"of it: equity lost to the prices alone, {_UNIT}",
    "owner_loss_move_value_raw": _RAW,
    "owner_loss_bonus_value": f"of it: paid to liquidators, {_UNIT}",
    "owner_loss_bonus_value_raw": _RAW,
    "owner_loss_protocol_fee_value": f"of it: paid to the protocol, {_UNIT}",
    "owner_loss_protocol_fee_value_raw": _RAW,
    "owner_left_value": f"what is left to the owner, {_UNIT}",
    "owner_left_value_raw": _RAW,
    "borne_by_others_value": f"what the owner would owe and walks away from, {_UNIT}",
    "borne_by_others_value_raw": _RAW,
}
THRESHOLD: Final = {
    "kind": "asset or group",
    "move": "symbol of the asset, all volatile, or family:NAME",
    "asset": "address of the asset",
    "direction": "down or up",
    "liquidation": "nearest move that makes it liquidatable, as a share; empty if there is none, 0 if it is today",
    "liquidation_price": f"the oracle price there, {_UNIT}",
    "liquidation_price_raw": "the same, exact, oracle units as text",
    "bad_debt": "nearest move that leaves bad debt, as a share; empty if there is none",
    "bad_debt_price": f"the oracle price there, {_UNIT}",
    "bad_debt_price_raw": "the same, exact, oracle units as text",
    "searched_to": "largest move searched, as a share",
}
LEG: Final = {
    "side": "collateral or debt",
    "asset": "address of the asset",
    "symbol": "what the token calls itself, cleaned",
    "family": "family that it was taken to move with",
    "counts": "whether it secures debt and may be seized",
    "amount": "whole tokens",
    "amount_raw": "the same, exact, token base units as text",
    "price": f"oracle price of a whole token, {_UNIT}",
    "price_raw": "the same, exact, oracle units as text",
    "oracle_updated_at": "when the oracle says that the price was updated, seconds since 1970",
    "value": f"value, {_UNIT}",
    "value_raw": _RAW,
    "liquidation_threshold": "share of its value that secures debt against liquidation",
    "liquidation_bonus": "what a liquidator gets on top, as a share",
}
KEY: Final = ("chain_id", "address", "market")
"""Columns that every frame but the one of positions begins with."""
