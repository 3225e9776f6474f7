"""Runs over several machines: agents on the hosts, and role processes that they start.

A *controller* (``holabench run``) starts a scheduler and waits for its *agents*, one per host. An agent measures
nothing: it starts *role processes*, which do. docs/fleet.md describes it for users.
"""
