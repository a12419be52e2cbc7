"""Talking to a server with a language model: the only folder that needs AutoGen, imported where a question is to be asked."""
