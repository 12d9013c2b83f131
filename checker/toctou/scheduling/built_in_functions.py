"""Replaces built-in functions of a C module, also where they were imported by name.

The function itself is given another implementation, as ``time_machine`` does it in C.  CPython keeps what a built-in function
calls, and the module that it passes, in two neighbouring fields (``m_ml`` and ``m_self`` of ``PyCFunctionObject``,
https://github.com/python/cpython/blob/3.14/Include/cpython/methodobject.h).  Here they become ``PyObject_CallObject``, or
``PyObject_CallOneArg``, and an object that calls the replacement, so that exceptions, signals and greenlets pass as in any call.
Functions that are made of the same definition elsewhere, as in a second instance of the module, stay as they are.

Where that is not how they are kept (another implementation of Python, one without its lock) the module's attribute is replaced.
"""

from __future__ import annotations

import ctypes
import gc
import platform
import sysconfig
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType
from typing import Any, Protocol

_CALLS = {0x0001: "PyObject_CallObject", 0x0004: "PyObject_CallObject", 0x0008: "PyObject_CallOneArg"}
"""What calls an object with the arguments of a function that is ``METH_VARARGS``, ``METH_NOARGS`` or ``METH_O``."""

_HEAD = object.__basicsize__
_FIELDS = 5  # pointers that follow it: m_ml, m_self, m_module, m_weakreflist, vectorcall

_KEPT: list[Any] = []
"""What C code refers to; it is never freed."""


class Replacement(Protocol):
    """It may be used any number of times; several of one function end in the reverse order of their beginnings."""

    def replace(self) -> None:
        """From now on the replacement is called."""

    def restore(self) -> None:
        """From now on what was called before is called again."""


def replacement(module: ModuleType, name: str, by: Callable[..., Any]) -> Replacement:
    """Of a module's function by one that takes the same arguments; it is not replaced yet."""
    function = getattr(module, name)
    return _OfFunction(module, function, by) if is_known(module, function) else OfAttribute(module, name, by)


def is_known(module: ModuleType, function: object) -> bool:
    """Whether a function of a module is one that can be replaced for everybody."""
    if platform.python_implementation() != "CPython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    size = _HEAD + _FIELDS * ctypes.sizeof(ctypes.c_void_p)
    if type(function) is not BuiltinFunctionType or type(function).__basicsize__ != size:
        return False
    called = _called(function)
    if called.passed != id(module):  # only if it is, the field before it is known to be a pointer to a definition
        return False
    method = called.method.contents
    return method.name == function.__name__.encode() and method.flags in _CALLS


class OfAttribute:
    """The replacement of an attribute of a module or a class."""

    def __init__(self, owner: Any, name: str, by: Callable[..., Any]) -> None:
        self._owner = owner
        self._name = name
        self._by = by
        self._before: Any = None

    def replace(self) -> None:
        """See :class:`Replacement`."""
        self._before = getattr(self._owner, self._name)
        setattr(self._owner, self._name, self._by)

    def restore(self) -> None:
        """See :class:`Replacement`."""
        setattr(self._owner, self._name, self._before)


class OfMethod:
    """The replacement of a method of a type that is written in C, for every object of it.

    Such a type refuses to have attributes set.  Its dictionary does not, once what Python remembers of it is forgotten.
    """

    def __init__(self, kind: type, name: str, by: Callable[..., Any]) -> None:
        self._kind = kind
        self._name = name
        self._by = by
        self._before: Any = None

    def replace(self) -> None:
        """See :class:`Replacement`."""
        self._before = vars(self._kind)[self._name]
        self._put(self._by)

    def restore(self) -> None:
        """See :class:`Replacement`."""
        self._put(self._before)

    def _put(self, method: Any) -> None:
        [attributes] = gc.get_referents(vars(self._kind))  # behind the read-only view
        attributes[self._name] = method
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(self._kind))


class _Method(ctypes.Structure):
    """``PyMethodDef``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


class _Called(ctypes.Structure):
    """What a built-in function calls, and the object that it passes."""

    _fields_ = (("method", ctypes.POINTER(_Method)), ("passed", ctypes.c_void_p))


def _called(function: BuiltinFunctionType) -> _Called:
    return _Called.from_address(id(function) + _HEAD)


class _Receiver(ModuleType):
    """What a replaced function passes: a module, as before, because functions are pickled and shown by that."""

    def __init__(self, name: str, by: Callable[..., Any]) -> None:
        super().__init__(name)
        self._by = by

    def __call__(self, *arguments: Any) -> Any:
        return self._by(*arguments)


class _OfFunction:
    """The replacement of what a built-in function calls."""

    def __init__(self, module: ModuleType, function: BuiltinFunctionType, by: Callable[..., Any]) -> None:
        receiver = _Receiver(module.__name__, by)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(receiver))  # the function's reference
        self._called = ctypes.pointer(_called(function))
        method = _Method.from_buffer_copy(self._called.contents.method.contents)
        method.call = ctypes.cast(getattr(ctypes.pythonapi, _CALLS[method.flags]), ctypes.c_void_p).value
        self._replaced = _Called(ctypes.pointer(method), id(receiver))
        self._before = _Called()
        _KEPT.append((self, function, method, receiver))

    def replace(self) -> None:
        """See :class:`Replacement`."""
        self._before = _Called.from_buffer_copy(self._called.contents)
        self._called[0] = (
            self._replaced
        )  # both fields at once: other threads call it, and copying keeps the interpreter's lock

    def restore(self) -> None:
        """See :class:`Replacement`."""
        self._called[0] = self._before
