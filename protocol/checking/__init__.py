"""Checks of the protocol that look at everything that can happen: exploration of the machines, and a model of its own."""
