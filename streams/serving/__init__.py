"""What every process that serves has: its log lines, its socket, its signals, and what it tells of itself.

| module | holds |
|---|---|
| `logs` | log lines, for people or one JSON object each; what libraries log, bounded |
| `web` | a listening socket, and an HTTP server that leaves signals alone |
| `observer` | what a role tells of itself: metrics of known names, and what it waits for |
| `health` | `/metrics`, `/healthz`, `/readyz` |
| `role` | one role as a process: start, signals, end, exit status |

The embedded form and the roles of the cluster use the same functions.
"""
