from bench.schema.column_docs import ColumnSpec, columns_of
from bench.store import file_names


def test_one_column_name_has_one_meaning_in_all_tables() -> None:
    specs: dict[str, list[tuple[str, ColumnSpec]]] = {}
    for file, row_type in file_names.TABLES.items():
        for spec in columns_of(row_type):
            specs.setdefault(spec.name, []).append((file, spec))
    different = {
        name: [file for file, _ in of_name]
        for name, of_name in specs.items()
        if len({(spec.column.meaning, spec.column.unit, spec.column.how) for _, spec in of_name}) > 1
    }
    assert different == {}
