"""The commands of the command line, a module each; `runtime.cli` knows them by name and loads the one that is called."""
