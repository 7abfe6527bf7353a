"""HTTP in: what producers that cannot write to the log send, answered only after it is kept.

| module | holds |
|---|---|
| `app` | the routes, and how errors become answers |
| `publisher` | the port to the log: publish, reject, decide |
| `guard` | who may call: host and origin of a request, as it listens on localhost without a password |
| `body` | the bytes of a request within their limits: size, inflated size, time |
| `pieces` | a body of events -> the pieces that should each be one failure, with their places |
| `admission` | pieces -> failures with their identity, or refusals by name |
| `notes` | what is said of a failure that does not count quite as it was sent |
| `reports` | a JUnit report or a job log, with its context -> failures |
| `baselines` | logs of passing runs, or their hashes -> what is kept of a job |
| `verdicts` | what a person says of a fingerprint -> a verdict |
| `answers` | what the caller is told |
| `limits` | every limit, with its unit |
"""
