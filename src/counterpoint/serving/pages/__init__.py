"""Pages on which people see and correct what is believed of them, and operators see that all is well.

Server-rendered; every form works without script, and htmx (from the installed django-htmx package, without Django) only
replaces the part that changes. Charts are SVG drawn here, each with a table beside it. Nothing inline, nothing from
elsewhere: the Content-Security-Policy of `doors/headers.py` holds as it is.

    app.include_router(pages(Site(people, chat, metrics, settings, sessions)))

- `site`          what pages are made of: `Site`, which the app fills in, and `pages`, the router
- `visitors`      who is looking: an operator (an API key) or one person (a signed link); what each may do
- `signing`       sign-in, sign-out, links for people
- `person`        where a person stands, and what one leaning rests on
- `interview`     the most informative dilemma next; answers, and taking them back
- `corrections`   a person's own word on a value pair, and its withdrawal
- `side_by_side`  one prompt answered for nobody, for them and for the opposite person
- `data`          export and deletion
- `operator`      people, load, latency and drift
- `charts`        SVG
- `render`        templates; whole pages and the parts htmx asks for
- `assets`        style, script and htmx, under names that change with their content

A person is named by the query parameter `name`, never in the path: names may hold anything, slashes and dots too, and
logs have paths. Who came by a link for one person gets that person whatever `name` says.
"""
