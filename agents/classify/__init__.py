"""Asks a language model what kind unseen fingerprints are, many in one question.

- `prompt`: unseen fingerprints -> question; answer -> rows, each checked.
- `instructions`: what every question tells.
- `outgoing`: a text as it may leave the house.
- `agent`: asks, asks again what is missing, and always says something of every fingerprint.
"""
