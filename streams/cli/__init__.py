"""The commands of `faultline` that need no language model. `agents.cli` adds those that do, and runs the whole.

| module | holds |
|---|---|
| `app` | the tree of commands, and the one place where errors become a line and an exit status |
| `interrupt` | Ctrl-C: leave at once, end what was begun, or stop reading |
| `bare` | a group of commands called without one: its help |
| `options` | options that several commands have |
| `screen` | text from outside, made fit for a terminal; tables |
| `inputs` | what the arguments of a command name: files by pattern, standard input |
| `pipe` | standard input, read until its end, a deadline or Ctrl-C |
| `server` | a running server, asked over HTTP within a deadline |
| `outgoing` | failures, cleaned before they leave the machine, in chunks the server takes |
| `delivery` | sending or showing them, and the ledger with a line for each that was not sent |
| `to_kafka` | the way to Kafka; the one to a server is in `delivery` |
| `publish` | `publish junit, log, benchmark, event` |
| `job_log`, `baselines` | a job's log read here; what passing runs print, asked for and sent |
| `reading` | a text read as the stages would: fingerprint, parts, verdict |
| `explain` | `explain`, `explain --why` |
| `extract` | `extract`: the lines of a log that say why it failed |
| `growing`, `shown_excerpts` | a file that is still being written; excerpts of it on a terminal |
| `groups` | `groups`, `show`, `verdict`: questions to a running server |
| `running` | `run`: its words; what it runs is handed in |
| `replay` | `replay`: failures that come again |
| `rejected` | `rejected list, show, replay, purge` |
| `moments`, `progress`, `loop` | times and rates as they are said; how far a command is; the event loop of one |
| `roles` | the roles of the cluster form, a command and a process each: their words |
| `wiring` | what each role is made of |
| `status` | `status`: how far the roles are, what the stores hold, whether it adds up |
| `about` | `config`, `topics`, `version` |

Each command imports what it needs when it runs, so that `--help` is quick.
"""
