"""The page: what failed, how often, since when, and why; live, and readable without JavaScript.

| module | holds |
|---|---|
| `app` | the routes, and where everything below is put together |
| `guard` | which Host and Origin may speak to us, and the headers of every answer |
| `asked` | what an address asks for: filters, page, range; and the address that asks for something |
| `kinds` | what each kind means, and which colour it has |
| `charts` | counts -> the geometry of bars and sparklines |
| `words` | times, counts and texts from outside, made fit to be read |
| `view` | asks the store what one page shows, for HTML and JSON alike |
| `pages` | HTML answers |
| `api` | the same data as JSON |
| `live` | server-sent events: one poll of the store for all readers |
| `templates/`, `static/` | markup, style and script; nothing is inline, so the content policy can forbid it |

Text from outside is only ever text: the templates escape everything, the script never parses what they did not write,
and characters that would hide or turn around text are shown as what they are.
"""
