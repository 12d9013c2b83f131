"""Requests that are served by a thread: scripts of calls and pauses, whose responses are recorded."""

from __future__ import annotations

import queue
import threading
from time import sleep  # imported before a runner patches it
from types import SimpleNamespace

from toctou.engine import Division
from toctou.gate.local_states import LocalStates, initial_state
from toctou.gate.mailbox import HeldCall, Mailbox, Responded
from toctou.gate.relay import Patience, Relay
from toctou.history.operation import Operation
from toctou.scheduling.choices import Choices
from toctou.scheduling.own_threads import claim, release
from toctou.scheduling.runner import Limits, Runner


class Requests:
    """Runs scripts ``(mailbox, call) -> None`` on one thread each, started before the runner monitors threads."""

    def __init__(
        self,
        *scripts,
        silence=2.0,
        settle=0.02,
        choose=lambda count: 0,
        local_states=None,
        limit=10.0,
        division=None,
        outcome=None,
    ):
        self.performed = []
        self.responses = {}
        self.local_states = local_states or LocalStates()
        self.runner = Runner(Limits(operations=20, seconds=limit))
        choices = Choices()
        choices.bind(SimpleNamespace(pick=lambda kind, count: choose(count)))
        self.relay = Relay(
            self.runner,
            self._perform,
            choices,
            self.local_states,
            Patience(silence, settle),
            lambda index: f"log of {index}",
            division or Division(),
        )
        self._outcome = outcome or (lambda call: ({"n": len(self.performed)}, None))
        self._scripts = scripts
        self._orders = [queue.SimpleQueue() for _ in scripts]
        self._threads = [
            threading.Thread(target=self._work, args=(script, orders), daemon=True)
            for script, orders in zip(scripts, self._orders, strict=True)
        ]

    def _perform(self, turn, call):
        self.performed.append(("AB"[turn.request], call.action, dict(call.parameters)))
        return Operation(turn.request, turn.number, call.action, call.parameters, *self._outcome(call))

    def run(self, order):
        """Take steps in this order, then the remaining ones; returns the responses."""
        for thread in self._threads:
            thread.start()
        try:
            with self.runner.installed():
                self.runner.begin([self._body(index) for index in range(len(self._scripts))])
                for index in order:
                    self.runner.step(index)
                while enabled := self.runner.enabled():
                    self.runner.step(enabled[0])
        finally:
            for orders in self._orders:
                orders.put(None)
            for thread in self._threads:
                thread.join(5)
        return self.responses

    def _body(self, index):
        def body():
            mailbox = Mailbox()
            self._orders[index].put(mailbox)
            self.responses[index] = self.relay.serve(index, mailbox, initial_state(self._scripts[index].__name__))

        return body

    @staticmethod
    def _work(script, orders):
        claim()
        while (mailbox := orders.get()) is not None:
            script(Client(mailbox))
        release()


class Client:
    """How a script calls DynamoDB and responds."""

    def __init__(self, mailbox):
        self._mailbox = mailbox
        self._replies = queue.SimpleQueue()

    def send(self, action, **parameters):
        self._mailbox.put(HeldCall(action, parameters, self._replies.put))

    def receive(self):
        try:
            return self._replies.get(timeout=1.5)
        except queue.Empty:
            return None

    def call(self, action, **parameters):
        self.send(action, **parameters)
        return self.receive()

    def respond(self, response):
        self._mailbox.put(Responded(response))

    put = property(lambda self: self._mailbox.put)
    pause = staticmethod(sleep)
