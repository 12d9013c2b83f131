"""Where another implementation answers otherwise than the engine, and why the engine stays as it is.

One line for each: which peer, what the engine answers and what the peer answers (patterns over ``code: message``, ``ok`` for
a result), and the evidence: who deviates, and what is documented.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LOCAL = "DynamoDB Local"
MOTO = "moto"


class Deviation(NamedTuple):
    """One accepted difference."""

    peer: str
    ours: str
    theirs: str
    evidence: str


_PLACE = r"(?:Validation failed in TransactStatements\[\d\]: )?"
_NO_MATCH = (
    r"The number of conditions on the keys is invalid|Invalid attribute value type|One of the required keys|"
    r".*Type mismatch for key"
)
_STATE = (
    r"The document path|The provided expression|An operand in|Item size to update|DynamoDB only supports|"
    r"Number (over|under)flow"
)

DEVIATIONS = (
    # DynamoDB Local words these otherwise than the service; the service's texts are those that dynalite's tests hold
    # against it (https://github.com/architect/dynalite/tree/master/test) and that handlers match on.
    Deviation(
        LOCAL,
        r"ValidationException: The provided key element does not match the schema",
        rf"\w+: ({_NO_MATCH})",
        "wording; dynalite test/getItem.js",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: .*Missing the key",
        r"ValidationException: (One of the required keys|Item to put in PutItem cannot be null)",
        "wording; dynalite test/putItem.js",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: .*Type mismatch for (key|Index Key)",
        r"ValidationException: (.*Type mismatch|Invalid attribute value type|Updates on index keys must)",
        "wording; dynalite test/putItem.js",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: Query condition missed key schema element: \w+",
        r"ValidationException: Query condition missed key schema element",
        "the service names the key; dynalite test/query.js",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: The provided starting key is invalid",
        r"ValidationException: (Exclusive Start Key|Type mismatch)",
        "wording; dynalite test/query.js",
    ),
    Deviation(
        LOCAL,
        r"ResourceNotFoundException: Requested resource not found",
        r"ResourceNotFoundException: Cannot do operations on a non-existent table",
        "wording; dynalite test/getItem.js",
    ),
    Deviation(
        LOCAL,
        r"(Create|Update)Table refused (ValidationException|ResourceNotFoundException): ",
        r"(\1Table refused \w+: |ok \1Table)",
        "it words nearly all faults of tables otherwise, and does not find some; dynalite test/createTable.js, "
        "test/updateTable.js",
    ),
    Deviation(
        LOCAL,
        rf"ValidationException: {_PLACE}Statement wasn't well formed, can't be processed: ",
        rf"ValidationException: {_PLACE}(Statement wasn't well formed|Unsupported operation|EXISTS can|Unexpected path)",
        "it gives the statement where the service says what is wrong; "
        "https://github.com/nubo-db/dynamodb-conformance, tests/tier3/error-messages/partiqlGrammar.test.ts",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: (?P<same>.*) (under root\S*|at \d+:\d+:\d+)$",
        r"ValidationException: (?P=same)( at \d+:\d+:\d+)?$",
        "it leaves out some of the places in a statement; the service was seen to tell them: the same, partiqlFunctions.test.ts",
    ),
    Deviation(
        LOCAL,
        r"DuplicateItemException: ",
        r"DuplicateItem: ",
        "the API reference, ExecuteStatement, calls it DuplicateItemException",
    ),
    Deviation(
        LOCAL,
        r"TransactionCanceledException: .*DuplicateItem",
        r"TransactionCanceledException: .*ValidationError",
        "the API reference, BatchStatementError, has a code of its own for it",
    ),
    Deviation(
        LOCAL,
        rf"ValidationException: {_PLACE}(Where clause does not contain|Multiple conditions|Key attribute's data type)",
        r"TransactionCanceledException: ",
        "it cancels transactions for statements that name no item, without reasons, and refuses others",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: (.*)The table does not have the specified index$",
        r"ValidationException: \1The table does not have the specified index: ",
        "the service does not name it in answer to a statement; the same, partiql.test.ts",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: One or more parameter values were invalid: Secondary index \S+ does not project",
        r"ok ExecuteStatement",
        "it filters by attributes that the index does not hold; the service refuses: the same, partiql.test.ts",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: (.*)Attempting to store more than 38",
        r"ValidationException: \1DynamoDB only supports precision",
        "wording; dynalite test/putItem.js",
    ),
    Deviation(
        LOCAL,
        r"TransactionCanceledException: .*ValidationError.*(provided key element|Missing the key|Type mismatch)",
        rf"\w+: .*({_NO_MATCH})",
        "what does not fit the key is a reason to cancel, in the words of single calls; the same, transactWriteItems.test.ts",
    ),
    # Faults of DynamoDB Local
    Deviation(
        LOCAL,
        r".*",
        r"InternalFailure: ",
        "it fails itself, such as where a statement compares two attributes or orders by a key that it does not fix",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: 1 validation error detected: Value '0' at 'limit'",
        r"ValidationException: Limit must be greater",
        "wording; dynalite test/query.js",
    ),
    Deviation(
        LOCAL,
        r"ok (UpdateItem|(?:Batch)?ExecuteStatement) UPDATED",
        r"ok \1",
        "it returns whole attributes, and what moved to the place of removed elements; the service only what lies at the "
        "paths: https://github.com/ExtendDB/extenddb/pull/105, tested on the service",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: (.*)Two document paths",
        r"ValidationException: \1Two document paths",
        "as path two it names the path before the one that overlaps",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: (.*)The BETWEEN operator",
        r"ValidationException: \1The BETWEEN operator",
        "it shows Java's HeapByteBuffer, and numbers as written",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: Value provided in (\w+) unused",
        r"ValidationException: Value provided in \1 unused",
        "it lists several keys in the order of a hash table",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: Key attributes must be scalars",
        r"(TransactionCanceledException|ConditionalCheckFailedException|ok TransactWriteItems)",
        "it checks this late for updates of index keys and not at all for ConditionCheck; it refuses the same elsewhere",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: .*Cannot update attribute",
        r"(TransactionCanceledException|ConditionalCheckFailedException)",
        "it checks this after the condition; the service before, dynalite actions/updateItem.js",
    ),
    Deviation(
        LOCAL,
        r"TransactionCanceledException: .*ValidationError",
        rf"ValidationException: ({_STATE})",
        "botocore's service description, TransactionCanceledException: these are reasons with the code ValidationError",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: Transaction request cannot include multiple operations",
        rf"(TransactionCanceledException|ok Transact|ValidationException: ({_STATE}))",
        "it looks at the items first, and misses keys with numbers written as 2.0; botocore's "
        "service description: the request is rejected",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: Invalid (\w+): Attribute name is a reserved keyword; reserved keyword: (?i:size|convert)$",
        r".*",
        "it does not reserve SIZE and CONVERT; the developer guide, ReservedWords, does",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: .*(ADD|DELETE) action (with value )?is not supported",
        r"ConditionalCheckFailedException",
        "it checks AttributeUpdates after the condition; the service before, dynalite validations/updateItem.js",
    ),
    Deviation(
        LOCAL,
        r"ok Scan \w+_part",
        r"ok Scan",
        "the filter of its scan sees attributes that the index does not hold; developer guide, GSI: it holds projected ones",
    ),
    Deviation(
        LOCAL,
        r"ValidationException: .*Type mismatch for Index Key",
        r"ok UpdateItem",
        "it stores a value of the wrong type that an update computes, and refuses one that is given; developer guide, GSI, "
        "data type considerations: refused",
    ),
    Deviation(
        LOCAL,
        r"TransactionCanceledException: .*ValidationError.*Type mismatch for Index Key \w+",
        r"TransactionCanceledException: .*ValidationError.*Type mismatch for Index Key",
        "wording; alone it names key, types and index as the engine does",
    ),
    Deviation(
        LOCAL,
        r"ok UpdateItem",
        r"ValidationException: Input collection contains duplicates",
        "ADD unites number sets by how the numbers are written: it holds 3 and 3.0 for two, then for duplicates",
    ),
    # moto
    Deviation(
        MOTO,
        r"ok Query local_\w+_part ALL_ATTRIBUTES",
        r"ok Query",
        "it gives only what a local index holds; API reference, Select: the rest is fetched from the table",
    ),
    Deviation(
        MOTO,
        r"TransactionCanceledException: ",
        r"TransactionCanceledException: .*\b(Value|Type|Key)Error\b",
        "it takes its own exceptions, such as size() of a missing attribute, for reasons",
    ),
    Deviation(MOTO, r"ok TransactGetItems", r"ok TransactGetItems", "it leaves out the ProjectionExpression"),
    Deviation(
        MOTO,
        r"ok UpdateItem UPDATED_(OLD|NEW)",
        r"ok UpdateItem",
        "it returns key attributes of a created item, and compares values where the service goes by paths",
    ),
    Deviation(
        MOTO, r".*", r"moto raised", "it fails on what it does not expect, such as comparing values of different types"
    ),
    Deviation(
        MOTO,
        r"ValidationException: ",
        r".*",
        "it performs most requests without checking them first, or words the fault otherwise",
    ),
    Deviation(
        MOTO,
        r"TransactionCanceledException: .*ValidationError",
        r".*",
        "it answers the fault itself; botocore's service description names it as a reason",
    ),
    Deviation(
        MOTO,
        r"ok Scan local_\w+_part",
        r"ok Scan",
        "the same for a scan: what a local index does not hold is fetched from the table; DynamoDB Local does so",
    ),
    Deviation(
        MOTO,
        r"ok UpdateItem",
        r"ValidationException: .*Cannot update attribute \w+. This attribute is part of the key",
        "it takes if_not_exists(pk, :v), which reads a key, for setting that key; DynamoDB Local performs it",
    ),
    Deviation(
        MOTO,
        r"ok",
        r"ValidationException: Value provided in ExpressionAttributeNames unused",
        "it finds #name only where no index or dot follows",
    ),
    Deviation(
        MOTO,
        r"ok",
        r"ValidationException: Invalid condition in KeyConditionExpression",
        "it takes a key condition with the value first for one of two names; DynamoDB Local takes it as written",
    ),
)

SEVERAL_FAULTS = (
    "A request with several faults: which one is reported is documented nowhere, so any of the known texts is accepted; "
    "the tests bound how often that is needed."
)

KNOWN_TEXTS = re.compile(
    r"(ValidationException|TransactionCanceledException): ("
    r"Invalid \w+Expression: |ExpressionAttribute(Names|Values) |Value provided in Expression|One or more parameter values |"
    r"Key attributes must be scalars|The provided key element|The provided starting key|Query condition missed|"
    r"Query key condition not supported|KeyConditionExpressions must|Invalid operator used|Invalid condition in Key|"
    r"Filter Expression can only|Must specify the AttributesToGet|Cannot specify the|ALL_PROJECTED_ATTRIBUTES can|"
    r"Consistent reads are not|Transaction request cannot include|Supplied AttributeValue|A value provided cannot|"
    r"Number (over|under)flow|DynamoDB only supports precision|Input collection contains|Empty attribute name|"
    r"The number of conditions on the keys|Invalid attribute value type|One of the required keys|Exclusive Start Key|"
    r"KeyConditionExpressions cannot contain|The document path provided|The provided expression refers|An operand in the|"
    r"Transaction cancelled|Provided list of item keys|The list of keys in RequestItems|The BETWEEN condition|"
    r"Cannot have two attributes|Item to put in PutItem cannot|Value null at 'transactItems|"
    r"Validation failed in TransactStatements|ValidationError (Where clause|Multiple|Key attr)|"
    r"Invalid returning clause|RETURNING |"
    r"Unsupported data type|Statement wasn't|List index is not|Duplicate identifiers|Key attribute|Where clause|"
    r"Multiple conditions|Path component|Incorrect |The BETWEEN operator|Two document paths|Unexpected path|"
    r"Negative zero|Aliasing is|Updates on index keys must|"
    r"Must have |Variable reference|The second argument|Conditions can be of|Attempting to store|"
    r"ConditionalOperator c|QueryFilter can only|Type mismatch for attribute)"
)


def accepted(peer: str, ours: str, theirs: str) -> Deviation | None:
    """The line that accepts these two answers, if there is one."""
    for deviation in DEVIATIONS:
        if deviation.peer != peer:
            continue
        match = re.match(deviation.ours, ours)
        if match is not None and re.match(_filled(deviation.theirs, match), theirs):
            return deviation
    return None


def _filled(pattern: str, match: re.Match[str]) -> str:
    same = match.groupdict().get("same")
    if same is not None:
        return pattern.replace("(?P=same)", re.escape(same))
    return pattern.replace("\\1", re.escape(match[1])) if "\\1" in pattern else pattern


def both_refuse(ours: str, theirs: str) -> bool:
    """Whether both answers are refusals with known texts, for requests with several faults."""
    if not KNOWN_TEXTS.match(ours) or not KNOWN_TEXTS.match(theirs):
        return False
    return ours.startswith("ValidationException") or "ValidationError" in ours
