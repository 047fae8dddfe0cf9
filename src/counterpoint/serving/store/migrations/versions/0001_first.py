"""The tables as they were first, and the triggers that keep events and the audit trail append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything from nothing."""
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgresql_triggers()


def _sqlite_triggers() -> None:
    for table in ("events", "audit"):
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    op.execute(
        "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER events_stay BEFORE DELETE ON events WHEN NOT EXISTS ("
        "SELECT 1 FROM people WHERE tenant = OLD.tenant AND id = OLD.person AND erasing = 1) "
        "BEGIN SELECT RAISE(ABORT, 'events is append-only'); END"
    )


def _postgresql_triggers() -> None:
    op.execute(
        """
        CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'events' THEN
                IF EXISTS (SELECT 1 FROM people
                           WHERE tenant = OLD.tenant AND id = OLD.person AND erasing = 1) THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
        END $$
        """
    )
    for table in ("events", "audit"):
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )


def _tables() -> None:
    op.create_table(
        "dilemmas",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="types.Dilemma.digest"),
        sa.Column("identity", sa.String(length=64), nullable=False, comment="hash of the scorer and the poles"),
        sa.Column("content", sa.Text(), nullable=False, comment="JSON of the dilemma"),
        sa.Column("width", sa.Integer(), nullable=False, comment="number of options"),
        sa.Column("log_probs", sa.LargeBinary(), nullable=False, comment="float32 [pole, option]"),
        sa.PrimaryKeyConstraint("digest", "identity", name="pk_dilemmas"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "tenants",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_tenants"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "hash", sa.String(length=64), nullable=False, comment="SHA-256 of the secret, which has 256 random bits"
        ),
        sa.Column("scopes", sa.Text(), nullable=False, comment="names in alphabetical order, a space between"),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True, comment="never, if null"),
        sa.Column("replaces", sa.String(length=32), nullable=True, comment="the key this one was rotated from"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_api_keys_tenants"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_tenant", "api_keys", ["tenant"], unique=False)
    op.create_table(
        "artefacts",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False, comment="with its version; never used again"),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("retired", sa.Double(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="of its weights"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_artefacts_tenants"),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_artefacts"),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False, comment="id of the API key, or the operator"),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("whose", sa.String(length=32), nullable=False, comment="a person's internal id; '' for nobody's"),
        sa.Column("request", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_audit_tenants"),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_whose", "audit", ["tenant", "whose", "number"], unique=False)
    op.create_table(
        "people",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False, comment="what the tenant calls them"),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column(
            "sequence", sa.BigInteger(), nullable=False, comment="of their last event; locked while events are added"
        ),
        sa.Column("erasing", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_people_tenants"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_people"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_people_name", "people", ["tenant", "name"], unique=True)
    op.create_table(
        "tombstones",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="keyed hash of the deleted person's name"),
        sa.Column("deleted", sa.Double(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False, comment="signed JSON"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_tombstones_tenants"),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_tombstones"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artefact_people",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("artefact", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "artefact"], ["artefacts.tenant", "artefacts.name"], name="fk_artefact_people_artefacts"
        ),
        sa.ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"], name="fk_artefact_people_people"),
        sa.PrimaryKeyConstraint("tenant", "person", "artefact", name="pk_artefact_people"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "beliefs",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the last event it counts"),
        sa.Column("identity", sa.String(length=64), nullable=False, comment="hash of evidence and user model"),
        sa.Column("last_time", sa.Double(), nullable=False, comment="of the last event in order of time"),
        sa.Column("last_event", sa.String(length=200), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False, comment="users.belief.Belief.pack, without corrections"),
        sa.Column("corrections", sa.Text(), nullable=False, comment="JSON: what the person says of each value pair"),
        sa.ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"], name="fk_beliefs_people"),
        sa.PrimaryKeyConstraint("tenant", "person", name="pk_beliefs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="1, 2, ... in the order we learnt of them"),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("happened_at", sa.Double(), nullable=False),
        sa.Column("learned_at", sa.Double(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False, comment="canonical JSON of what is particular to the kind"),
        sa.ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"], name="fk_events_people"),
        sa.PrimaryKeyConstraint("tenant", "person", "sequence", name="pk_events"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_events_id", "events", ["tenant", "person", "id"], unique=True)
    op.create_table(
        "own_evidence",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column(
            "key", sa.String(length=64), nullable=False, comment="content hash of the scorer and the person's own text"
        ),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("log_probs", sa.LargeBinary(), nullable=False, comment="float32 [pole, option]"),
        sa.ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"], name="fk_own_evidence_people"),
        sa.PrimaryKeyConstraint("tenant", "person", "key", name="pk_own_evidence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prompt_log",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("request", sa.String(length=200), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="JSON: messages and reply; kept only when asked for"),
        sa.ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"], name="fk_prompt_log_people"),
        sa.PrimaryKeyConstraint("number", name="pk_prompt_log"),
    )
    op.create_index("ix_prompt_log_person", "prompt_log", ["tenant", "person", "number"], unique=False)
    op.create_table(
        "requests",
        sa.Column("tenant", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False, comment="the caller's idempotency key"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="keyed hash of what was sent"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="JSON of what was answered"),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "person"], ["people.tenant", "people.id"], name="fk_requests_people"),
        sa.PrimaryKeyConstraint("tenant", "person", "key", name="pk_requests"),
        sqlite_with_rowid=False,
    )
