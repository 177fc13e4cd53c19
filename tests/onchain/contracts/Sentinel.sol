// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A price oracle sentinel (the guard of rollups) whose answers are fixed when it is made.
contract Sentinel {
  bool public immutable isBorrowAllowed;
  bool public immutable isLiquidationAllowed;

  constructor(bool borrow, bool liquidation) {
    isBorrowAllowed = borrow;
    isLiquidationAllowed = liquidation;
  }
}
