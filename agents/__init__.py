"""Asks a language model and decides; stands on `streams`.

- `local`: the whole path in one process, which is what `make run` starts.
- `cli`: the `faultline` command. It is the only file that wires the rooms together.

Imports are absolute, and the project lives alone in its environment: other distributions also own the name `agents`.
"""
