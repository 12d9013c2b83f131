// What a service in JavaScript does with DynamoDB, through AWS's own SDK, against the endpoint in the first argument.
// Prints one JSON document of what it saw; test_serve_javascript.py says what that should be.

import { createRequire } from "node:module";

const load = createRequire(process.argv[3] + "/package.json");
const { DynamoDBClient, CreateTableCommand, GetItemCommand, PutItemCommand } = load("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, TransactWriteCommand, UpdateCommand } =
  load("@aws-sdk/lib-dynamodb");

const client = new DynamoDBClient({
  endpoint: process.argv[2],
  region: "eu-central-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
  maxAttempts: 1,
});
const documents = DynamoDBDocumentClient.from(client);
const seen = {};

async function refusal(work) {
  try {
    await work;
    return "nothing was refused";
  } catch (error) {
    const { name, message, $metadata, Item, CancellationReasons } = error;
    return { name, message, status: $metadata?.httpStatusCode, Item, CancellationReasons };
  }
}

const created = await client.send(
  new CreateTableCommand({
    TableName: "Items",
    KeySchema: [
      { AttributeName: "id", KeyType: "HASH" },
      { AttributeName: "at", KeyType: "RANGE" },
    ],
    AttributeDefinitions: [
      { AttributeName: "id", AttributeType: "S" },
      { AttributeName: "at", AttributeType: "N" },
    ],
    BillingMode: "PAY_PER_REQUEST",
  }),
);
seen.created = { status: created.TableDescription.TableStatus, date: created.TableDescription.CreationDateTime instanceof Date };

const item = { id: "a", at: 1, binary: new Uint8Array([0, 255]), tags: new Set(["x", "y"]), deep: { list: [null, true, "ü"] } };
await documents.send(new PutCommand({ TableName: "Items", Item: item }));
const got = await documents.send(new GetCommand({ TableName: "Items", Key: { id: "a", at: 1 }, ConsistentRead: true }));
seen.got = { ...got.Item, binary: [...got.Item.binary], tags: [...got.Item.tags].sort() };
seen.requestId = got.$metadata.requestId.length;

seen.condition = await refusal(
  client.send(
    new PutItemCommand({
      TableName: "Items",
      Item: { id: { S: "a" }, at: { N: "1" } },
      ConditionExpression: "attribute_not_exists(id)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    }),
  ).catch((error) => {
    error.Item = Object.keys(error.Item ?? {}).sort();
    throw error;
  }),
);

seen.transaction = await refusal(
  documents.send(
    new TransactWriteCommand({
      TransactItems: [
        { Put: { TableName: "Items", Item: { id: "b", at: 1 } } },
        { ConditionCheck: { TableName: "Items", Key: { id: "c", at: 1 }, ConditionExpression: "attribute_exists(id)" } },
      ],
    }),
  ),
);

seen.missingTable = await refusal(client.send(new GetItemCommand({ TableName: "Missing", Key: { id: { S: "a" } } })));
// This SDK checks nothing before it sends.
seen.missingKey = await refusal(client.send(new GetItemCommand({ TableName: "Items" })));
seen.emptyTransaction = await refusal(documents.send(new TransactWriteCommand({ TransactItems: [] })));

const add = new UpdateCommand({
  TableName: "Items",
  Key: { id: "counter", at: 0 },
  UpdateExpression: "ADD n :one",
  ExpressionAttributeValues: { ":one": 1 },
});
await Promise.all(Array.from({ length: 200 }, () => documents.send(add)));
seen.counter = (await documents.send(new GetCommand({ TableName: "Items", Key: { id: "counter", at: 0 } }))).Item.n;

const races = Array.from({ length: 100 }, (_, number) =>
  documents.send(
    new PutCommand({ TableName: "Items", Item: { id: "prize", at: 0, number }, ConditionExpression: "attribute_not_exists(id)" }),
  ),
);
seen.winners = (await Promise.allSettled(races)).filter((one) => one.status === "fulfilled").length;

const large = "x".repeat(10_000);
for (let at = 10; at < 20; at++) await documents.send(new PutCommand({ TableName: "Items", Item: { id: "q", at, large } }));
const found = await documents.send(
  new QueryCommand({
    TableName: "Items",
    KeyConditionExpression: "id = :id AND #at BETWEEN :low AND :high",
    ExpressionAttributeNames: { "#at": "at" },
    ExpressionAttributeValues: { ":id": "q", ":low": 12, ":high": 17 },
    ScanIndexForward: false,
    Limit: 3,
  }),
);
seen.query = { at: found.Items.map((one) => one.at), next: found.LastEvaluatedKey };

client.destroy();
console.log(JSON.stringify(seen));
