"""The pipeline: the only package that knows all five stages.

for each source that is due:                                    polling.py
    bodies  = source.fetch(...)             stage 1, I/O, bounded and polite
    records = source.parse(body)            stage 1, pure
    changes = papers.decide(records, known) stage 2, pure
    store.ingest(changes); source state     one transaction, the state last
for each block of subscriptions that are due:                   planning.py
    choices = ranker.rank(candidates, readers)   stage 3, pure  editions.py
    freeze editions, ledger, deliveries     one transaction
for each delivery that is ready:                                sending.py
    claim it                                compare-and-set, leased
    message = compose(edition)              stage 4, pure
    transport.send(message)                 stage 5; marker committed before the final dot
"""
