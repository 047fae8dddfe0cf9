"""What can be asked, one file a group. A route checks the key's scope, turns HTTP into the domain's words and back.

- `fields`        kinds of values that several routes take
- `chat`          POST /v1/chat/completions
- `completion`    OpenAI's records of requests and replies
- `models`        GET /v1/models, GET /v1/value-pairs
- `events`        POST /v1/users/{id}/events
- `preferences`   a person's leanings, their own word on them, and what they rest on
- `questions`     the next question, and options in a person's order
- `holdings`      list, export, import, delete; receipts; links to a person's pages
- `audit`         who read or changed what
- `health`        /healthz, /readyz, /metrics
"""
