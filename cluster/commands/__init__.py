"""Commands about takes at scale, one module each; `runtime/cli.py` names them."""
