"""A support desk, a FastAPI application whose dependencies find the user and the ticket."""

from tickets.app import app as tickets

from toctou import Model, Table, route

TICKET = {"PK": "TICKET#1", "SK": "TICKET", "subject": "Slow", "opened_by": "alice", "state": "open", "version": 1}


class Tickets(Model):
    """One ticket, which alice has opened and which is assigned to her."""

    app = tickets
    headers = {"Authorization": "User {principal}"}
    tables = [Table("Tickets", "PK", "SK")]
    items = {"Tickets": [{**TICKET, "assignee": "alice"}, {"PK": "COUNTER", "SK": "COUNTER", "last": 1}]}

    open_ticket = route("POST /tickets", body={"subject": "Broken"})
    get_ticket = route("GET /tickets/1", read_only=True)
    get_history = route("GET /tickets/1/history", read_only=True)
    rename = route("PUT /tickets/1/subject", body={"subject": "Very slow"}, headers={"If-Match": "1"})
    claim = route("POST /tickets/1/claim")
    reassign = route("PUT /tickets/1/assignee", body={"to": "bob"}, principals=["alice"])
    release = route("DELETE /tickets/1/assignee")
    comment = route("POST /tickets/1/comments", body={"text": "Since May."})
    add_task = route("POST /tickets/1/tasks", body={"text": "Look at the disk."}, principals=["alice"])
    close = route("POST /tickets/1/close")
