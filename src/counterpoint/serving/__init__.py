"""The service: an OpenAI-compatible endpoint that knows each person. Needs the extra `serve`.

A request goes through the doors, then a route, then the domain or the chat; below them is the store.

- `settings`   what the operator decides
- `app`        the application: `create_app(settings)`
- `description` the OpenAPI description, made complete
- `storage`    the store, as the service and the command line open it
- `opening`    from settings to a running service: store, evidence, models
- `service`    the parts of a running service, put together
- `doors/`     who may come in: keys, limits, headers, request ids, logs, sessions of the pages
- `routes/`    what can be asked, one file a group; no domain knowledge in them
- `chat/`      back ends that write replies: a language model in process, or any OpenAI-compatible endpoint
- `people`     what is done with people: events, beliefs, corrections, export, deletion; no HTTP in it
- `store/`     the database and what is written to it
- `pages/`     server-rendered pages
- `metrics`    figures for Prometheus and the operator's page
"""
