"""Everything we compute, and nothing that touches the world: no clock, environment, socket, file or randomness.

| module | holds |
|---|---|
| `clean` | text from outside -> text that is safe to show |
| `redact`, `credentials/` | text -> text without credentials; their formats and names, as data |
| `safe` | a failure -> the same with every text clean and without credentials |
| `template/` | message -> template: named masks in an ordered table |
| `frames/` | traceback -> type, code, frames; one file a language |
| `codes` | template -> the tool that failed, its code, the tools around it |
| `fingerprint` | a failure's fields -> fingerprint, with the parts that explain it |
| `parts`, `ids` | what the parts are called and which are in a key; parts -> id |
| `alias` | templates that differ in one slot, or in several that vary together |
| `extract/` | a log -> the blocks that say why |
| `baselines` | what passing runs of many jobs printed, within bounds |
| `legacy` | the hashes of the earlier systems |
| `said` | a report's text -> the lines in which the error speaks |
| `phrases` | which of many phrases stand in a text |
| `rules`, `known_failures/` | text -> kind by ordered rules; the rules themselves |
| `judge` | a failure -> the verdict of its own text and status |
| `ladder` | which verdict wins; what a status or signal alone says |
| `fold`, `window` | failures -> folds; which windows, which are over |
| `partition` | key -> partition, as Kafka's own clients have it |
| `envelopes` | failures -> the records that carry them |
| `intake` | raw records -> `FoldBatch`es: decode, clamp, redact, fingerprint, fold |
| `recent`, `flood` | which failures came before; when too much of an input cannot be read |
| `rows`, `older_rows`, `tables` | the keyed state: its rows, those of the first format, typed mappings over bytes |
| `pipeline` | `FoldBatch` -> rows and emissions: what a fold, a verdict, an edge does |
| `counting`, `questions`, `marks` | its windows and dimensions; what is asked, and when again; whole fingerprints |
| `touched`, `emissions` | what one call changed; the records that tell of it |
| `forgetting` | which fingerprints may be forgotten |
| `renewal`, `recount` | rows begun anew; their counts made again from documents |
| `batch` | full or due: when a batch is to go |
"""
