"""`defirisk audit`: lists, tables, the summary, resumption, faults."""
