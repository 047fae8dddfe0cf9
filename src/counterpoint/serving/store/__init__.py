"""What the service keeps: people, their events, the beliefs derived from them, keys, audit. SQLite or PostgreSQL.

- `schema`      the tables
- `records`     what goes in and comes out: frozen records, and the errors
- `connect`     how SQLite and PostgreSQL are talked to
- `store`       `Store` and its `Transaction`: everything is asked of one tenant, inside one transaction
- `queries`     its statements; `statements` compiles them once and sends them in few trips, on PostgreSQL over `wire`
- `together`    requests that share a transaction
- `journal`     SQLite's commits, synced before anybody is told; `turns` a lock in the order of arrival
- `keys`        tenants and API keys: issued, rotated with an overlap, revoked, checked
- `vault`       the secrets file: signs receipts, hashes tombstones
- `bank`        dilemmas with their evidence, read off the scorer once; people's own texts, read when they come
- `intake`      events as they are sent, checked
- `beliefs`     from stored events to a belief, by replay or one event further
- `kept`        beliefs and evidence as they are kept, brought up to date
- `views`       what is said of a person: records made from beliefs
- `audit`       who read or changed what
- `artefacts`   what was trained, and on whom
- `erase`       deleting a person completely, with a signed receipt
- `export`      everything held of a person, as JSON, and back
- `migrate`     from any version of the tables to the newest (Alembic; `migrations/`)
- `backup`      copies of a whole database, and back
"""
