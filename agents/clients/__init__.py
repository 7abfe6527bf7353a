"""The doors to outside systems that the verbs ask; one file a system.

- `asking`: how any llm is asked: pace, money, breaker, retries, one deadline. The same for every provider.
- `faults`: what an HTTP answer that is no answer asks us to do.
- `breaker`: when an llm is not asked at all.
- `claude`: Anthropic's Messages. `openai_chat`: chat completions of OpenAI and of gateways (extra `openai`).
- `connect`: settings -> the llm to ask.
"""
