"""The first schema: exams with their payload and chain, and the rows derived from them.

Spelled out, not derived from the row schema: a migration says what was true on its day.
"""

import sqlalchemy as sa
from alembic import op

from qiqa.store.triggers import immutable_ddl

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MEASUREMENT = {
    sa.Text: "name quantity insert role unit interval_kind verdict reason algorithm "
    "series_uid series_key",
    sa.Integer: "slice",
    sa.Double: "value standard_uncertainty degrees_of_freedom displacement reference_value "
    "reference_standard_uncertainty",
    sa.JSON: "interval budget limits assumptions",
}


def upgrade() -> None:
    _exam()
    _measurement()
    _finding()
    _entry_and_source_file()
    _audit()
    tables = ("exam", "measurement", "finding", "entry", "source_file", "audit")
    for statement in immutable_ddl(op.get_bind().dialect.name, tables):
        op.execute(statement)


def _id(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    key = sa.PrimaryKeyConstraint("id", name=f"pk_{table}")
    return sa.Column("id", sa.Integer(), nullable=False), key


def _of_exam(table: str, *, nullable: bool = False) -> tuple[sa.Column[int], sa.Constraint]:
    key = sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=f"fk_{table}_exam_id_exam")
    return sa.Column("exam_id", sa.Integer(), nullable=nullable), key


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _exam() -> None:
    op.create_table(
        "exam",
        *_id("exam"),
        _text("identity"),
        _text("input_identity"),
        _text("schema"),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        _text("created_by"),
        sa.Column("acquired_at", sa.DateTime()),
        _text("scanner", nullable=True),
        _text("scanner_label"),
        sa.Column("scanner_fields", sa.JSON(), nullable=False),
        _text("protocol"),
        _text("phantom"),
        _text("phantom_unit", nullable=True),
        _text("verdict"),
        _text("payload"),
        _text("payload_sha256"),
        _text("chain_previous"),
        _text("chain"),
        sa.Column("supersedes", sa.Integer()),
        _text("supersede_reason", nullable=True),
        sa.UniqueConstraint("chain_previous", name="uq_exam_chain_previous"),
        sa.UniqueConstraint("chain", name="uq_exam_chain"),
        sa.UniqueConstraint("supersedes", name="uq_exam_supersedes"),
        sa.ForeignKeyConstraint(["supersedes"], ["exam.id"], name="fk_exam_supersedes_exam"),
    )
    for name in ("identity", "input_identity", "acquired_at", "scanner"):
        op.create_index(f"ix_exam_{name}", "exam", [name])


def _measurement() -> None:
    op.create_table(
        "measurement",
        *_id("measurement"),
        *_of_exam("measurement"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("acquired_at", sa.DateTime()),
        _text("scanner", nullable=True),
        _text("epoch", nullable=True),
        *(
            sa.Column(name, kind(), nullable=True)
            for kind, names in _MEASUREMENT.items()
            for name in names.split()
        ),
    )
    op.create_index("ix_measurement_exam_id", "measurement", ["exam_id"])
    keys = ["series_key", "acquired_at"]
    op.create_index("ix_measurement_series_key_acquired_at", "measurement", keys)
    op.create_index("ix_measurement_name_scanner", "measurement", ["name", "scanner"])


def _finding() -> None:
    op.create_table(
        "finding",
        *_id("finding"),
        *_of_exam("finding"),
        _text("code"),
        _text("severity"),
        _text("message"),
        _text("where", nullable=True),
        _text("hint", nullable=True),
        _text("series_uid", nullable=True),
    )
    op.create_index("ix_finding_exam_id", "finding", ["exam_id"])


def _entry_and_source_file() -> None:
    op.create_table("entry", *_id("entry"), *_of_exam("entry"), _text("entry_id"), _text("value"))
    op.create_index("ix_entry_exam_id", "entry", ["exam_id"])
    op.create_table(
        "source_file",
        *_id("source_file"),
        *_of_exam("source_file"),
        _text("kind"),
        _text("path"),
        _text("sha256"),
    )
    op.create_index("ix_source_file_exam_id", "source_file", ["exam_id"])
    op.create_index("ix_source_file_sha256", "source_file", ["sha256"])


def _audit() -> None:
    op.create_table(
        "audit",
        *_id("audit"),
        sa.Column("at", sa.DateTime(), nullable=False),
        _text("by"),
        _text("action"),
        *_of_exam("audit", nullable=True),
        sa.Column("detail", sa.JSON()),
    )
    op.create_index("ix_audit_exam_id", "audit", ["exam_id"])
