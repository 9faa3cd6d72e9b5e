"""What a snapshot was made from and became, in the words of OpenLineage and of Airflow's hook lineage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_mlops.core.source import DvcSource, FilesSource, SnapshotsSource, Source, SqlSource
from airflow_provider_mlops.core.sql_text import replaced
from airflow_provider_mlops.hooks.storage import Storage

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset


def snapshot_lineage(
    source: Source, manifest: Mapping[str, Any], facts: Mapping[str, Any], storage: Storage, bundle: Path
) -> OperatorLineage[Any, Any]:
    """Return the OpenLineage datasets of a snapshot that was taken.

    :param source: what it was taken from.
    :param manifest: its manifest.
    :param facts: what was read.
    :param storage: where it lies.
    :param bundle: the Dag bundle's root, which relative paths start from.
    :return: inputs and one output; the snapshot's id is the output's version.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage

    inputs = _inputs(source, {**manifest, **facts}, storage, bundle)
    return OperatorLineage(inputs=inputs, outputs=[_output(manifest, storage)])


def report_hook_lineage(operator: Any, source: Source, uri: str, bundle: Path) -> None:
    """Tell Airflow's hook lineage collector, for the tools that read it; nothing happens where none does.

    :param operator: what reports.
    :param source: what was read.
    :param uri: where the snapshot lies.
    :param bundle: the Dag bundle's root, which relative paths start from.
    """
    from airflow.sdk.lineage import get_hook_lineage_collector

    collector = get_hook_lineage_collector()
    try:
        if isinstance(source, FilesSource):
            collector.add_input_asset(context=operator, uri=_with_scheme(_folder_of(source.url, bundle)))
        collector.add_output_asset(context=operator, uri=_with_scheme(uri))
    except Exception as err:  # noqa: BLE001 - an address that another provider does not like is no reason to fail
        operator.log.warning("The lineage of %s is not reported: %s", uri, err)


def address(uri: str) -> tuple[str, str]:
    """Split an address as OpenLineage names datasets.

    :param uri: local path or URL.
    :return: namespace (``file``, ``s3://bucket``) and name.
    """
    if "://" not in uri:
        return "file", uri
    scheme, _, rest = plain_address(uri).partition("://")
    host, _, path = rest.partition("/")
    return ("file", f"/{path}") if scheme == "file" else (f"{scheme}://{host}", path)


def plain_address(url: str) -> str:
    """Return an address as tools outside Airflow know it: without the connection id before the bucket.

    :param url: local path or URL.
    """
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def dataset_of(namespace: str, name: str, version: str, *, rows: int | None = None) -> Dataset:
    """Return a dataset with its version.

    :param namespace: its namespace.
    :param name: its name there.
    :param version: what names its content.
    :param rows: how many rows were written; None for what was read, or where nobody counted.
    """
    from openlineage.client.event_v2 import Dataset, OutputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset, output_statistics_output_dataset

    facets: dict[str, Any] = {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)}
    if rows is None:
        return Dataset(namespace=namespace, name=name, facets=facets)
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
    return OutputDataset(namespace=namespace, name=name, facets=facets, outputFacets={"outputStatistics": counted})


def _with_scheme(uri: str) -> str:
    return plain_address(uri) if "://" in uri else f"file://{uri}"


def _folder_of(url: str, bundle: Path) -> str:
    """Return the folder that a glob begins in."""
    fixed = re.split(r"[*?\[]", url, maxsplit=1)[0].rpartition("/")[0]
    return fixed if "://" in fixed or fixed.startswith("/") else str(bundle / fixed)


def _dataset(uri: str, version: str = "", **facets: Any) -> Dataset:
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import dataset_version_dataset

    namespace, name = address(uri)
    if version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
    return Dataset(namespace=namespace, name=name, facets=facets)


def _output(manifest: Mapping[str, Any], storage: Storage) -> Dataset:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    columns = [
        schema_dataset.SchemaDatasetFacetFields(name=c["name"], type=c["type"]) for c in manifest.get("columns", ())
    ]
    facets = {"schema": schema_dataset.SchemaDatasetFacet(fields=columns)} if columns else {}
    found = _dataset(storage.uri(f"snapshots/{manifest['dataset']}"), manifest["snapshot_id"], **facets)
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=manifest["rows"], size=sum(item["bytes"] for item in manifest["files"])
    )
    return OutputDataset(
        namespace=found.namespace, name=found.name, facets=found.facets, outputFacets={"outputStatistics": counted}
    )


def _inputs(source: Source, facts: Mapping[str, Any], storage: Storage, bundle: Path) -> list[Dataset]:
    match source:
        case SqlSource():
            return _tables(source)
        case FilesSource():
            return [_dataset(_folder_of(source.url, bundle), facts["source_files"]["listing_hash"])]
        case DvcSource():
            return [_dataset(str((bundle / source.path).with_suffix("")), facts["dvc"]["md5"])]
        case SnapshotsSource():
            uri = storage.uri(f"snapshots/{source.dataset}")
            return [_dataset(uri, facts["members"][-1]["snapshot_id"])]
        case _:
            return []


def _tables(source: SqlSource) -> list[Dataset]:
    """Return the tables that a query reads, as the OpenLineage provider's own parser finds them."""
    from airflow.providers.openlineage.sqlparser import SQLParser

    from airflow_provider_mlops.hooks.sources.database import database_hook

    hook = database_hook(source.conn_id)
    connection = hook.get_connection(source.conn_id)
    database = hook.get_openlineage_database_info(connection)
    if database is None:
        return []
    values = dict.fromkeys(("start", "end", "key", *source.parameters))
    query = replaced(source.query, values, lambda _: "NULL")
    parser = SQLParser(hook.get_openlineage_database_dialect(connection), hook.get_openlineage_default_schema())
    parsed = parser.parse(query)
    if parsed is None:
        return []
    namespace = SQLParser.create_namespace(database)
    return list(parser.get_metadata_from_parser(parsed.in_tables, [], database, namespace)[0])
