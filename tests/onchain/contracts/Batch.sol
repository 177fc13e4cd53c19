// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Our own stand-in for Multicall3: the functions that readers call, under the same signatures.
/// It keeps no state and calls nothing in its constructor, so its code may be placed anywhere.
contract Batch {
  struct Call {
    address target;
    bytes callData;
  }
  struct Call3 {
    address target;
    bool allowFailure;
    bytes callData;
  }
  struct Result {
    bool success;
    bytes returnData;
  }

  function aggregate3(Call3[] calldata calls) external payable returns (Result[] memory results) {
    results = new Result[](calls.length);
    for (uint256 i; i < calls.length; i++) {
      results[i] = _run(calls[i].target, calls[i].callData);
      require(results[i].success || calls[i].allowFailure, 'Multicall3: call failed');
    }
  }

  function tryAggregate(
    bool requireSuccess,
    Call[] calldata calls
  ) external payable returns (Result[] memory results) {
    results = new Result[](calls.length);
    for (uint256 i; i < calls.length; i++) {
      results[i] = _run(calls[i].target, calls[i].callData);
      require(results[i].success || !requireSuccess, 'Multicall3: call failed');
    }
  }

  function getBlockNumber() external view returns (uint256) {
    return block.number;
  }

  function getCurrentBlockTimestamp() external view returns (uint256) {
    return block.timestamp;
  }

  function getChainId() external view returns (uint256) {
    return block.chainid;
  }

  function getLastBlockHash() external view returns (bytes32) {
    return blockhash(block.number - 1);
  }

  function getBlockHash(uint256 number) external view returns (bytes32) {
    return blockhash(number);
  }

  function getEthBalance(address who) external view returns (uint256) {
    return who.balance;
  }

  function _run(address target, bytes calldata data) private returns (Result memory result) {
    (result.success, result.returnData) = target.call(data);
  }
}
