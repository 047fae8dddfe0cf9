"""Replies that fit the person named.

- `backend`   the contract of what writes replies
- `local`     a language model in this process: requests join and leave a running batch
- `upstream`  any OpenAI-compatible endpoint, given the instruction or the name of an adapter
- `adapters`  adapters beside the model: a name with a version, never used for other weights again
- `chat`      from a request and a person to a reply: what is believed, what is done about it, and why
"""
