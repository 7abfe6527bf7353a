"""What is known about failures before anybody is asked: the tables of rules, as data.

| module | its rules |
|---|---|
| `benchmark` | errors of language-model providers and of the libraries that call them |
| `ci` | errors of compilers, test runners, package managers, shells, containers and runners |
| `book` | both tables as one book |

A table is read from the top and the first match wins: what a body states by a code, then words that mean one thing
only, then words that mean most often one thing, then the status. A rule names a documented behaviour of a tool.
"""
