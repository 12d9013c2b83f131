"""The API's actions: one module each, registered by one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toctou.engine.actions import (
    batch_execute_statement,
    batch_get_item,
    batch_write_item,
    create_table,
    delete_item,
    delete_table,
    describe_endpoints,
    describe_limits,
    describe_table,
    describe_time_to_live,
    execute_statement,
    execute_transaction,
    get_item,
    list_tables,
    list_tags_of_resource,
    put_item,
    query,
    scan,
    tag_resource,
    transact_get_items,
    transact_write_items,
    untag_resource,
    update_item,
    update_table,
    update_time_to_live,
)
from toctou.engine.database import Database

ACTIONS: Mapping[str, Callable[[Database, Mapping[str, Any]], dict[str, Any]]] = {
    "BatchExecuteStatement": batch_execute_statement.perform,
    "BatchGetItem": batch_get_item.perform,
    "BatchWriteItem": batch_write_item.perform,
    "CreateTable": create_table.perform,
    "DeleteItem": delete_item.perform,
    "DeleteTable": delete_table.perform,
    "DescribeEndpoints": describe_endpoints.perform,
    "DescribeLimits": describe_limits.perform,
    "DescribeTable": describe_table.perform,
    "DescribeTimeToLive": describe_time_to_live.perform,
    "ExecuteStatement": execute_statement.perform,
    "ExecuteTransaction": execute_transaction.perform,
    "GetItem": get_item.perform,
    "ListTables": list_tables.perform,
    "ListTagsOfResource": list_tags_of_resource.perform,
    "PutItem": put_item.perform,
    "Query": query.perform,
    "Scan": scan.perform,
    "TagResource": tag_resource.perform,
    "TransactGetItems": transact_get_items.perform,
    "TransactWriteItems": transact_write_items.perform,
    "UntagResource": untag_resource.perform,
    "UpdateItem": update_item.perform,
    "UpdateTable": update_table.perform,
    "UpdateTimeToLive": update_time_to_live.perform,
}
