"""A registry of devices, a Starlette application over aioboto3."""

from devices.app import KEYS
from devices.app import app as devices

from toctou import Model, Table, route


class Devices(Model):
    """A device of alice, for which one command is waiting, and one that is not registered yet."""

    app = devices
    headers = {name: {"X-User": name, "X-Api-Key": key} for name, key in KEYS.items()}
    tables = [Table("Devices", "device_id"), Table("Commands", "device_id", "command_id")]
    items = {
        "Devices": [{"device_id": "d1", "owner": "alice", "settings": {}, "version": 1}],
        "Commands": [{"device_id": "d1", "command_id": "c1", "command": "blink"}],
    }
    owner = "owner"

    register = route("PUT /devices/{device_id}", device_id=["d1", "d2"])
    get_device = route("GET /devices/{device_id}", device_id=["d1"], read_only=True)
    remove = route("DELETE /devices/{device_id}", device_id=["d1"])
    hand_over = route("PUT /devices/d1/owner", body={"to": "bob"}, principals=["alice"])
    change_settings = route("PATCH /devices/d1/settings", body={"light": "{light}"}, light=["on", "off"])
    report = route("POST /devices/d1/report", body={"battery": 50})
    send_command = route("POST /devices/d1/commands", body={"command": "blink"})
    acknowledge = route("DELETE /devices/d1/commands/c1")
