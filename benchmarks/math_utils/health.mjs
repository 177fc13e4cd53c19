// Health factors of positions under price scenarios by Aave's own library, and how many a second.
// In (stdin, JSON): positions [[asset, amount, threshold in bps or null for a debt], ...], decimals by asset,
// prices [scenario][asset] in the oracle's unit. Out: seconds and the health factors, position by position.
import { readFileSync } from "node:fs";
import math from "@aave/math-utils";

const { calculateHealthFactorFromBalances, valueToBigNumber } = math;
const { positions, decimals, prices } = JSON.parse(readFileSync(0, "utf8"));

const health = (legs, price) => {
  let collateral = valueToBigNumber(0);
  let weighted = valueToBigNumber(0);
  let debt = valueToBigNumber(0);
  for (const [asset, amount, threshold] of legs) {
    const value = valueToBigNumber(amount).multipliedBy(price[asset]).shiftedBy(-decimals[asset]);
    if (threshold === null) {
      debt = debt.plus(value);
    } else {
      collateral = collateral.plus(value);
      weighted = weighted.plus(value.multipliedBy(threshold));
    }
  }
  return calculateHealthFactorFromBalances({
    collateralBalanceMarketReferenceCurrency: collateral,
    borrowBalanceMarketReferenceCurrency: debt,
    currentLiquidationThreshold: weighted.dividedBy(collateral),
  }).toNumber();
};

const all = () => positions.map((legs) => prices.map((price) => health(legs, price)));
all(); // warm
const start = performance.now();
const healths = all();
const seconds = (performance.now() - start) / 1000;
process.stdout.write(JSON.stringify({ seconds, healths }));
