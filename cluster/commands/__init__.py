"""Commands about takes at scale; `runtime/cli.py` names them. What `submit` is asked for has a module of its own."""
