"""A module that creates its table when it is imported, and then reads from it what a model declares."""

from pathlib import Path

from toctou.declaration.loading import load

APPLICATION = """
import boto3
client = boto3.client("dynamodb", region_name="eu-central-1")
try:
    client.create_table(
        TableName="Items", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    CREATED = True
except client.exceptions.ResourceInUseException:
    CREATED = False
ASKED = {"Keys": [{"id": {"S": "config"}}]}
LIMIT = int(client.get_item(TableName="Items", Key=ASKED["Keys"][0])["Item"]["limit"]["N"])
AGAIN = int(client.batch_get_item(RequestItems={"Items": ASKED})["Responses"]["Items"][0]["limit"]["N"])
"""

MODEL = """
import application_that_creates_its_table as application
from toctou import Model, Table, handler

class Settings(Model):
    tables = [Table("Items", "id")]
    items = {"Items": [{"id": "config", "limit": 3}]}

    @handler(read_only=True)
    def limit(self, principal):
        return 200, [application.CREATED, application.LIMIT, application.AGAIN]
"""


def test_the_declared_table_is_there_with_its_items(tmp_path: Path) -> None:
    (tmp_path / "application_that_creates_its_table.py").write_text(APPLICATION)
    (tmp_path / "model_of_created_tables.py").write_text(MODEL)
    (loaded,) = load([str(tmp_path / "model_of_created_tables.py")])
    assert loaded.model.handlers()["limit"].function(loaded.model(), "alice") == (200, [False, 3, 3])
