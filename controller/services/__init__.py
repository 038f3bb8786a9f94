"""Use cases of the controller: one function is one transaction and, where it writes, one audit row.

Everything here is synchronous and takes the database first; callers on an event loop go through a
bounded pool of threads. No other layer opens a transaction.
"""
