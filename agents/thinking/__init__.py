"""The planner that asks a language model: director and regions, each with the embedded planner to fall back on."""
