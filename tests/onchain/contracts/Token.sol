// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// The part of an ERC-20 that moves; how it names itself is left to its children.
abstract contract BareToken {
  uint8 public immutable decimals;
  uint256 public totalSupply;
  mapping(address => uint256) public balanceOf;
  mapping(address => mapping(address => uint256)) public allowance;

  event Transfer(address indexed from, address indexed to, uint256 value);
  event Approval(address indexed owner, address indexed spender, uint256 value);

  constructor(uint8 decimals_) {
    decimals = decimals_;
  }

  function mint(address to, uint256 value) external {
    totalSupply += value;
    balanceOf[to] += value;
    emit Transfer(address(0), to, value);
  }

  function approve(address spender, uint256 value) external returns (bool) {
    allowance[msg.sender][spender] = value;
    emit Approval(msg.sender, spender, value);
    return true;
  }

  function transfer(address to, uint256 value) external returns (bool) {
    _move(msg.sender, to, value);
    return true;
  }

  function transferFrom(address from, address to, uint256 value) external returns (bool) {
    if (allowance[from][msg.sender] != type(uint256).max) allowance[from][msg.sender] -= value;
    _move(from, to, value);
    return true;
  }

  function _move(address from, address to, uint256 value) private {
    balanceOf[from] -= value;
    balanceOf[to] += value;
    emit Transfer(from, to, value);
  }
}

/// Any symbol and name: also empty, 10 kB long, or full of terminal escapes.
contract Token is BareToken {
  string public name;
  string public symbol;

  constructor(string memory name_, string memory symbol_, uint8 decimals_) BareToken(decimals_) {
    name = name_;
    symbol = symbol_;
  }
}

/// The old style of MKR: bytes32 where others return a string.
contract Bytes32Token is BareToken {
  bytes32 public name;
  bytes32 public symbol;

  constructor(bytes32 name_, bytes32 symbol_, uint8 decimals_) BareToken(decimals_) {
    name = name_;
    symbol = symbol_;
  }
}

/// No symbol and no name at all.
contract NamelessToken is BareToken {
  constructor(uint8 decimals_) BareToken(decimals_) {}
}
