"""Find papers for a query: every word by itself or its nearest words, and the whole by meaning.

    texts -> ``contents`` (what is kept of a paper) -> ``index`` (all papers, in memory)
    query -> ``terms`` -> ``neighbours``, ``spelling`` -> ``index`` (a score for every paper)

A score depends on the query and the paper alone, never on what else is stored. Reads no store.
"""
