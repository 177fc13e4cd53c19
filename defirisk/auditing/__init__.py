"""Many wallets at one block: a list in, two tidy tables and a summary out; interrupted means resumable.

``listing`` gives the wallets, each once, in chunks, and what was rejected; ``pipeline`` reads, judges and saves each
chunk and tries failed wallets again; ``partition`` makes rows and a partial summary of one chunk's readings, the same
function on one machine and on many; ``tables`` joins what was saved; ``summary`` adds up in any order to the same.
"""
