"""What templates say: of the Serverless Application Model, of CloudFormation and the CDK, and of the Serverless Framework."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drafts import drafted, handlers

from toctou.drafting.model_file import model_file
from toctou.drafting.resources import Template
from toctou.drafting.sketch import Table

CODE = "def handler(event, context):\n    return {'statusCode': 200}\n"

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}}
Globals: {Function: {Runtime: python3.12, Environment: {Variables: {TABLE: !Ref Notes, STAGE: !Ref Stage}}}}
Resources:
  Notes:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: number, Type: Number}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "jobs-${Stage}"}}
  Libraries: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
  WriteFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/write
      Handler: app.handler
      Layers: [!Ref Libraries]
      Environment: {Variables: {QUEUE: !Ref Queue, KEY: !GetAtt Other.Value, STAGE: !Sub "x-${Stage}"}}
      Events:
        A: {Type: Api, Properties: {Path: "/notes/{number}", Method: put}}
        B: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
        C: {Type: DynamoDB, Properties: {Stream: !GetAtt Notes.StreamArn}}
        D: {Type: S3, Properties: {Bucket: !Ref Bucket, Events: "s3:ObjectRemoved:*"}}
        E:
          Type: EventBridgeRule
          Properties: {Pattern: {source: [shop], detail-type: [Sold], detail: {kind: [a, b], n: [{exists: true}]}}}
        F: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
        G: {Type: SNS, Properties: {Topic: x}}
  ReadFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/read-all
      Handler: app.handler
      Events: {A: {Type: Api, Properties: {Path: /notes, Method: get}}}
  OldFunction:
    Type: AWS::Serverless::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler}
  Bucket: {Type: AWS::S3::Bucket}
"""


def test_a_sam_template_gives_tables_functions_events_and_environment(tmp_path: Path):
    code = (
        "import os\nTABLE, STAGE, QUEUE, KEY = (os.environ[one] for one in ('TABLE', 'STAGE', 'QUEUE', 'KEY'))\n" + CODE
    )
    files = {"functions/write/app.py": code, "functions/read-all/app.py": CODE, "layer/python/shared.py": ""}
    sketch = drafted(tmp_path, {"template.yaml": SAM, **files})
    assert sketch.tables == [Table("Notes", "number:N")]
    assert sketch.items == {"Notes": [{"number": 1}]}
    assert sketch.environment == {
        "TABLE": "Notes",
        "STAGE": "x-dev",
        "QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/jobs-dev",
    }
    found = handlers(sketch)
    assert found["Write"].subject == "PUT /notes/{number}"
    assert found["Write"].pools == {"number": [1]}
    assert found["Read"].options == {"function": "read_all_app.handler", "read_only": True}
    assert found["Write_sqs"].options["queue"] == "jobs-dev"
    assert found["Write_dynamodb"].options["records"] == [{"keys": {"number": 1}, "new": {"number": 1}}]
    assert found["Write_s3"].options == {
        "bucket": "Bucket",
        "key": "k1",
        "event_name": "ObjectRemoved:Delete",
        "function": "write.app.handler",
        "redelivered": True,
    }
    assert found["Write_eventbridge"].options["detail"] == {"kind": "a"}
    assert found["Write_eventbridge"].options["detail_type"] == "Sold"
    assert found["Write_eventbridge_2"].options["detail_type"] == "Scheduled Event"
    notes = " ".join(sketch.notes[""])
    assert "STAGE is 'dev' for another function" in notes
    assert "Not drafted: the SNS event of WriteFunction" in notes
    assert "Not drafted: OldFunction, which runs on nodejs22.x" in notes
    assert "KEY, whose values are made when it is deployed" in notes


def test_functions_whose_modules_have_one_name_are_imported_by_their_folders(tmp_path: Path):
    files = {
        "functions/write/app.py": "import neighbour\n" + CODE,
        "functions/write/neighbour.py": "",
        "functions/read-all/app.py": CODE,
    }
    sketch = drafted(tmp_path, {"template.yaml": SAM, **files, "layer/python/shared.py": ""})
    assert sketch.imports == ["import write.app", 'read_all_app = import_module("read-all.app")']
    assert sketch.folders == ["layer/python", "functions/write", "functions"], "the last one is looked in first"
    compile(model_file(sketch), "model", "exec")


PLAIN = {
    "Resources": {
        "OrdersA1B2C3D4": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                "AttributeDefinitions": [
                    {"AttributeName": "id", "AttributeType": "S"},
                    {"AttributeName": "at", "AttributeType": "N"},
                    {"AttributeName": "owner", "AttributeType": "S"},
                ],
                "GlobalSecondaryIndexes": [
                    {"IndexName": "by-owner", "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}]}
                ],
                "LocalSecondaryIndexes": [
                    {
                        "IndexName": "mine",
                        "KeySchema": [
                            {"AttributeName": "id", "KeyType": "HASH"},
                            {"AttributeName": "owner", "KeyType": "RANGE"},
                        ],
                    }
                ],
            },
        },
        "Cancel": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": "orders.handler",
                "Runtime": "python3.13",
                "Environment": {"Variables": {"TABLE": {"Ref": "OrdersA1B2C3D4"}}},
            },
            "Metadata": {
                "aws:asset:path": "asset.0123",
                "aws:asset:property": "Code",
                "aws:cdk:path": "Shop/Cancel/Resource",
            },
        },
        "LogRetentionaae0": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Handler": "index.handler", "Runtime": "nodejs"},
        },
        "Orders": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {"PathPart": "orders", "ParentId": {"Fn::GetAtt": ["A", "R"]}},
        },
        "Order": {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {"PathPart": "{id}", "ParentId": {"Ref": "Orders"}},
        },
        "Delete": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "HttpMethod": "DELETE",
                "ResourceId": {"Ref": "Order"},
                "Integration": {"Uri": {"Fn::Join": ["", ["arn:", {"Fn::GetAtt": ["Cancel", "Arn"]}, "/invocations"]]}},
            },
        },
        "Changes": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["OrdersA1B2C3D4", "StreamArn"]},
                "FunctionName": {"Ref": "Cancel"},
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": "rate(1 day)",
                "Targets": [{"Arn": {"Fn::GetAtt": ["Cancel", "Arn"]}}],
            },
        },
    }
}


def test_a_template_of_the_cdk_gives_the_same_and_the_code_is_found_in_the_project(tmp_path: Path):
    code = "import os\nTABLE = os.environ['TABLE']\n" + CODE
    files = {
        "cdk.out/Shop.template.json": json.dumps(PLAIN),
        "cdk.out/asset.0123/orders.py": code,
        "service/src/orders.py": code,
    }
    sketch = drafted(tmp_path, files)
    (table,) = sketch.tables
    assert (table.name, table.keys, table.indexes) == ("Orders", ("id", "at:N"), {"by-owner": ("owner",)})
    assert [one["IndexName"] for one in table.definition["LocalSecondaryIndexes"]] == ["mine"]
    assert sketch.items == {"Orders": [{"id": "o1", "at": 1, "owner": "alice"}]}
    assert sketch.owner == "owner"
    assert sketch.environment == {"TABLE": "Orders"}
    assert sketch.folders == ["service/src"]
    assert [one.subject for one in sketch.handlers] == ["DELETE /orders/{id}", "dynamodb", "eventbridge"]
    assert handlers(sketch)["Cancel"].pools == {"id": ["o1"]}


def test_code_that_only_the_cdk_has_is_imported_from_there(tmp_path: Path):
    sketch = drafted(tmp_path, {"cdk.out/Shop.template.json": json.dumps(PLAIN), "cdk.out/asset.0123/orders.py": CODE})
    assert sketch.folders == ["cdk.out/asset.0123"]


def test_code_is_found_by_the_manifest_of_assets(tmp_path: Path):
    template = json.loads(json.dumps(PLAIN))
    cancel = template["Resources"]["Cancel"]
    del cancel["Metadata"]
    cancel["Properties"]["Code"] = {"S3Bucket": "b", "S3Key": "0123.zip"}
    asset = {"source": {"path": "asset.0123"}, "destinations": {"here": {"objectKey": "0123.zip"}}}
    manifest = {"files": {"other": {"source": {"path": "x"}, "destinations": {}}, "0123": asset}}
    files = {"cdk.out/Shop.template.json": json.dumps(template), "cdk.out/Shop.assets.json": json.dumps(manifest)}
    sketch = drafted(tmp_path, {**files, "cdk.out/asset.0123/orders.py": CODE})
    assert sketch.folders == ["cdk.out/asset.0123"]


def test_an_http_api_of_cloudformation(tmp_path: Path):
    template = """
    Resources:
      F: {Type: "AWS::Lambda::Function", Properties: {Handler: app.handler, Runtime: python3.12, Code: src}}
      I: {Type: "AWS::ApiGatewayV2::Integration", Properties: {IntegrationUri: !GetAtt F.Arn}}
      R: {Type: "AWS::ApiGatewayV2::Route", Properties: {RouteKey: "POST /x", Target: !Sub "integrations/${I}"}}
      Q: {Type: "AWS::SQS::Queue"}
      M: {Type: "AWS::Lambda::EventSourceMapping", Properties: {EventSourceArn: !GetAtt Q.Arn, FunctionName: !Ref F}}
      B: {Type: "AWS::S3::Bucket", Properties: {NotificationConfiguration: {LambdaConfigurations: [{Function: !GetAtt F.Arn}]}}}
    """
    sketch = drafted(tmp_path, {"template.yaml": template, "src/app.py": CODE})
    assert sketch.api == "http"
    assert sketch.function == "app.handler"
    assert [one.subject for one in sketch.handlers] == ["POST /x", "sqs", "s3"]
    assert sketch.handlers[1].options["queue"] == "Q"


SERVERLESS = """
service: notes
custom: {table: "${self:service}-${self:provider.stage}", loop: "${self:custom.loop}", key: "${ssm:/key}"}
provider:
  name: aws
  runtime: python3.12
  stage: ${opt:stage, 'dev'}
  environment: {TABLE: "${self:custom.table}", KEY: "${self:custom.key}", LOOP: "${self:custom.loop}", REGION: "${aws:region}"}
functions:
  write:
    handler: src/notes.write
    events:
      - http: {path: "notes/{id}", method: put}
      - httpApi: "DELETE /notes/{id}"
      - httpApi: "*"
      - sqs: {arn: !GetAtt Jobs.Arn}
      - stream: {type: dynamodb, arn: !GetAtt Notes.StreamArn}
      - stream: {type: kinesis, arn: x}
      - s3: uploads
      - eventBridge: {pattern: {source: [shop]}}
      - schedule: rate(1 day)
      - http: {path: old, method: get, integration: lambda}
  other: {handler: index.handler, runtime: nodejs22.x}
resources:
  - Resources:
      Notes:
        Type: AWS::DynamoDB::Table
        Properties:
          TableName: ${self:custom.table}
          AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
          KeySchema: [{AttributeName: id, KeyType: HASH}]
  - Resources: {Jobs: {Type: AWS::SQS::Queue}}
"""


def test_a_serverless_yml_gives_the_same_with_its_variables(tmp_path: Path):
    code = "import os\nNAMES = ['TABLE', 'KEY', 'LOOP', 'REGION']\ndef write(event, context):\n    return {}\n"
    sketch = drafted(tmp_path, {"serverless.yml": SERVERLESS, "src/notes.py": code})
    assert sketch.tables == [Table("notes-dev", "id")]
    assert sketch.items == {"notes-dev": [{"id": "n1"}]}, "named after the path, since the table's name says little"
    assert sketch.environment == {"TABLE": "notes-dev", "REGION": "us-east-1"}
    assert [one.subject for one in sketch.handlers] == [
        "PUT /notes/{id}",
        "DELETE /notes/{id}",
        "sqs",
        "dynamodb",
        "s3",
        "eventbridge",
        "eventbridge",
    ]
    notes = " ".join(sketch.notes[""])
    assert "KEY, LOOP, whose values are made when it is deployed" in notes
    assert "the routes behind ANY /{proxy+}" in notes
    for told in (
        "kinesis stream event of write",
        "http (integration: lambda) event of write",
        "other, which runs on nodejs22.x",
    ):
        assert told in notes


def test_what_serverless_wsgi_makes_is_the_application_behind_it(tmp_path: Path):
    text = """
    service: shop
    provider: {name: aws, runtime: python3.12}
    custom: {wsgi: {app: shop.app}}
    functions: {api: {handler: wsgi_handler.handler, events: [{httpApi: "*"}]}}
    """
    code = "from flask import Flask\napp = Flask(__name__)\n\n@app.delete('/orders/<order_id>')\ndef cancel(order_id): ...\n"
    sketch = drafted(tmp_path, {"serverless.yml": text, "shop.py": code})
    assert sketch.app == "shop.app"
    assert sketch.function is None
    assert [one.subject for one in sketch.handlers] == ["DELETE /orders/{order_id}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Given"}, "given"),
        ({"Ref": "Asked"}, None),
        ({"Ref": "Looked"}, None),
        ({"Ref": "T"}, "T"),
        ({"Ref": "Topic"}, "arn:aws:sns:us-east-1:123456789012:Topic"),
        ({"Ref": "Nothing"}, None),
        ({"Fn::GetAtt": ["T", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/T"),
        ({"Fn::GetAtt": ["B", "Arn"]}, "arn:aws:s3:::B"),
        ({"Fn::GetAtt": ["Q", "QueueName"]}, "Q"),
        ({"Fn::Sub": "${T}-${!x}-${Q.QueueName}"}, "T-${x}-Q"),
        ({"Fn::Sub": ["${a}-${T}", {"a": {"Ref": "Given"}}]}, "given-T"),
        ({"Fn::Sub": "${Nothing}"}, None),
        ({"Fn::Join": ["-", ["a", {"Ref": "Given"}]]}, "a-given"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Nothing"}]]}, None),
        ({"Fn::If": ["c", {"Ref": "Nothing"}, "b"]}, "b"),
        ({"Fn::ImportValue": {"Fn::Sub": "T-${Given}"}}, "T-given"),
        ({"Fn::FindInMap": ["M", {"Ref": "Given"}, "x"]}, "y"),
        (7, "7"),
        (True, "true"),
        ([1], None),
        (None, None),
    ],
)
def test_functions_of_cloudformation_become_texts(value, text):
    kinds = {
        "T": "AWS::DynamoDB::Table",
        "Q": "AWS::SQS::Queue",
        "B": "AWS::S3::Bucket",
        "Topic": "AWS::SNS::Topic",
        "X": "A::B",
    }
    template = Template(
        {
            "Parameters": {
                "Given": {"Type": "String", "Default": "given"},
                "Asked": {"Type": "String"},
                "Looked": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/x"},
            },
            "Mappings": {"M": {"given": {"x": "y"}}},
            "Resources": {name: {"Type": kind} for name, kind in kinds.items()},
        }
    )
    assert template.text(value) == text


def test_a_template_may_hold_anything():
    data = {
        "Resources": {
            "A": None,
            "T": {"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": 3, "PrimaryKey": []}},
        }
    }
    assert Template(data).tables() == []
    assert Template({"Resources": []}).tables() == []


def test_a_function_with_a_url_serves_every_route_and_one_without_events_is_told(tmp_path: Path):
    sam = """
    Transform: AWS::Serverless-2016-10-31
    Globals: {Function: {Runtime: python3.12}}
    Resources:
      Api: {Type: AWS::Serverless::Function, Properties: {Handler: app.handler, FunctionUrlConfig: {AuthType: NONE}}}
      Lonely: {Type: AWS::Serverless::Function, Properties: {Handler: app.lonely}}
    """
    plain = """
    Resources:
      Api: {Type: "AWS::Lambda::Function", Properties: {Handler: app.handler, Runtime: python3.12, Code: .}}
      Lonely: {Type: "AWS::Lambda::Function", Properties: {Handler: app.lonely, Runtime: python3.12, Code: .}}
      Url: {Type: "AWS::Lambda::Url", Properties: {TargetFunctionArn: !GetAtt Api.Arn}}
    """
    serverless = """
    service: x
    provider: {name: aws, runtime: python3.12}
    functions: {Api: {handler: app.handler, url: true}, Lonely: {handler: app.lonely}}
    """
    code = "@app.get('/notes')\ndef notes(): ...\n" + CODE
    for name, text in (("template.yaml", sam), ("template.yml", plain), ("serverless.yml", serverless)):
        sketch = drafted(tmp_path, {name: text, "app.py": code}, [name])
        assert (sketch.api, [one.subject for one in sketch.handlers]) == ("url", ["GET /notes"]), name
        assert sketch.notes[""] == ["Not drafted: Lonely, which no event of the template invokes."]
