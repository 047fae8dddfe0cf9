"""Pages on which people see and correct what is believed of them, and operators see that all is well.

Server-rendered; every form works without script, and htmx (from the installed django-htmx package, without Django) only
replaces the part that changes. Charts are SVG drawn here, each with a table beside it. Nothing inline, nothing from
elsewhere: the Content-Security-Policy of `doors/headers.py` holds as it is.

    from counterpoint.serving.pages.router import router
    app.include_router(router)  # reads `service_of(request)`


- `router`        all of them: `/`, `/sign-in`, `/sign-out`, `/link`, `/operator`, `/person...`, `/static/...`
- `visitors`      who is looking, at whose pages: an operator (an API key) or one person (a signed link)
- `signing`       sign-in, sign-out, links for people: `{public_url}/link?token=...` (`visitors.link_address`)
- `person`        where a person stands, and what one leaning rests on
- `interview`     the most informative dilemma next; answers, and taking them back
- `corrections`   a person's own word on a value pair, and its withdrawal
- `side_by_side`  one prompt answered for nobody, for them and for the opposite person
- `data`          export, deletion and its receipt
- `operator`      people, load, latency and drift
- `figures`       what charts show, from beliefs and metrics
- `charts`        SVG
- `render`        templates; whole pages and the parts htmx asks for
- `errors`        what goes wrong, said on a page
- `assets`        style, script and htmx, under names that change with their content

A person is named by the query parameter `name`, never in the path: names may hold anything, slashes and dots too, and
logs have paths. Who came by a link for one person gets that person whatever `name` says.
"""
