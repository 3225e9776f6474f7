"""Every model, over every transport it serves, speaking every protocol, as a real process over loopback.

A new file in ``servers/models/`` is tested without a change here: the cases come from the registry.
"""
