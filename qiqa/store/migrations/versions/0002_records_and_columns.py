"""Records of what was done, approved, alarmed and decided; values as columns, filled here."""

import json

import sqlalchemy as sa
from alembic import op

from qiqa.store.packing import pack
from qiqa.store.triggers import immutable_ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _record()
    _columns()
    _fill(op.get_bind())
    tables = ("record", "layout", "exam_values")
    for statement in immutable_ddl(op.get_bind().dialect.name, tables):
        op.execute(statement)


def _record() -> None:
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


def _columns() -> None:
    op.create_table(
        "layout",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_layout"),
        sa.UniqueConstraint("digest", name="uq_layout_digest"),
    )
    op.create_table(
        "exam_values",
        sa.Column("exam_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("layout_id", sa.Integer(), nullable=False),
        sa.Column("scanner", sa.Text(), nullable=True),
        sa.Column("acquired_at", sa.DateTime(), nullable=True),
        sa.Column("temperature_degc", sa.Double(), nullable=True),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("exam_id", name="pk_exam_values"),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name="fk_exam_values_exam_id_exam"),
        sa.ForeignKeyConstraint(
            ["layout_id"], ["layout.id"], name="fk_exam_values_layout_id_layout"
        ),
    )
    keys = ["scanner", "acquired_at"]
    op.create_index("ix_exam_values_scanner_acquired_at", "exam_values", keys)


def _fill(connection: sa.Connection) -> None:
    """Write the columns of every exam that is stored, one at a time: payloads may be large."""
    exam = sa.table("exam", *map(sa.column, ("id", "payload", "scanner", "acquired_at")))
    measured = sa.table("measurement", *map(sa.column, ("exam_id", "position", "epoch")))
    layout = sa.table("layout", *map(sa.column, ("id", "digest", "content")))
    names = ("exam_id", "layout_id", "scanner", "acquired_at", "temperature_degc", "packed")
    values = sa.table("exam_values", *map(sa.column, names))
    layouts: dict[str, int] = {}
    for exam_id in connection.scalars(sa.select(exam.c.id).order_by(exam.c.id)).all():
        row = connection.execute(sa.select(exam).where(exam.c.id == exam_id)).one()
        epochs = sa.select(measured.c.epoch).where(measured.c.exam_id == exam_id)
        in_order = connection.scalars(epochs.order_by(measured.c.position)).all()
        packed = pack(json.loads(row.payload), in_order)
        if packed.digest not in layouts:
            # the database numbers them: it must go on from there
            new = layout.insert().values(digest=packed.digest, content=packed.layout)
            connection.execute(new)
            its = sa.select(layout.c.id).where(layout.c.digest == packed.digest)
            layouts[packed.digest] = connection.scalars(its).one()
        connection.execute(
            values.insert().values(
                exam_id=exam_id,
                layout_id=layouts[packed.digest],
                # as it is stored, whatever the database calls a time
                scanner=row.scanner,
                acquired_at=row.acquired_at,
                temperature_degc=packed.temperature_degc,
                packed=packed.block,
            )
        )
