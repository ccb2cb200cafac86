"""Records of what was done to a scanner, what was approved, alarmed and decided."""

import sqlalchemy as sa
from alembic import op

from qiqa.store.triggers import immutable_ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scanner", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("chain_previous", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
        sa.UniqueConstraint("chain_previous", name="uq_record_chain_previous"),
        sa.UniqueConstraint("chain", name="uq_record_chain"),
    )
    op.create_index("ix_record_scanner", "record", ["scanner"])
    for statement in immutable_ddl(op.get_bind().dialect.name, ("record",)):
        op.execute(statement)
