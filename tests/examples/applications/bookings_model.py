"""Meeting rooms, a Chalice application behind an authorizer."""

from bookings.app import app

from toctou import Model, Table, claims, route

AT_NINE = "/rooms/{room}/bookings/09:00"


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
    get_booking = route(f"GET {AT_NINE}", room=["r1"], read_only=True)
    book = route("PUT /rooms/{room}/bookings/{slot}", body={"title": "Talk"}, room=["r1"], slot=["09:00", "10:00"])
    rename = route(f"PUT {AT_NINE}/title", body={"title": "Plans for May"}, room=["r1"])
    cancel = route(f"DELETE {AT_NINE}", room=["r1"])
    hand_over = route(f"PUT {AT_NINE}/owner", body={"to": "bob"}, room=["r1"], principals=["alice"])
    invite = route(f"POST {AT_NINE}/guests", body={"guest": "{guest}"}, room=["r1"], guest=["carol"])
    move = route(f"POST {AT_NINE}/move", body={"slot": "10:00"}, room=["r1"])
    arrive = route(f"POST {AT_NINE}/arrival", room=["r1"])
