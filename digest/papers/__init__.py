"""Stage 2: what is new. Pure: identity of works, merging of records, the diff."""
