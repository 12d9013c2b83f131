"""A function of a model that is no handler, and that no other code of the model calls, is told: nothing else would check it."""

from functools import partial

import pytest

from toctou import Model, Table, handler, invariant
from toctou.declaration.model import check_model
from toctou.declaration.own_code import unused_functions
from toctou.errors import ModelError


def imported(caller, order_id):
    return caller, order_id


class Base(Model):
    tables = [Table("Orders", "order_id")]

    @handler(order_id=["o1"])
    def pay(self, principal, order_id):
        return 200


@pytest.mark.parametrize(
    "forgotten", [imported, staticmethod(imported), partial(imported, "alice"), lambda caller, order_id: 200]
)
def test_a_function_without_a_declaration_is_told(forgotten):
    model = type("Orders", (Base,), {"cancel": forgotten})
    assert unused_functions(model) == ["cancel"]
    with pytest.raises(ModelError, match="'cancel' of the model Orders is a function that is neither declared") as told:
        check_model(model)
    assert "cancel = handler(…" in told.value.remedy


def test_a_forgotten_invariant_is_told():
    model = type("Orders", (Base,), {"few": lambda self, items: len(items) < 3})
    with pytest.raises(ModelError, match="'few' of the model Orders takes items") as told:
        check_model(model)
    assert told.value.remedy.startswith("@invariant above it")


def test_what_the_model_itself_calls_is_its_own_affair():
    class Orders(Base):
        known = set
        total = property(lambda self: self.sum_of([1]))

        def sum_of(self, numbers):
            return sum(numbers)

        def order(self, items):
            return items["Orders"][0]

        @staticmethod
        def priced(order):
            return order

        @handler(order_id=["o1"])
        def cancel(self, principal, order_id):
            return [self.priced(one) for one in [self.total]]

        @invariant
        def there(self, items):
            return bool(self.order(items))

    assert unused_functions(Orders) == []


def test_an_override_of_what_models_have_is_called_by_the_checker():
    class Orders(Base):
        def setup(self):
            pass

        def owns(self, principal, item):
            return True

        def headers(self, principal):
            return {}

        def retryable(self, response):
            return False

    assert unused_functions(Orders) == []
