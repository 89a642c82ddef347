# SPDX-License-Identifier: LGPL-2.1-or-later
"""A polkit authority on the test's bus, which answers as the test says and tells what it was asked.

It has a connection and a thread of its own, since the client of the test waits in its call.
"""
import threading

from gi.repository import Gio, GLib

NAME = "org.freedesktop.PolicyKit1"
PATH = "/org/freedesktop/PolicyKit1/Authority"
XML = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
<method name="CheckAuthorization">
<arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/>
<arg type="a{ss}" direction="in"/><arg type="u" direction="in"/>
<arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/></method>
<method name="CancelCheckAuthorization"><arg type="s" direction="in"/></method>
</interface></node>"""

YES = (True, False, {})
NO = (False, False, {})
CHALLENGE = (False, True, {"polkit.retains_authorization_after_challenge": "1"})
DISMISSED = (False, False, {"polkit.dismissed": "true"})
HANG = None


class Question:
    def __init__(self, call, body):
        (self.kind, subject), self.action, self.details, flags, self.id = body
        self.subject, self.interactive, self.call = subject, bool(flags & 1), call

    def answer(self, answer):
        if isinstance(answer, str):
            self.call.return_dbus_error(answer, "made to fail")
        else:
            self.call.return_value(GLib.Variant("((bba{ss}))", (answer,)))


class Authority:
    """answers: one for all, or a function of a Question; a D-Bus error's name is sent as such."""

    def __init__(self, address, answers=HANG):
        self.answers, self.questions, self.cancelled = answers, [], []
        self.context = GLib.MainContext()
        self.loop = GLib.MainLoop(self.context)
        ready = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(address, ready))
        self.thread.start()
        if not ready.wait(20):
            raise AssertionError("the authority does not get its name")

    def serve(self, address, ready):
        self.context.push_thread_default()
        self.connection = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
            Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        interface = Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0]
        self.connection.register_object(PATH, interface, self.on_call, None, None)
        self.connection.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
            "RequestName", GLib.Variant("(su)", (NAME, 0)), None, 0, -1, None)
        ready.set()
        self.loop.run()
        self.connection.close_sync(None)

    def on_call(self, _connection, _sender, _path, _interface, method, parameters, call):
        if method == "CancelCheckAuthorization":
            self.cancelled.append(parameters.unpack()[0])
            call.return_value(None)
            return
        question = Question(call, parameters.unpack())
        answer = self.answers(question) if callable(self.answers) else self.answers
        self.questions.append(question)
        if answer is not HANG:
            question.answer(answer)

    def answer(self, question, answer):
        """Answers one that hangs, in the thread that owns the connection."""
        self.context.invoke_full(GLib.PRIORITY_DEFAULT, lambda: question.answer(answer) and False)

    def stop(self):
        # In its thread, since a quit before the loop runs would be lost.
        self.context.invoke_full(GLib.PRIORITY_DEFAULT, self.loop.quit)
        self.thread.join()
