"""Finding the wallets that ever borrowed in a market, from its own events: `defirisk borrowers`."""
