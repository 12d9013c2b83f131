"""Meeting rooms, a Chalice application behind an authorizer."""

from bookings.app import app

from toctou import Model, Table, claims, route

BOOKING, TAKEN = "/rooms/{room}/bookings/{slot}", {"room": ["r1"], "slot": ["09:00"]}


class Bookings(Model):
    """One booking, which is alice's, and free slots beside it."""

    function = app
    caller = claims("sub")
    tables = [Table("Bookings", "room", "slot"), Table("Rooms", "room")]
    items = {
        "Bookings": [{"room": "r1", "slot": "09:00", "owner": "alice", "title": "Plans", "guests": [], "version": 1}]
    }
    owner = "owner"

    list_bookings = route("GET /rooms/{room}/bookings", room=["r1"], read_only=True)
    get_booking = route(f"GET {BOOKING}", arguments=TAKEN, read_only=True)
    book = route(f"PUT {BOOKING}", body={"title": "Talk"}, room=["r1"], slot=["09:00", "10:00"])
    rename = route(f"PUT {BOOKING}/title", body={"title": "Plans for May"}, arguments=TAKEN)
    cancel = route(f"DELETE {BOOKING}", arguments=TAKEN)
    hand_over = route(f"PUT {BOOKING}/owner", body={"to": "bob"}, arguments=TAKEN, principals=["alice"])
    invite = route(f"POST {BOOKING}/guests", body={"guest": "carol"}, arguments=TAKEN)
    move = route(f"POST {BOOKING}/move", body={"slot": "10:00"}, arguments=TAKEN)
    arrive = route(f"POST {BOOKING}/arrival", arguments=TAKEN)
