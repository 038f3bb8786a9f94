"""Background work with Celery: what is periodic, bulk or slow, and never between intent and host.

No broker holds truth: a ``job`` row does, a message only says "look at this id". Nothing here, nor
anything imported from here, may load gRPC, which does not survive a fork.
"""
