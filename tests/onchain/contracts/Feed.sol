// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A price feed whose answer anyone may set; it speaks both Chainlink dialects.
contract Feed {
  int256 public latestAnswer; // slot 0: tests may write it directly
  uint256 public latestTimestamp; // slot 1
  uint8 public constant decimals = 8;
  string public constant description = 'test feed';

  constructor(int256 answer) {
    latestAnswer = answer;
    latestTimestamp = block.timestamp;
  }

  function set(int256 answer) external {
    latestAnswer = answer;
    latestTimestamp = block.timestamp;
  }

  function latestRoundData()
    external
    view
    returns (uint80, int256, uint256, uint256, uint80)
  {
    return (1, latestAnswer, latestTimestamp, latestTimestamp, 1);
  }
}

/// A feed that answers nothing but a revert.
contract BrokenFeed {
  error FeedBroken();

  fallback() external {
    revert FeedBroken();
  }
}
