"""Accounts, as PynamoDB stores them: with a version attribute, which makes every save conditional, and without."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model


class Account(Model):
    class Meta:
        table_name = "Accounts"
        region = "us-east-1"

    number = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute()
    balance = NumberAttribute()


class VersionedAccount(Account):
    class Meta(Account.Meta):
        pass

    version = VersionAttribute()


def withdraw(kind: type[Account], caller: str, number: str, amount: int) -> tuple[int, int]:
    account = kind.get(number, consistent_read=True)
    if account.owner != caller:
        return 403, 0
    if account.balance < amount:
        return 422, int(account.balance)
    account.balance -= amount
    try:
        account.save()
    except PutError:
        return 409, 0
    return 200, int(account.balance)
