"""PynamoDB: a withdrawal that reads an account and saves it, with a version attribute and without."""

from accounts import stored

from toctou import Model, Table, handler


class Unversioned(Model):
    """Saves whatever has become of the account meanwhile."""

    kind = stored.Account
    tables = [Table("Accounts", "number")]
    items = {"Accounts": [{"number": "a1", "owner": "alice", "balance": 15}]}
    owner = "owner"

    @handler(number=["a1"], amount=[10, 5])
    def withdraw(self, principal, number, amount):
        return stored.withdraw(self.kind, principal, number, amount)


class Versioned(Unversioned):
    """Saves only the account that was read."""

    kind = stored.VersionedAccount
