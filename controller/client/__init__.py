"""The ``ovsfleet`` command line: a person's and a script's way to the public REST API.

It owns no state but the login context in the user's configuration directory, and it imports nothing
of the controller: what it can do, anybody can do over REST.
"""
