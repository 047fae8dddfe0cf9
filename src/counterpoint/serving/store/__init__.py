"""What the service keeps: people, their events, the beliefs derived from them, keys, audit. SQLite or PostgreSQL.

- `schema`      the tables
- `records`     what goes in and comes out: frozen records, and the errors
- `store`       `Store` and its `Transaction`: everything is asked of one tenant, inside one transaction
- `keys`        API keys: issued, rotated with an overlap, revoked, checked
- `vault`       the secrets file: signs receipts, hashes tombstones
- `bank`        dilemmas with their evidence, read off the scorer once
- `beliefs`     from stored events to a belief, by replay or one event further
- `erase`       deleting a person completely, with a signed receipt
- `export`      everything held of a person, as JSON, and back
- `migrate`     from any version of the tables to the newest (Alembic; `migrations/`)
- `backup`      copies of a whole database, and back
"""
