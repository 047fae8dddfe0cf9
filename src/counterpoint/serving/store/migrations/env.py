"""Run by Alembic: migrate over the connection that `store.migrate` hands in, inside its transaction."""

from alembic import context

from counterpoint.serving.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    compare_type=True,
)
context.run_migrations()
