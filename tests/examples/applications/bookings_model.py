"""Meeting rooms, a Chalice application behind an authorizer."""

from bookings.app import app

from toctou import Model, Table, claims, route

BOOKING = "/rooms/r1/bookings/09:00"


class Bookings(Model):
    """One booking, which is alice's, and free slots beside it."""

    function = app
    caller = claims("sub")
    tables = [Table("Bookings", "room", "slot"), Table("Rooms", "room")]
    items = {
        "Bookings": [{"room": "r1", "slot": "09:00", "owner": "alice", "title": "Plans", "guests": [], "version": 1}]
    }
    owner = "owner"

    list_bookings = route("GET /rooms/r1/bookings", read_only=True)
    get_booking = route(f"GET {BOOKING}", read_only=True)
    book = route("PUT /rooms/r1/bookings/{slot}", body={"title": "Talk"}, slot=["09:00", "10:00"])
    rename = route(f"PUT {BOOKING}/title", body={"title": "Plans for May"})
    cancel = route(f"DELETE {BOOKING}")
    hand_over = route(f"PUT {BOOKING}/owner", body={"to": "bob"}, principals=["alice"])
    invite = route(f"POST {BOOKING}/guests", body={"guest": "carol"})
    move = route(f"POST {BOOKING}/move", body={"slot": "10:00"})
    arrive = route(f"POST {BOOKING}/arrival")
