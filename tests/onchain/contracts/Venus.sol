// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Lets everybody call everything: who governs is not what is tested.
contract Governance {
  function isAllowedToCall(address, string calldata) external pure returns (bool) {
    return true;
  }
}

/// Prices as they are set, one a market.
contract PriceBoard {
  bool public constant isPriceOracle = true;
  mapping(address => uint256) public getUnderlyingPrice;

  function set(address[] calldata markets, uint256[] calldata prices) external {
    for (uint256 i; i < markets.length; ++i) getUnderlyingPrice[markets[i]] = prices[i];
  }
}

/// An interest rate of nothing, so that two blocks know the same numbers.
contract StillModel {
  bool public constant isInterestRateModel = true;

  function getBorrowRate(uint256, uint256, uint256) external pure returns (uint256) {
    return 0;
  }

  function getSupplyRate(uint256, uint256, uint256, uint256) external pure returns (uint256) {
    return 0;
  }
}

/// Prices that doubt themselves: what may be borrowed is judged by a collateral a percent lower and a debt one higher.
contract DoubtingBoard {
  PriceBoard private immutable board;

  constructor(PriceBoard board_) {
    board = board_;
  }

  function updateProtectionState(address) external {}

  function getBoundedPricesView(address market) external view returns (uint256, uint256) {
    uint256 price = board.getUnderlyingPrice(market);
    return ((price * 99) / 100, (price * 101) / 100);
  }
}

/// Where markets send their reserves; what it does with them is not tested.
contract ShareReserve {
  function updateAssetsState(address, address, uint8) external {}
}

/// A proxy that keeps nothing in storage, for a contract that wants one.
contract Front {
  address private immutable brains;

  constructor(address brains_) {
    brains = brains_;
  }

  fallback() external payable {
    address to = brains;
    assembly {
      calldatacopy(0, 0, calldatasize())
      let done := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
      returndatacopy(0, 0, returndatasize())
      switch done
      case 0 {
        revert(0, returndatasize())
      }
      default {
        return(0, returndatasize())
      }
    }
  }
}
