"""Who and what may come in. Outermost first:

- `identity`   request ids, one log line a request, the last resort for errors
- `headers`    secure headers on every answer
- `keys`       API keys and their scopes, before a body is read
- `rates`      how often a key may ask
- `bodies`     how much may be sent, and how slowly
- `deadlines`  how long an answer may take to begin
- `errors`     every refusal, in OpenAI's words
- `sessions`   signed links and cookies of the pages, and their forms' protection against forgery
- `logs`       JSON lines without prompts or secrets
"""
