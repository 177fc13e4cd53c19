// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Asks many views in one call. Questions stand one after another: target (20 bytes), length of the data (2), data;
/// so do the answers: success (1), length of the data (4), data. Static calls, so that no answer changes another.
contract Views {
  fallback() external {
    assembly {
      let at := 0
      let out := 0
      for {} lt(at, calldatasize()) {} {
        let target := shr(96, calldataload(at))
        let size := shr(240, calldataload(add(at, 20)))
        let room := add(out, 5)
        calldatacopy(room, add(at, 22), size)
        mstore8(out, staticcall(gas(), target, room, size, 0, 0))
        mstore(add(out, 1), shl(224, returndatasize()))
        returndatacopy(room, 0, returndatasize())
        out := add(room, returndatasize())
        at := add(add(at, 22), size)
      }
      return(0, out)
    }
  }
}
