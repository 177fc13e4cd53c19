"""Many wallets at one block: a list in, two tidy tables and a summary out; interrupted means resumable.

    listing   -> wallets, each once, in chunks (and what was rejected)
    pipeline  -> each chunk read, judged and saved; failed wallets tried again
    partition -> one chunk's readings to rows and a partial summary; the same function on one machine or on many
    tables    -> the saved chunks to the two tables
    summary   -> what adds up, in any order, to the same figures
"""
