// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// What a Comet says of itself, and its events, emitted by whom anyone names: it is on no package registry.
contract CometEvents {
  event Supply(address indexed from, address indexed dst, uint amount);
  event Transfer(address indexed from, address indexed to, uint amount);
  event Withdraw(address indexed src, address indexed to, uint amount);
  event SupplyCollateral(address indexed from, address indexed dst, address indexed asset, uint amount);
  event TransferCollateral(address indexed from, address indexed to, address indexed asset, uint amount);
  event WithdrawCollateral(address indexed src, address indexed to, address indexed asset, uint amount);

  uint8 public constant numAssets = 2;
  uint8 public constant maxAssets = 15;
  uint64 public constant baseIndexScale = 1e15;
  uint64 public constant priceScale = 1e8;
  uint64 public constant factorScale = 1e18;
  address public immutable baseToken = address(1);
  address public immutable baseTokenPriceFeed = address(2);

  struct TotalsBasic {
    uint64 baseSupplyIndex;
    uint64 baseBorrowIndex;
    uint64 trackingSupplyIndex;
    uint64 trackingBorrowIndex;
    uint104 totalSupplyBase;
    uint104 totalBorrowBase;
    uint40 lastAccrualTime;
    uint8 pauseFlags;
  }

  function totalsBasic() external pure returns (TotalsBasic memory totals) {}

  function emitAll(address one, address other, address asset) external {
    emit Supply(one, other, 1);
    emit Transfer(one, other, 2);
    emit Withdraw(one, other, 3);
    emit SupplyCollateral(one, other, asset, 4);
    emit TransferCollateral(one, other, asset, 5);
    emit WithdrawCollateral(one, other, asset, 6);
  }

  function emitWithdraw(address src, address to) external {
    emit Withdraw(src, to, 7);
  }

  function emitSupplyCollateral(address from, address dst, address asset) external {
    emit SupplyCollateral(from, dst, asset, 8);
  }

  function emitTransferCollateral(address from, address to, address asset) external {
    emit TransferCollateral(from, to, asset, 9);
  }

  function emitNothingOfInterest(address one, address other) external {
    emit Supply(one, other, 10);
    emit Transfer(one, other, 11);
    emit WithdrawCollateral(one, other, other, 12);
  }
}
